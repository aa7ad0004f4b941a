"""CPU time of the processes of a scenario, by role, and of the whole machine."""

import contextlib
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil
from prometheus_client.parser import text_string_to_metric_families

from citrine_simulator.fleet import Fleet
from citrine_simulator.load import LoadResult, saturate
from tests.bench.profiling import Profiles

__all__ = ["Batches", "Cost", "Measured", "Meter", "Pids", "cpu_by_role", "measured"]

_SCHEDULED = 2
"""The kind of a CPU clock that counts all time for which a process was scheduled."""

Pids = Mapping[str, Sequence[int]]
"""Processes of a system by their role; the children of each belong to it."""


@dataclass(frozen=True)
class Cost:
    """What a system used within a window."""

    seconds: float
    """How long the window was open."""
    cpu: Mapping[str, float]
    """CPU seconds, user and system, by role, as the system accounts for all processes."""
    machine: float
    """CPU seconds that the whole machine was busy, less those of the load generator: what `top` shows at its head."""

    @property
    def total(self) -> float:
        """Return the CPU seconds of all roles."""
        return sum(self.cpu.values())


class Meter:
    """Reads the CPU time when a window opens and when it closes, and profiles the window where that is wanted."""

    def __init__(self, pids: Pids, profiles: Profiles | None = None, name: str = "") -> None:
        self._pids = pids
        self._profiles = profiles
        self._name = name
        self._before = self._after = (0.0, dict[str, float](), 0.0)

    def open(self) -> None:
        """Begin to count."""
        if self._profiles is not None:
            self._profiles.begin(self._name, self._pids)
        self._before = self._now()

    def close(self) -> None:
        """Count no more."""
        self._after = self._now()
        if self._profiles is not None:
            self._profiles.end()

    @property
    def cost(self) -> Cost:
        """Return what was used from the opening to the closing."""
        (began, before, idle), (ended, after, busy) = self._before, self._after
        return Cost(ended - began, {role: after[role] - before[role] for role in after}, busy - idle)

    def _now(self) -> tuple[float, dict[str, float], float]:
        return time.perf_counter(), cpu_by_role(self._pids), _machine_seconds()


@dataclass(frozen=True)
class Measured:
    """What one load scenario cost, within its window."""

    result: LoadResult
    cpu: Mapping[str, float]
    """CPU seconds, user and system, by role."""

    def cpu_per_message(self, *roles: str) -> float:
        """Return µs of CPU per answered message, of these roles together."""
        return sum(self.cpu[role] for role in roles) / self.result.answered * 1e6


@dataclass(frozen=True)
class Batches:
    """Batches and items that cores have done so far, as their metrics say."""

    batches: float
    items: float

    def since(self, before: "Batches") -> "Batches":
        """Return those that came after others were read."""
        return Batches(self.batches - before.batches, self.items - before.items)

    @classmethod
    def of(cls, urls: Sequence[str]) -> "Batches":
        """Read the metrics of all cores, by the URLs of their HTTP faces."""
        found = {"citrine_core_batch_items_count": 0.0, "citrine_core_batch_items_sum": 0.0}
        for url in urls:
            with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
                text = answer.read().decode()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name in found:
                        found[sample.name] += sample.value
        return cls(found["citrine_core_batch_items_count"], found["citrine_core_batch_items_sum"])


def cpu_by_role(pids: Pids) -> dict[str, float]:
    """Return the CPU time, user and system, that the processes of each role have used so far."""
    return {role: sum(map(_cpu_seconds, each)) for role, each in pids.items()}


def _cpu_seconds(pid: int) -> float:
    process = psutil.Process(pid)
    times = process.cpu_times()
    # PostgreSQL's connections are processes; those that ended are counted with their parent.
    total: float = _own_seconds(process) + times.children_user + times.children_system
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, OSError):
            total += _own_seconds(child)
    return total


def _own_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process, to the nanosecond where the system says it: psutil has hundredths."""
    if sys.platform == "linux":
        # The number of another process's clock, as clock_getcpuclockid(3) returns it.
        return time.clock_gettime(~process.pid << 3 | _SCHEDULED)
    times = process.cpu_times()
    return float(times.user + times.system)


def _machine_seconds() -> float:
    times, own = psutil.cpu_times(), psutil.Process().cpu_times()
    busy: float = times.user + times.nice + times.system
    # Of Linux alone.
    busy += getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
    return busy - own.user - own.system


async def measured(pids: Pids, fleet: Fleet, seconds: float, profiles: Profiles | None = None) -> Measured:
    """Saturate what the fleet connects to and take the CPU time of the roles within the measured window.

    Raises:
        RuntimeError: When a message was answered with an error or not at all.
    """
    meter = Meter(pids, profiles, "saturated")
    result = await saturate(fleet, seconds, opened=meter.open, closed=meter.close)
    if result.errors:
        raise RuntimeError(f"the load went wrong: {result.errors}")
    return Measured(result, meter.cost.cpu)
