"""Stores unnumbered events of no transaction: ends by themselves, readings as meter values of their EVSE."""

from collections.abc import Iterable

from citrine.events.v1.events_pb2 import Event, TransactionEndUnmatched
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum, TransactionEventRequest
from citrine_core.blocks.meter_values import Outside, digest_of, store_outside
from citrine_core.blocks.transactions.unmatched.repository import UnmatchedEndRepository, UnmatchedEndRow
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call

__all__ = ["store_unmatched"]

_UPDATED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_UPDATED


async def store_unmatched(work: UnitOfWork, tenant_id: str, calls: Iterable[Call[TransactionEventRequest]]) -> None:
    """Store events of one tenant that belong to no transaction. They have no effect on any."""
    readings: list[Outside] = []
    ends: dict[UnmatchedEndRow, Call[TransactionEventRequest]] = {}
    for call in calls:
        request = call.message
        if request.event_type == _UPDATED:
            values = MeterValuesRequest(evse_id=request.evse.id, meter_value=request.meter_value)
            readings.append(Outside(tenant_id, call.station_id, values))
            continue
        content = request.SerializeToString(deterministic=True)
        transaction_id = request.transaction_info.transaction_id
        row = UnmatchedEndRow(
            tenant_id, call.station_id, digest_of(content), call.receive_time, transaction_id, content
        )
        ends[row] = call
    if readings:
        await store_outside(work, readings)
    if ends:
        new = await UnmatchedEndRepository(work.session).add(list(ends))
        for row, call in ends.items():
            if (row.station_id, row.digest) in new:
                work.emit(_unmatched(call))


def _unmatched(call: Call[TransactionEventRequest]) -> Event:
    body = TransactionEndUnmatched(transaction_id=call.message.transaction_info.transaction_id)
    body.time.CopyFrom(call.message.timestamp)
    return Event(tenant_id=call.tenant_id, station_id=call.station_id, transaction_end_unmatched=body)
