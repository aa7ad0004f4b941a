"""Handlers of MeterValues, which are outside of transactions."""

from collections.abc import Sequence
from typing import NamedTuple

from citrine.events.v1.events_pb2 import Event, MeterValuesReceived
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest, MeterValuesResponse
from citrine_core.blocks.meter_values.readings import SampleRow, digest_of, sample_rows
from citrine_core.blocks.meter_values.repository import add_samples
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, handles
from citrine_core.services import Services
from citrine_core.times import set_time

__all__ = ["MeterValuesHandlers", "Outside", "store_outside"]


class Outside(NamedTuple):
    """Meter values of a station that belong to no transaction."""

    tenant_id: str
    station_id: str
    request: MeterValuesRequest


def _content(request: MeterValuesRequest) -> str:
    # The message has no number of its own: it is deduplicated by its content.
    return request.SerializeToString(deterministic=True).hex()


class MeterValuesHandlers:
    """Handles meter values outside of transactions (functional block J)."""

    def __init__(self, services: Services) -> None:
        """Ignore the services: storing samples needs only the unit of work."""

    @handles(MeterValuesRequest, batched=True, once=_content)
    async def meter_values(
        self, work: UnitOfWork, calls: Sequence[Call[MeterValuesRequest]]
    ) -> Sequence[MeterValuesResponse]:
        """Store the samples (J01.FR.18)."""
        await store_outside(work, [Outside(call.tenant_id, call.station_id, call.message) for call in calls])
        return [MeterValuesResponse()] * len(calls)


async def store_outside(work: UnitOfWork, messages: Sequence[Outside]) -> None:
    """Store the samples of messages with meter values that belong to no transaction."""
    rows: list[SampleRow] = []
    for tenant_id, station_id, request in messages:
        digest = digest_of(request.SerializeToString(deterministic=True))
        samples = sample_rows(
            tenant_id,
            station_id,
            digest,
            request.meter_value,
            evse_id=request.evse_id,
            custom_data=request.custom_data if request.HasField("custom_data") else None,
        )
        rows += samples
        received = MeterValuesReceived(evse_id=request.evse_id, samples=len(samples))
        if samples:
            received.digest = digest
            set_time(received.first_time, min(row.sample_time for row in samples))
            set_time(received.last_time, max(row.sample_time for row in samples))
        work.emit(Event(tenant_id=tenant_id, station_id=station_id, meter_values_received=received))
    await add_samples(work.session, rows)
