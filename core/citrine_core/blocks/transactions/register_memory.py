"""Stored memory of a transaction with unusual readings, and its anomalies."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import orjson

__all__ = ["Anomaly", "RegisterMemory", "add_anomaly", "dump_anomalies", "load_anomalies"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_ANOMALIES = 50
"""Largest number of anomalies stored with a transaction."""


@dataclass(slots=True)
class RegisterMemory:
    """Facts on registers that an ordinary transaction does not need."""

    series: int = 0
    """The series that counts, as in RegisterReading.series."""
    others: bool = False
    """Whether there were readings of other series."""
    boots: list[int] = field(default_factory=list)
    """Positions of the first events after boots of the station (`Occurrence.position`)."""
    pending: bool = False
    """Whether the meaning of the last readings is undecided."""
    height_wh: float | None = None
    """A reading at or above it proves that the register did not restart."""
    confirmed: list[float] = field(default_factory=list)
    """Registers in Wh that an operator confirmed."""
    interval: tuple[int, int | None, float] | None = None
    """For energy in intervals: the series, the end of the latest one (microseconds since 1970), and Wh so far."""
    outside: list[tuple[int, float]] = field(default_factory=list)
    """Register readings of MeterValues of the EVSE: microseconds since 1970 and Wh."""

    @classmethod
    def load(cls, content: bytes | None) -> "RegisterMemory":
        """Return the stored memory."""
        return cls() if content is None else cls(**orjson.loads(content))

    def dump(self) -> bytes | None:
        """Return the stored form; None if there is nothing to store."""
        return None if self == RegisterMemory() else orjson.dumps(asdict(self))


class Anomaly(NamedTuple):
    """Something doubtful about a transaction."""

    kind: int
    """citrine.api.v1.TransactionAnomaly.Kind"""
    time: datetime | None = None
    register_wh: float | None = None


class _HasAnomalies(Protocol):
    anomalies: bytes | None


def load_anomalies(content: bytes | None) -> list[Anomaly]:
    """Return the stored anomalies."""
    if content is None:
        return []
    return [
        Anomaly(kind, None if time is None else _EPOCH + timedelta(microseconds=time), wh)
        for kind, time, wh in orjson.loads(content)
    ]


def dump_anomalies(anomalies: Iterable[Anomaly]) -> bytes | None:
    """Return the stored form, without duplicates and limited in number; None if there are none."""
    rows = [
        (one.kind, None if one.time is None else (one.time - _EPOCH) // timedelta(microseconds=1), one.register_wh)
        for one in dict.fromkeys(anomalies)
    ]
    return orjson.dumps(rows[:MOST_ANOMALIES]) if rows else None


def add_anomaly(state: _HasAnomalies, anomaly: Anomaly) -> None:
    """Add an anomaly to a transaction, unless it has it."""
    state.anomalies = dump_anomalies([*load_anomalies(state.anomalies), anomaly])
