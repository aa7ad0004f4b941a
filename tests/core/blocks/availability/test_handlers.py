"""What becomes of the status of connectors, whatever the order in which stations tell it."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, StatusNotificationRequest
from citrine_core.blocks.availability import (
    AvailabilityHandlers,
    ConnectorRepository,
    ConnectorState,
    ConnectorStatusChange,
)
from citrine_core.db import Page, UnitOfWorkFactory
from citrine_core.dispatch import Call
from citrine_core.events import write_events
from tests.support.blocks import NOW, add_station, call_of, events, handle, services_of, stamp
from tests.support.databases import somebody_waits

AVAILABLE = ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_AVAILABLE
OCCUPIED = ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED
FAULTED = ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_FAULTED


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def status(
    what: ConnectorStatusEnum.ValueType,
    minutes: int,
    *,
    evse_id: int = 1,
    connector_id: int = 1,
    station_id: str = "CS-1",
    received: datetime | None = None,
) -> Call[StatusNotificationRequest]:
    request = StatusNotificationRequest(
        timestamp=stamp(at(minutes)), connector_status=what, evse_id=evse_id, connector_id=connector_id
    )
    return call_of(request, station_id, received or at(1000))


async def send(unit_of_work: UnitOfWorkFactory, *calls: Call[StatusNotificationRequest]) -> None:
    handlers = AvailabilityHandlers(services_of(unit_of_work))
    await handle(unit_of_work, handlers.status_notifications, calls)


async def state(unit_of_work: UnitOfWorkFactory, station_id: str = "CS-1") -> tuple[int, datetime]:
    async with unit_of_work(read_only=True) as work:
        found = await work.session.get_one(ConnectorState, ("default", station_id, 1, 1))
        return found.status, found.status_time


async def history(unit_of_work: UnitOfWorkFactory, station_id: str = "CS-1") -> Sequence[tuple[int, datetime]]:
    change = ConnectorStatusChange
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.execute(
            select(change.status, change.status_time)
            .where(change.station_id == station_id)
            .order_by(change.status_time, change.create_time)
        )
        return [(row[0], row[1]) for row in rows]


async def test_first_status_is_stored_with_its_history_and_event(unit_of_work: UnitOfWorkFactory) -> None:
    await send(unit_of_work, status(AVAILABLE, 1))

    assert await state(unit_of_work) == (AVAILABLE, at(1))
    assert await history(unit_of_work) == [(AVAILABLE, at(1))]
    [event] = await events(unit_of_work)
    changed = event.connector_status_changed
    assert (changed.evse_id, changed.connector_id, changed.status, changed.time) == (1, 1, AVAILABLE, stamp(at(1)))


async def test_status_that_is_as_it_was_adds_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    """It lasts since it was first told."""
    await send(unit_of_work, status(AVAILABLE, 1))
    await send(unit_of_work, status(AVAILABLE, 2))

    assert await state(unit_of_work) == (AVAILABLE, at(1))
    assert await history(unit_of_work) == [(AVAILABLE, at(1))]
    assert len(await events(unit_of_work)) == 1


async def test_older_status_goes_to_the_history_only(unit_of_work: UnitOfWorkFactory) -> None:
    await send(unit_of_work, status(OCCUPIED, 5))
    await send(unit_of_work, status(AVAILABLE, 1))

    assert await state(unit_of_work) == (OCCUPIED, at(5))
    assert await history(unit_of_work) == [(AVAILABLE, at(1)), (OCCUPIED, at(5))]
    assert len(await events(unit_of_work)) == 1


async def test_late_status_in_between_shortens_the_one_that_lasts(unit_of_work: UnitOfWorkFactory) -> None:
    """Available at 1 and at 9 with Occupied at 5: it is Available since 9 only."""
    await send(unit_of_work, status(AVAILABLE, 1), status(AVAILABLE, 9))
    await send(unit_of_work, status(OCCUPIED, 5))

    assert await state(unit_of_work) == (AVAILABLE, at(9))
    assert await history(unit_of_work) == [(AVAILABLE, at(1)), (OCCUPIED, at(5)), (AVAILABLE, at(9))]


async def test_status_that_comes_again_adds_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    await send(unit_of_work, status(AVAILABLE, 1), status(OCCUPIED, 5))
    for _ in range(2):
        await send(unit_of_work, status(AVAILABLE, 1), status(OCCUPIED, 5))

    assert await state(unit_of_work) == (OCCUPIED, at(5))
    assert await history(unit_of_work) == [(AVAILABLE, at(1)), (OCCUPIED, at(5))]
    assert len(await events(unit_of_work)) == 2


async def test_statuses_of_one_time_count_as_they_come(unit_of_work: UnitOfWorkFactory) -> None:
    """Clocks of stations count whole seconds."""
    await send(unit_of_work, status(AVAILABLE, 1), status(OCCUPIED, 1), status(FAULTED, 1))

    assert await state(unit_of_work) == (FAULTED, at(1))


async def test_clock_that_runs_ahead_silences_nothing_that_follows(unit_of_work: UnitOfWorkFactory) -> None:
    future = call_of(
        StatusNotificationRequest(
            timestamp=stamp(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
            connector_status=FAULTED,
            evse_id=1,
            connector_id=1,
        ),
        receive_time=at(5),
    )
    await send(unit_of_work, future)
    await send(unit_of_work, status(AVAILABLE, 6, received=at(6)))

    assert await state(unit_of_work) == (AVAILABLE, at(6))


async def test_newest_status_counts_in_every_order(unit_of_work: UnitOfWorkFactory) -> None:
    reports = [(AVAILABLE, 1), (OCCUPIED, 2), (FAULTED, 3), (AVAILABLE, 4)]
    orders = list(itertools.permutations(reports))

    for number, order in enumerate(orders):
        station_id = f"CS-{number}"
        await send(unit_of_work, *(status(what, minutes, station_id=station_id) for what, minutes in order))

    for number, order in enumerate(orders):
        assert await state(unit_of_work, f"CS-{number}") == (AVAILABLE, at(4)), order
        expected = [(what, at(minutes)) for what, minutes in reports]
        assert await history(unit_of_work, f"CS-{number}") == expected, order


async def test_what_is_no_connector_is_kept_apart(unit_of_work: UnitOfWorkFactory) -> None:
    """EVSE 0 is the station itself, connector 0 an EVSE as a whole; a station shows connectors only."""
    await send(
        unit_of_work,
        status(FAULTED, 1, evse_id=0, connector_id=0),
        status(FAULTED, 1, evse_id=2, connector_id=0),
        status(AVAILABLE, 1, evse_id=2, connector_id=1),
        status(OCCUPIED, 1, evse_id=1, connector_id=2),
    )

    async with unit_of_work(read_only=True) as work:
        connectors = await ConnectorRepository(work.session).connectors_of("default", "CS-1")
        everything, _ = await ConnectorRepository(work.session).list("default", Page(10), station_id="")
    assert [(row.evse_id, row.connector_id) for row in connectors] == [(1, 2), (2, 1)]
    assert [(row.evse_id, row.connector_id) for row in everything] == [(0, 0), (1, 2), (2, 0), (2, 1)]
    assert len(await events(unit_of_work)) == 4


async def test_the_newest_status_counts_whichever_core_is_told_first(postgres_engine: AsyncEngine) -> None:
    """One may serve statuses and another one events, and a station may move between cores."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    handlers = AvailabilityHandlers(services_of(unit_of_work))
    await send(unit_of_work, status(AVAILABLE, 1))

    async with unit_of_work() as work:
        await handlers.status_notifications(work, [status(FAULTED, 3)])
        telling = asyncio.create_task(send(unit_of_work, status(OCCUPIED, 2)))
        await somebody_waits(postgres_engine)
        await work.commit()
    await telling

    assert await state(unit_of_work) == (FAULTED, at(3))
    assert await history(unit_of_work) == [(AVAILABLE, at(1)), (OCCUPIED, at(2)), (FAULTED, at(3))]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param(-29_000_000, id="1970"),
        pytest.param(-300, id="hours behind"),
        pytest.param(525_600, id="a year ahead"),
        pytest.param(501, id="right"),
    ],
)
async def test_a_status_after_a_boot_is_newer_than_what_was_before(
    unit_of_work: UnitOfWorkFactory, minutes: int
) -> None:
    """Whatever the clock of the station says until it is set by the answer to its boot (B01.FR.06)."""
    await send(unit_of_work, status(OCCUPIED, 400, received=at(400)))
    await add_station(unit_of_work, boot_time=at(500))

    await send(unit_of_work, status(AVAILABLE, minutes, received=at(501)))

    assert (await state(unit_of_work))[0] == AVAILABLE


async def test_statuses_after_a_boot_count_as_they_come_while_the_clock_is_wrong(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    await add_station(unit_of_work, boot_time=at(500))

    await send(unit_of_work, status(FAULTED, -29_000_000, received=at(501)))
    await send(unit_of_work, status(AVAILABLE, -29_000_001, received=at(502)))
    assert (await state(unit_of_work))[0] == AVAILABLE
    await send(unit_of_work, status(OCCUPIED, 503, received=at(503)))

    # What was queued before its clock was set comes late.
    await send(unit_of_work, status(FAULTED, -28_999_999, received=at(504)))

    assert (await state(unit_of_work))[0] == OCCUPIED
