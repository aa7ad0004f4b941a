"""Messages of charging stations about transactions, with only what a test is about to be said."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.v2.transactions_pb2 import (
    Transaction,
    TransactionEventEnum,
    TransactionEventRequest,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import (
    EVSE,
    IdToken,
    MeasurandEnum,
    MeterValue,
    PhaseEnum,
    ReadingContextEnum,
    SampledValue,
    UnitOfMeasure,
)

__all__ = ["BEGINNING", "at", "ended", "meter_value", "sampled", "started", "transaction_event", "updated"]

BEGINNING = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
"""When the transactions of tests begin."""


def at(minutes: float) -> Timestamp:
    """Return a time so many minutes after the beginning."""
    time = Timestamp()
    time.FromDatetime(BEGINNING + timedelta(minutes=minutes))
    return time


def sampled(
    value: float,
    measurand: str = "",
    *,
    unit: str | None = None,
    multiplier: int | None = None,
    phase: str = "",
    context: str = "",
) -> SampledValue:
    """Return a sampled value; names are those of the enums without their prefix, e.g. "SOC"."""
    found = SampledValue(value=value)
    if measurand:
        found.measurand = MeasurandEnum.Value(f"MEASURAND_ENUM_{measurand}")
    if phase:
        found.phase = PhaseEnum.Value(f"PHASE_ENUM_{phase}")
    if context:
        found.context = ReadingContextEnum.Value(f"READING_CONTEXT_ENUM_{context}")
    if unit is not None or multiplier is not None:
        found.unit_of_measure.CopyFrom(UnitOfMeasure(unit=unit, multiplier=multiplier))
    return found


def meter_value(minutes: float, *values: SampledValue | float) -> MeterValue:
    """Return values of one time; a plain number is the import register in Wh."""
    return MeterValue(
        timestamp=at(minutes),
        sampled_value=[value if isinstance(value, SampledValue) else sampled(value) for value in values],
    )


def transaction_event(
    event_type: str,
    seq_no: int,
    *values: SampledValue | float,
    minutes: float | None = None,
    transaction_id: str = "T-1",
    trigger: str = "METER_VALUE_PERIODIC",
    id_token: str | None = None,
    evse: tuple[int, int] | None = None,
    info: dict[str, Any] | None = None,
    meter_values: Sequence[MeterValue] = (),
    **fields: Any,
) -> TransactionEventRequest:
    """Return a TransactionEvent, one minute after the other."""
    minutes = float(seq_no) if minutes is None else minutes
    request = TransactionEventRequest(
        event_type=TransactionEventEnum.Value(f"TRANSACTION_EVENT_ENUM_{event_type}"),
        timestamp=at(minutes),
        trigger_reason=TriggerReasonEnum.Value(f"TRIGGER_REASON_ENUM_{trigger}"),
        seq_no=seq_no,
        transaction_info=Transaction(transaction_id=transaction_id, **(info or {})),
        meter_value=meter_values,
        **fields,
    )
    if values:
        request.meter_value.append(meter_value(minutes, *values))
    if id_token is not None:
        request.id_token.CopyFrom(IdToken(id_token=id_token, type="ISO14443"))
    if evse is not None:
        request.evse.CopyFrom(EVSE(id=evse[0], connector_id=evse[1]))
    return request


def started(seq_no: int = 0, *values: SampledValue | float, **fields: Any) -> TransactionEventRequest:
    """Return a TransactionEvent of type Started."""
    return transaction_event("STARTED", seq_no, *values, **fields)


def updated(seq_no: int, *values: SampledValue | float, **fields: Any) -> TransactionEventRequest:
    """Return a TransactionEvent of type Updated."""
    return transaction_event("UPDATED", seq_no, *values, **fields)


def ended(seq_no: int, *values: SampledValue | float, **fields: Any) -> TransactionEventRequest:
    """Return a TransactionEvent of type Ended."""
    return transaction_event("ENDED", seq_no, *values, **fields)
