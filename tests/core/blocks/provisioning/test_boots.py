"""Boot by policy, and the time."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1.stations_pb2 import BootPolicy
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine_core.blocks.provisioning.boots import BootHandlers
from citrine_core.blocks.transactions import Transaction
from citrine_core.blocks.transactions.handlers import TransactionsHandlers
from citrine_core.db import UnitOfWorkFactory
from tests.support.blocks import NOW, add_station, call_of, events, find_station, handle, services_of, stamp
from tests.support.charging import started
from tests.support.statements import statements

ACCEPTED = ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
PENDING = ocpp.REGISTRATION_STATUS_ENUM_PENDING
REJECTED = ocpp.REGISTRATION_STATUS_ENUM_REJECTED


def boot(reason: ocpp.BootReasonEnum.ValueType = ocpp.BOOT_REASON_ENUM_POWER_UP) -> ocpp.BootNotificationRequest:
    station = ocpp.ChargingStation(model="Wallbox", vendor_name="Example", firmware_version="1.2.3")
    return ocpp.BootNotificationRequest(charging_station=station, reason=reason)


@pytest.fixture
def handlers(unit_of_work: UnitOfWorkFactory) -> BootHandlers:
    return BootHandlers(services_of(unit_of_work))


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("policy", "status", "interval"),
    [
        pytest.param(BootPolicy.BOOT_POLICY_UNSPECIFIED, ACCEPTED, 300, id="unset"),
        pytest.param(BootPolicy.BOOT_POLICY_ACCEPTED, ACCEPTED, 300, id="accepted"),
        pytest.param(BootPolicy.BOOT_POLICY_PENDING, PENDING, 60, id="pending"),
        pytest.param(BootPolicy.BOOT_POLICY_REJECTED, REJECTED, 60, id="rejected"),
    ],
)
async def test_B01_FR_02_boot_is_answered_by_policy(
    unit_of_work: UnitOfWorkFactory, handlers: BootHandlers, policy: int, status: int, interval: int
) -> None:
    await add_station(unit_of_work, boot_policy=policy)

    [answer] = await handle(unit_of_work, handlers.boot_notifications, [call_of(boot())])

    assert (answer.status, answer.interval, answer.current_time) == (status, interval, stamp())
    station = await find_station(unit_of_work)
    assert (station.registration, station.boot_time) == (status, NOW)
    assert station.boot_reason == ocpp.BOOT_REASON_ENUM_POWER_UP
    assert station.hardware is not None
    assert ocpp.ChargingStation.FromString(station.hardware) == boot().charging_station
    [event] = await events(unit_of_work)
    assert (event.station_booted.request, event.station_booted.status) == (boot(), status)


@pytest.mark.in_turn
@pytest.mark.parametrize("policy", [1, 2, 3])
async def test_interval_of_the_station_wins(
    unit_of_work: UnitOfWorkFactory, handlers: BootHandlers, policy: int
) -> None:
    await add_station(unit_of_work, boot_policy=policy, boot_interval=7)

    [answer] = await handle(unit_of_work, handlers.boot_notifications, [call_of(boot())])

    assert answer.interval == 7


async def test_station_that_was_removed_is_rejected(unit_of_work: UnitOfWorkFactory, handlers: BootHandlers) -> None:
    """Its websocket may outlive it for a moment."""
    [answer] = await handle(unit_of_work, handlers.boot_notifications, [call_of(boot())])

    assert answer.status == REJECTED
    assert await events(unit_of_work) == []


async def test_stations_of_a_batch_get_their_own_answers(
    unit_of_work: UnitOfWorkFactory, handlers: BootHandlers
) -> None:
    for number, policy in enumerate((1, 2, 3)):
        await add_station(unit_of_work, f"CS-{number}", boot_policy=policy)
    calls = [call_of(boot(), f"CS-{number}") for number in (2, 0, 1, 9, 0)]

    answers = await handle(unit_of_work, handlers.boot_notifications, calls)

    assert [answer.status for answer in answers] == [REJECTED, ACCEPTED, PENDING, REJECTED, ACCEPTED]
    assert (await find_station(unit_of_work, "CS-1")).registration == PENDING


@pytest.mark.parametrize(
    ("reason", "policy", "orphaned"),
    [
        pytest.param(ocpp.BOOT_REASON_ENUM_POWER_UP, 1, True, id="power-up"),
        pytest.param(ocpp.BOOT_REASON_ENUM_TRIGGERED, 1, False, id="asked-for"),
        pytest.param(ocpp.BOOT_REASON_ENUM_POWER_UP, 2, False, id="not-accepted"),
    ],
)
async def test_boot_reconciles_open_transactions(
    unit_of_work: UnitOfWorkFactory, reason: ocpp.BootReasonEnum.ValueType, policy: int, orphaned: bool
) -> None:
    """Some stations never end what was under way when they lost their power."""
    await add_station(unit_of_work, boot_policy=policy)
    await handle(
        unit_of_work, TransactionsHandlers(services_of(unit_of_work)).transaction_events, [call_of(started(0))]
    )
    handlers = BootHandlers(services_of(unit_of_work, lambda: NOW + timedelta(minutes=5)))

    await handle(unit_of_work, handlers.boot_notifications, [call_of(boot(reason))])

    async with unit_of_work(read_only=True) as work:
        transaction = await work.session.get_one(Transaction, ("default", "CS-1", "T-1"))
    assert transaction.orphaned is orphaned


async def test_statements_do_not_grow_with_the_boots_of_a_batch(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    """Each boot marks the transactions of its own station, and no other's."""
    stations = [f"CS-{number}" for number in range(1, 21)]
    for station_id in stations:
        await add_station(unit_of_work, station_id)
    of_transactions = TransactionsHandlers(services_of(unit_of_work))
    await handle(unit_of_work, of_transactions.transaction_events, [call_of(started(0), name) for name in stations])
    handlers = BootHandlers(services_of(unit_of_work, lambda: NOW + timedelta(minutes=5)))
    numbers = []

    for booted in (stations[:2], stations[2:19]):
        with statements(engine) as seen:
            await handle(unit_of_work, handlers.boot_notifications, [call_of(boot(), name) for name in booted])
        numbers.append(len(seen))

    async with unit_of_work(read_only=True) as work:
        orphaned = await work.session.scalars(select(Transaction.station_id).where(Transaction.orphaned))
        assert set(orphaned) == set(stations[:19])
    assert numbers[0] >= numbers[1] - 1, "only rows that are written in bulk may take another statement"


async def test_boot_that_nothing_waits_for_reads_once(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine, handlers: BootHandlers
) -> None:
    await add_station(unit_of_work)

    with statements(engine) as seen:
        await handle(unit_of_work, handlers.boot_notifications, [call_of(boot())])

    reads = [each for each, _ in seen if each.startswith("SELECT") and "outbox" not in each]
    assert len(reads) == 1
    assert not [each for each, _ in seen if "UPDATE resets" in each or "UPDATE transactions" in each]


async def test_heartbeat_tells_the_time(handlers: BootHandlers) -> None:
    assert handlers.heartbeat(call_of(HeartbeatRequest())).current_time == stamp()
