"""Runs an edge: ``python -m citrine_edge``."""

import sys

from citrine_edge.app import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
