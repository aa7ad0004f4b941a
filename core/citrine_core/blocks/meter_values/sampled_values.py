"""Sampled values as stations sent them, of rows that stand for themselves."""

from typing import Any

from sqlalchemy import Row

from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.types_pb2 import MeterValue, SampledValue, UnitOfMeasure
from citrine_core.blocks.meter_values.readings import SIGNED, UNSIGNED

__all__ = ["message_of"]


def message_of(row: Row[Any]) -> MeterValuesRequest:
    """Return the message of a row of `samples` with its one value; without time and EVSE, which are columns."""
    if row.extra is not None and row.extra[:1] in (SIGNED, UNSIGNED):
        return MeterValuesRequest.FromString(row.extra[1:])
    return MeterValuesRequest(meter_value=[MeterValue(sampled_value=[_of_columns(row)])])


def _of_columns(row: Row[Any]) -> SampledValue:
    sampled = SampledValue(
        value=row.value, measurand=row.measurand, context=row.context, phase=row.phase, location=row.location
    )
    if row.unit is not None or row.multiplier is not None:
        sampled.unit_of_measure.CopyFrom(UnitOfMeasure(unit=row.unit, multiplier=row.multiplier))
    return sampled
