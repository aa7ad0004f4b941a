"""Runs an edge: ``python -m citrine_edge``."""

import sys

from citrine_edge.app import main

__all__: list[str] = []

sys.exit(main())
