"""What the first and the last event of a transaction say for its charge record: signed readings, and who decided."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from citrine.api.v1 import charge_records_pb2 as pb
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum, TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import ReadingContextEnum

__all__ = ["Boundaries", "boundaries_of"]

_STARTED = int(TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED)
_ENDED = int(TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED)
_BEGIN = ReadingContextEnum.READING_CONTEXT_ENUM_TRANSACTION_BEGIN
_END = ReadingContextEnum.READING_CONTEXT_ENUM_TRANSACTION_END


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The first and the last event of a transaction."""

    has_start: bool = False
    """Whether the first one is stored."""
    started_offline: bool = False
    """Whether it was sent after an interruption, so that the station had decided by itself."""
    signed_start: Sequence[pb.SignedReading] = ()
    signed_end: Sequence[pb.SignedReading] = ()


def boundaries_of(events: Sequence[Any]) -> Boundaries:
    """Return what the stored events say that begin or end a transaction; their rows are in the order of the events."""
    start = next((row for row in events if row.event_type == _STARTED), None)
    end = next((row for row in events if row.event_type == _ENDED), None)
    of_start = [] if start is None else list(_signed(TransactionEventRequest.FromString(start.request)))
    of_end = [] if end is None else list(_signed(TransactionEventRequest.FromString(end.request)))
    # In OCPP 1.6 the readings of the beginning may come with the end.
    begins = [one for one in of_start if one.context == _BEGIN] or [one for one in of_end if one.context == _BEGIN]
    ends = [one for one in of_end if one.context == _END]
    return Boundaries(
        has_start=start is not None,
        started_offline=start is not None and bool(start.offline),
        signed_start=begins or _at(of_start, first=True),
        signed_end=ends or _at([one for one in of_end if one.context != _BEGIN], first=False),
    )


def _signed(request: TransactionEventRequest) -> Iterator[pb.SignedReading]:
    for value in request.meter_value:
        for one in value.sampled_value:
            if one.HasField("signed_meter_value"):
                yield pb.SignedReading(
                    time=value.timestamp,
                    context=one.context,
                    measurand=one.measurand,
                    signed_meter_value=one.signed_meter_value,
                )


def _at(readings: Sequence[pb.SignedReading], *, first: bool) -> list[pb.SignedReading]:
    """Return the earliest or the latest of readings that do not say why they were taken."""
    times = [(one.time.seconds, one.time.nanos) for one in readings]
    if not times:
        return []
    wanted = min(times) if first else max(times)
    return [one for one, time in zip(readings, times, strict=True) if time == wanted]
