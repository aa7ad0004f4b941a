"""What is remembered of a transaction whose readings are doubtful, and its anomalies, as they are stored."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import orjson

__all__ = ["Anomaly", "RegisterMemory", "add_anomaly", "dump_anomalies", "load_anomalies"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_ANOMALIES = 50
"""A station that is wrong all the time must not have us store all of it."""


@dataclass(slots=True)
class RegisterMemory:
    """What an ordinary transaction does not need."""

    series: int = 0
    """The register that counts, as RegisterReading.series has it."""
    others: bool = False
    """Readings of other registers came."""
    boots: list[int] = field(default_factory=list)
    """seqNo of the first events after boots of the station."""
    pending: bool = False
    """What the last readings mean is not known yet."""
    height_wh: float | None = None
    """A reading at or above it proves that the register did not restart."""
    confirmed: list[float] = field(default_factory=list)
    """Registers in Wh that an operator confirmed."""
    interval: tuple[int, int | None, float] | None = None
    """Of energy told in intervals: its series, when the latest one ended (microseconds since 1970), and Wh so far."""
    outside: list[tuple[int, float]] = field(default_factory=list)
    """Register readings of MeterValues of the EVSE: microseconds since 1970 and Wh."""

    @classmethod
    def load(cls, content: bytes | None) -> "RegisterMemory":
        """Return what was stored."""
        return cls() if content is None else cls(**orjson.loads(content))

    def dump(self) -> bytes | None:
        """Return it as it is stored; None where there is nothing to remember."""
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
    """Return what was stored."""
    if content is None:
        return []
    return [
        Anomaly(kind, None if time is None else _EPOCH + timedelta(microseconds=time), wh)
        for kind, time, wh in orjson.loads(content)
    ]


def dump_anomalies(anomalies: Iterable[Anomaly]) -> bytes | None:
    """Return them as they are stored, each once and not too many; None where there are none."""
    rows = [
        (one.kind, None if one.time is None else (one.time - _EPOCH) // timedelta(microseconds=1), one.register_wh)
        for one in dict.fromkeys(anomalies)
    ]
    return orjson.dumps(rows[:MOST_ANOMALIES]) if rows else None


def add_anomaly(state: _HasAnomalies, anomaly: Anomaly) -> None:
    """Add what is doubtful about a transaction; does nothing where it is known."""
    state.anomalies = dump_anomalies([*load_anomalies(state.anomalies), anomaly])
