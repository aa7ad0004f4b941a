"""Run the console: `python -m citrine_console`."""

import sys

from citrine_console.app import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
