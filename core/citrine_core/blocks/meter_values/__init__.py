"""Functional block J, MeterValues: samples reported in and outside of transactions."""

from citrine_core.blocks.meter_values.handlers import MeterValuesHandlers
from citrine_core.blocks.meter_values.models import Sample
from citrine_core.blocks.meter_values.readings import (
    Measured,
    RegisterReading,
    SampleRow,
    digest_of,
    measured,
    sample_rows,
    to_datetime,
)
from citrine_core.blocks.meter_values.repository import SampleRepository, add_samples
from citrine_core.blocks.meter_values.servicer import MeterValuesServicer

__all__ = [
    "Measured",
    "MeterValuesHandlers",
    "MeterValuesServicer",
    "RegisterReading",
    "Sample",
    "SampleRepository",
    "SampleRow",
    "add_samples",
    "digest_of",
    "measured",
    "sample_rows",
    "to_datetime",
]
