"""Functional block J, MeterValues: samples reported in and outside of transactions."""

from functools import partial

from citrine.api.v1 import meter_values_pb2_grpc
from citrine_core.blocks.meter_values.handlers import MeterValuesHandlers, Outside, store_outside
from citrine_core.blocks.meter_values.models import Sample
from citrine_core.blocks.meter_values.readings import (
    ALIGNED,
    Measured,
    RegisterReading,
    SampleRow,
    digest_of,
    measured,
    sample_rows,
)
from citrine_core.blocks.meter_values.repository import SampleRepository, add_samples
from citrine_core.blocks.meter_values.servicer import MeterValuesServicer
from citrine_core.blocks.meter_values.units import exact, normalized, total_of
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "ALIGNED",
    "Measured",
    "MeterValuesHandlers",
    "MeterValuesServicer",
    "Outside",
    "RegisterReading",
    "Sample",
    "SampleRepository",
    "SampleRow",
    "add_samples",
    "block",
    "digest_of",
    "exact",
    "measured",
    "normalized",
    "sample_rows",
    "store_outside",
    "total_of",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    return Block(
        "meter_values",
        [MeterValuesHandlers(services)],
        [partial(meter_values_pb2_grpc.add_MeterValuesServiceServicer_to_server, MeterValuesServicer(services))],
        ["citrine.api.v1.MeterValuesService"],
    )
