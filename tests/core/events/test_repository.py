"""The outbox: read up to its horizon."""

import asyncio

from citrine.events.v1.events_pb2 import Event, StationConnected
from citrine_core.db import UnitOfWorkFactory
from citrine_core.events import OutboxRepository
from tests.support.waiting import WAIT


def event(number: int) -> Event:
    return Event(tenant_id="default", station_id="S-1", station_connected=StationConnected(epoch=number))


async def test_reader_never_goes_past_an_event_that_is_committed_later(unit_of_work: UnitOfWorkFactory) -> None:
    """A sequence counts at the insert; without a horizon a reader would go past a lower id."""
    writers, each = 8, 25
    seen: list[int] = []

    async def write(writer: int) -> None:
        for number in range(each):
            async with unit_of_work() as work:
                work.emit(event(writer * each + number))
                await work.commit()

    async def read() -> None:
        position = 0
        while len(seen) < writers * each:
            async with unit_of_work(read_only=True) as work:
                outbox = OutboxRepository(work.session)
                through = (await outbox.horizon()).through
                rows = await outbox.list("default", after=position, through=through, limit=7)
            for event_id, payload in rows:
                position = event_id
                seen.append(Event.FromString(payload).station_connected.epoch)

    async with asyncio.timeout(WAIT):
        await asyncio.gather(read(), *(write(writer) for writer in range(writers)))

    assert sorted(seen) == list(range(writers * each))
    for writer in range(writers):
        of_writer = [number for number in seen if number // each == writer]
        assert of_writer == sorted(of_writer)


async def test_time_is_set_and_the_token_is_not_stored(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        work.emit(Event(tenant_id="default", token="mine", station_connected=StationConnected(epoch=1)))
        await work.commit()

    async with unit_of_work(read_only=True) as work:
        [(_, payload)] = await OutboxRepository(work.session).list("default", after=0, through=2**62, limit=2)
    stored = Event.FromString(payload)
    assert stored.token == ""
    assert stored.HasField("time")
