"""Results of groups of measurements, in a file beside the document that is made from it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Results", "Run"]


@dataclass(frozen=True)
class Run:
    """When, where and of what something was measured."""

    day: str
    machine: str
    seconds: float
    """How long it took."""
    time: str = ""
    """Of the day when it began, in UTC. Empty where older results lack it, as the next."""
    commit: str = ""
    """What was measured; with a "+" where something that was not committed was measured."""


class Results:
    """What each group measured last; a group that is measured anew takes the place of what it had measured before."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.groups: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self.groups = json.loads(path.read_text())

    def add(self, group: str, values: Mapping[str, Any], run: Run) -> None:
        """Add what a group measured."""
        self.groups[group] = {**asdict(run), "seconds": round(run.seconds), "values": dict(values)}

    def get(self, group: str) -> dict[str, Any] | None:
        """Return what a group measured, or None where it never did."""
        found = self.groups.get(group)
        return None if found is None else found["values"]

    def run(self, group: str) -> Run | None:
        """Return when and where a group was measured last."""
        found = self.groups.get(group)
        return None if found is None else Run(**{name: found[name] for name in Run.__dataclass_fields__})

    def write(self) -> None:
        """Write the file."""
        if self._path is not None:
            self._path.write_text(json.dumps(self.groups, indent=1, sort_keys=True) + "\n")
