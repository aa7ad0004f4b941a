"""The meter values of events, for those who ask for them: read with the events, not stored once more."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import Event, MeterValuesReceived
from citrine_core.blocks.meter_values.queries import StoredMessage, find_meter_values
from citrine_core.blocks.transactions.queries import find_meter_values_of_events

__all__ = ["put_samples"]

_OF_TRANSACTIONS = frozenset({"transaction_started", "transaction_updated", "transaction_ended"})


async def put_samples(session: AsyncSession, tenant_id: str, events: Sequence[Event]) -> None:
    """Fill in the meter values of the messages that events follow, as far as they are still stored."""
    of_transactions: dict[tuple[Any, ...], list[Message]] = {}
    outside: dict[StoredMessage, list[Message]] = {}
    for event in events:
        kind = event.WhichOneof("body")
        if kind in _OF_TRANSACTIONS:
            body = getattr(event, kind)
            key = (event.station_id, body.transaction.transaction_id, body.transaction.seq_no)
            of_transactions.setdefault(key, []).append(body)
        elif kind == "meter_values_received" and event.meter_values_received.HasField("first_time"):
            outside.setdefault(_message(event.station_id, event.meter_values_received), []).append(
                event.meter_values_received
            )
    if of_transactions:
        found = await find_meter_values_of_events(session, tenant_id, of_transactions)
        for key, meter_values in found.items():
            for body in of_transactions[key]:
                body.meter_value.extend(meter_values)  # type: ignore[attr-defined]  # all of these have it
    for message, bodies in outside.items():
        meter_values = await find_meter_values(session, tenant_id, message)
        for body in bodies:
            body.meter_value.extend(meter_values)  # type: ignore[attr-defined]  # it is a MeterValuesReceived


def _message(station_id: str, body: MeterValuesReceived) -> StoredMessage:
    first, last = body.first_time.ToDatetime(UTC), body.last_time.ToDatetime(UTC)
    return StoredMessage(station_id, body.digest, first, last)
