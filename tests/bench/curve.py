"""The curve: what one and the same message costs at every load, and what of it runs anyway.

The CPU of a system is split in three by the points of a curve: what runs anyway, as measured with connected and silent
stations; what each batch of messages costs; what each message in it costs. The last two are those that fit all points
best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.measure import Batches, Cost

__all__ = ["SILENT", "Point", "Split", "point", "split"]

SILENT = "connected and silent"
"""Name of the point of stations that say nothing: what runs anyway."""


@dataclass(frozen=True)
class Point:
    """One load."""

    name: str
    per_second: float
    """Messages answered."""
    batches: float
    """Batches a second."""
    cpu: Mapping[str, float]
    """Shares of one CPU in %, by role."""
    machine: float
    """Share of one CPU in % that the machine was busy beside the load generator."""
    due: int = 0
    """Messages that were due in the window."""
    unanswered: int = 0
    """Those of them that were not answered until some seconds after it."""
    afterwards: float = 0.0
    """CPU seconds that were still used afterwards, until the system was quiet again."""
    p50: float = 0.0
    """Milliseconds."""
    p99: float = 0.0

    @property
    def total(self) -> float:
        """Return the share of one CPU in % of all roles together."""
        return sum(self.cpu.values())

    @property
    def answered_share(self) -> float:
        """Return how much of what was due in the window was answered soon."""
        return 1 - self.unanswered / self.due if self.due else 1.0

    def as_json(self) -> dict[str, Any]:
        """Return it as results are stored."""
        return asdict(self)


@dataclass(frozen=True)
class Split:
    """What the CPU is made of."""

    anyway: float
    """Share of one CPU in %, whatever the load."""
    per_batch: float
    """Milliseconds of CPU."""
    per_message: float
    """Milliseconds of CPU."""

    def at(self, one: Point) -> tuple[float, float, float]:
        """Return the shares of one CPU in % at a load: what runs anyway, the batches, the messages."""
        return self.anyway, self.per_batch * one.batches / 10, self.per_message * one.per_second / 10


def point(name: str, cost: Cost, answered: int = 0, batches: Batches | None = None, **more: Any) -> Point:
    """Return a point from what was measured in its window.

    Args:
        name: What is done.
        cost: What it took.
        answered: Messages answered within the window.
        batches: Batches and items since the point before, of which some are those of the warm-up.
        more: Other fields of a point.
    """
    per_second = answered / cost.seconds
    each = batches.batches / batches.items if batches is not None and batches.items else 0.0
    cpu = {role: 100 * seconds / cost.seconds for role, seconds in cost.cpu.items()}
    return Point(name, per_second, per_second * each, cpu, 100 * cost.machine / cost.seconds, **more)


def split(points: Sequence[Point], anyway: float) -> Split:
    """Return the costs of a batch and of a message that fit all loads best, each with its relative error.

    Neither can be less than nothing.
    """
    rows = [
        (one.batches / one.total, one.per_second / one.total, (one.total - anyway) / one.total)
        for one in points
        if one.per_second and one.total > anyway
    ]
    bb, mm, bm = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (1, 1), (0, 1)))
    by, my = (sum(row[i] * row[2] for row in rows) for i in (0, 1))
    determinant = bb * mm - bm * bm
    batch = message = 0.0
    if determinant > 1e-12 * bb * mm:
        batch, message = (by * mm - my * bm) / determinant, (my * bb - by * bm) / determinant
    if batch <= 0 and mm:
        batch, message = 0.0, max(0.0, my / mm)
    elif message <= 0 and bb:
        batch, message = max(0.0, by / bb), 0.0
    # A share of one percent is ten milliseconds a second.
    return Split(anyway, 10 * batch, 10 * message)
