"""`python -m citrine_cli` is `citrine`."""

import sys

from citrine_cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
