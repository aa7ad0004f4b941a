"""The last profiles that were sent for a plan, with their failures. Without input or output."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import orjson

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine_core.blocks.smart_charging.models import ProfileRecord

__all__ = ["Sent", "note_outcomes", "pack_sent", "unpack_sent"]

_RETRY_TIMES = (10, 30, 60, 300)
"""Seconds until a refused or unanswered profile is resent, after the first, second and later failures."""

_FOR_GOOD = ("NotSupported", "NotImplemented")
_SELDOM = 3600
"""Seconds until a profile is resent after the station answered one of `_FOR_GOOD`."""

_FAILED = (pb.CHARGING_PROFILE_STATE_REJECTED, pb.CHARGING_PROFILE_STATE_FAILED)


@dataclass
class Sent:
    """The last profile that was sent for an EVSE."""

    transaction_id: str
    profile_id: int
    record_id: int
    attempts: int = 0
    """Successive profiles that were refused or not answered."""
    failed_id: int = 0
    """Record of the last one that was."""
    retry_seconds: float = 0.0
    """POSIX timestamp before which it is not resent. 0: it may be sent at once."""
    problem: str = ""

    @property
    def retry_time(self) -> datetime | None:
        """Return when it may be resent; None: at once."""
        return datetime.fromtimestamp(self.retry_seconds, UTC) if self.retry_seconds else None

    @property
    def is_refused(self) -> bool:
        """Return whether the station refused it."""
        return self.problem.startswith(("Rejected", *_FOR_GOOD))

    def is_stuck(self, now: datetime) -> bool:
        """Return whether it failed, and must not be resent yet."""
        return self.retry_seconds > now.timestamp()


def unpack_sent(content: bytes) -> dict[int, Sent]:
    """Return the last sent profiles by EVSE, from a column."""
    return {int(evse_id): Sent(**fields) for evse_id, fields in orjson.loads(content or b"{}").items()}


def pack_sent(sent: Mapping[int, Sent]) -> bytes:
    """Return the content of the column that `unpack_sent` reads."""
    return orjson.dumps({str(evse_id): asdict(one) for evse_id, one in sorted(sent.items())})


def note_outcomes(sent: Mapping[int, Sent], records: Iterable[ProfileRecord], *, booted: bool) -> None:
    """Record which profiles failed, and when they may be resent.

    Args:
        sent: Last sent profiles by EVSE, which are changed.
        records: Their records.
        booted: True: the station has booted since, so that failures don't count any more.
    """
    by_id = {record.id: record for record in records}
    for one in sent.values():
        record = by_id.get(one.record_id)
        if booted or record is None or record.state == pb.CHARGING_PROFILE_STATE_ACCEPTED:
            one.attempts, one.retry_seconds, one.problem = 0, 0.0, ""
        elif record.state in _FAILED and record.id != one.failed_id:
            one.attempts, one.failed_id, one.problem = one.attempts + 1, record.id, record.reason
            seconds = _RETRY_TIMES[min(one.attempts, len(_RETRY_TIMES)) - 1]
            if record.reason.startswith(_FOR_GOOD):
                seconds = _SELDOM
            one.retry_seconds = (record.update_time + timedelta(seconds=seconds)).timestamp()
