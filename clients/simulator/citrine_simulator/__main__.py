"""`python -m citrine_simulator` is `citrine simulate`."""

import sys

from citrine_simulator.app import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
