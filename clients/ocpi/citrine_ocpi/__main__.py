"""Run the adapter: `python -m citrine_ocpi`."""

import sys

from citrine_ocpi.app import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
