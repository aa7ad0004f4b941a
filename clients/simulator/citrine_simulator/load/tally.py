"""Counts and latencies of a measurement."""

import time
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Latencies", "Tally"]


@dataclass(frozen=True, slots=True)
class Latencies:
    """Quantiles of latencies, in milliseconds; all 0 if nothing was measured."""

    p50: float
    p95: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Latencies":
        """Return the quantiles of latencies in seconds."""
        ordered = sorted(seconds)
        if not ordered:
            return cls(0, 0, 0, 0)
        last = len(ordered) - 1
        p50, p95, p99 = (round(1000 * ordered[round(last * share)], 3) for share in (0.5, 0.95, 0.99))
        return cls(p50, p95, p99, round(1000 * ordered[last], 3))


class Tally:
    """Counts and latencies of the messages of many stations within a window of time."""

    def __init__(self) -> None:
        self.counting = False
        self.sent = 0
        self.errors: Counter[str] = Counter()
        """CALLERRORs by code, and lost connections. They also count outside the window."""
        self.latencies = array("d")
        """Latency of each answered message, in seconds."""
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self._opened = 0.0
        self._cpu = 0.0

    def open(self) -> None:
        """Open the window."""
        self._opened = time.perf_counter()
        self._cpu = time.process_time()
        self.counting = True

    def close(self) -> None:
        """Close the window."""
        self.counting = False
        self.seconds = time.perf_counter() - self._opened
        self.cpu_seconds = time.process_time() - self._cpu
