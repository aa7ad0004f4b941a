"""CPU time of the processes of a scenario, by role."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from citrine_simulator.fleet import Fleet
from citrine_simulator.load import LoadResult, saturate

__all__ = ["Measured", "cpu_seconds", "measured"]


@dataclass(frozen=True)
class Measured:
    """What one load scenario cost, within its window."""

    result: LoadResult
    cpu: Mapping[str, float]
    """CPU seconds, user and system, by role."""

    def cpu_per_message(self, *roles: str) -> float:
        """Return µs of CPU per answered message, of these roles together."""
        return sum(self.cpu[role] for role in roles) / self.result.answered * 1e6


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that a process and its children have used."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    # PostgreSQL's connections are processes; those that ended are counted with their parent.
    total: float = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return total


async def measured(pids: Mapping[str, int], fleet: Fleet, seconds: float) -> Measured:
    """Saturate what the fleet connects to and take the CPU time of the roles within the measured window.

    Raises:
        RuntimeError: When a message was answered with an error or not at all.
    """
    before: dict[str, float] = {}
    after: dict[str, float] = {}

    def snapshot(into: dict[str, float]) -> None:
        into.update({role: cpu_seconds(pid) for role, pid in pids.items()})

    result = await saturate(fleet, seconds, opened=lambda: snapshot(before), closed=lambda: snapshot(after))
    if result.errors:
        raise RuntimeError(f"the load went wrong: {result.errors}")
    return Measured(result, {role: after[role] - before[role] for role in pids})
