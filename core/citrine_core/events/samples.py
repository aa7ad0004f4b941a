"""The meter values of events, for those who ask for them: read with the events, not stored once more."""

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.events.v1.events_pb2 import Event, MeterValuesReceived
from citrine_core.blocks.meter_values.queries import StoredMessage, find_meter_values
from citrine_core.blocks.transactions.stored_events.queries import find_meter_values_of_events

__all__ = ["count_readable", "put_samples"]

MOST_SAMPLES = 20_000
"""Samples that are read at once, unless a single message has more."""

_OF_TRANSACTIONS = frozenset({"transaction_started", "transaction_updated", "transaction_ended"})


def count_readable(events: Iterable[Event]) -> int:
    """Return how many of the events, from the first on, have their meter values read at once.

    Samples of all of them are held in memory: the first is read whatever it has, more until there are too many.
    """
    samples = count = 0
    for event in events:
        samples += event.meter_values_received.samples
        if count and samples > MOST_SAMPLES:
            break
        count += 1
    return count


async def put_samples(session: AsyncSession, tenant_id: str, events: Sequence[Event]) -> None:
    """Fill in the meter values of the messages that events follow, as far as they are still stored."""
    of_transactions: dict[tuple[Any, ...], list[Message]] = {}
    outside: dict[StoredMessage, list[MeterValuesReceived]] = {}
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
    if outside:
        stored = await find_meter_values(session, tenant_id, outside)
        for message, bodies in outside.items():
            for body in bodies:
                body.meter_value.extend(stored.get((message.station_id, message.digest), ()))


def _message(station_id: str, body: MeterValuesReceived) -> StoredMessage:
    first, last = body.first_time.ToDatetime(UTC), body.last_time.ToDatetime(UTC)
    return StoredMessage(station_id, body.digest, first, last)
