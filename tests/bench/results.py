"""Results of groups of measurements, in a file beside the document that is made from it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Results"]


class Results:
    """What each group measured last; a group that is measured anew takes the place of what it had measured before."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.groups: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self.groups = json.loads(path.read_text())

    def add(self, group: str, values: Mapping[str, Any], day: str, machine: str, took: float) -> None:
        """Take what a group measured."""
        self.groups[group] = {"day": day, "machine": machine, "took": round(took), "values": dict(values)}

    def get(self, group: str) -> dict[str, Any] | None:
        """Return what a group measured, or None where it never did."""
        found = self.groups.get(group)
        return None if found is None else found["values"]

    def took(self, group: str) -> float | None:
        """Return how many seconds a group took when it was measured last."""
        found = self.groups.get(group)
        return None if found is None else float(found["took"])

    def write(self) -> None:
        """Write the file."""
        if self._path is not None:
            self._path.write_text(json.dumps(self.groups, indent=1, sort_keys=True) + "\n")
