"""Boot by policy, the time, and what stations answer to commands on their device model."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1.stations_pb2 import BootPolicy
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from citrine_core.blocks.provisioning import ProvisioningHandlers, ReportedVariable
from citrine_core.blocks.transactions import Transaction, TransactionsHandlers
from citrine_core.db import UnitOfWorkFactory
from tests.support.blocks import NOW, add_station, answered, call_of, events, find_station, handle, services_of, stamp
from tests.support.charging import started
from tests.support.statements import statements

ACCEPTED = ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
PENDING = ocpp.REGISTRATION_STATUS_ENUM_PENDING
REJECTED = ocpp.REGISTRATION_STATUS_ENUM_REJECTED


def boot(reason: ocpp.BootReasonEnum.ValueType = ocpp.BOOT_REASON_ENUM_POWER_UP) -> ocpp.BootNotificationRequest:
    station = ocpp.ChargingStation(model="Wallbox", vendor_name="Example", firmware_version="1.2.3")
    return ocpp.BootNotificationRequest(charging_station=station, reason=reason)


@pytest.fixture
def handlers(unit_of_work: UnitOfWorkFactory) -> ProvisioningHandlers:
    return ProvisioningHandlers(services_of(unit_of_work))


async def values_of(unit_of_work: UnitOfWorkFactory) -> Mapping[tuple[str, str], str | None]:
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(ReportedVariable))
        return {(row.component, row.variable): row.value for row in rows}


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
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers, policy: int, status: int, interval: int
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


@pytest.mark.parametrize("policy", [1, 2, 3])
async def test_interval_of_the_station_wins(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers, policy: int
) -> None:
    await add_station(unit_of_work, boot_policy=policy, boot_interval=7)

    [answer] = await handle(unit_of_work, handlers.boot_notifications, [call_of(boot())])

    assert answer.interval == 7


async def test_station_that_was_removed_is_rejected(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
) -> None:
    """Its websocket may outlive it for a moment."""
    [answer] = await handle(unit_of_work, handlers.boot_notifications, [call_of(boot())])

    assert answer.status == REJECTED
    assert await events(unit_of_work) == []


async def test_stations_of_a_batch_get_their_own_answers(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
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
    handlers = ProvisioningHandlers(services_of(unit_of_work, lambda: NOW + timedelta(minutes=5)))

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
    handlers = ProvisioningHandlers(services_of(unit_of_work, lambda: NOW + timedelta(minutes=5)))
    numbers = []

    for booted in (stations[:2], stations[2:19]):
        with statements(engine) as seen:
            await handle(unit_of_work, handlers.boot_notifications, [call_of(boot(), name) for name in booted])
        numbers.append(len(seen))

    async with unit_of_work(read_only=True) as work:
        orphaned = await work.session.scalars(select(Transaction.station_id).where(Transaction.orphaned))
        assert set(orphaned) == set(stations[:19])
    assert numbers[0] >= numbers[1] - 1, "only rows that are written in bulk may take another statement"


async def test_heartbeat_tells_the_time_and_writes_nothing(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
) -> None:
    async with unit_of_work(read_only=True) as work:
        answers = await handlers.heartbeats(work, [call_of(HeartbeatRequest())] * 2)

    assert [answer.current_time for answer in answers] == [stamp(), stamp()]


def read(name: str, value: str | None, status: str = "ACCEPTED", component: str = "OCPPCommCtrlr") -> Any:
    return ocpp.GetVariableResult(
        attribute_status=ocpp.GetVariableStatusEnum.Value(f"GET_VARIABLE_STATUS_ENUM_{status}"),
        component=Component(name=component),
        variable=Variable(name=name),
        attribute_value=value,
    )


def setting(component: str, variable: str, value: str) -> ocpp.SetVariableData:
    return ocpp.SetVariableData(
        component=Component(name=component), variable=Variable(name=variable), attribute_value=value
    )


def result(component: str, variable: str, status: str) -> ocpp.SetVariableResult:
    return ocpp.SetVariableResult(
        component=Component(name=component),
        variable=Variable(name=variable),
        attribute_type=ocpp.ATTRIBUTE_ENUM_ACTUAL,
        attribute_status=ocpp.SetVariableStatusEnum.Value(f"SET_VARIABLE_STATUS_ENUM_{status}"),
    )


async def test_B06_FR_10_values_that_were_read_are_stored(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
) -> None:
    response = ocpp.GetVariablesResponse(
        get_variable_result=[
            read("HeartbeatInterval", "300"),
            read("Nothing", "", "ACCEPTED"),
            read("Unknown", None, "UNKNOWN_VARIABLE"),
        ]
    )

    await handle(unit_of_work, handlers.variables_read, answered(ocpp.GetVariablesRequest(), response))

    assert await values_of(unit_of_work) == {
        ("OCPPCommCtrlr", "HeartbeatInterval"): "300",
        ("OCPPCommCtrlr", "Nothing"): "",
    }


async def test_value_that_was_read_leaves_what_a_report_said(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
) -> None:
    """Names know no case: what was asked for as "ocppcommctrlr" is the station's OCPPCommCtrlr."""
    reported = ocpp.ReportData(
        component=Component(name="OCPPCommCtrlr"),
        variable=Variable(name="HeartbeatInterval"),
        variable_attribute=[
            ocpp.VariableAttribute(value="300", mutability=ocpp.MUTABILITY_ENUM_READ_ONLY, persistent=True)
        ],
        variable_characteristics=ocpp.VariableCharacteristics(data_type=ocpp.DATA_ENUM_INTEGER, unit="s"),
    )
    report = ocpp.NotifyReportRequest(request_id=1, generated_at=stamp(), seq_no=0, report_data=[reported])
    await handle(unit_of_work, handlers.notify_reports, [call_of(report)])
    response = ocpp.GetVariablesResponse(
        get_variable_result=[read("heartbeatinterval", "60", component="ocppcommctrlr")]
    )

    await handle(unit_of_work, handlers.variables_read, answered(ocpp.GetVariablesRequest(), response))

    async with unit_of_work(read_only=True) as work:
        [row] = (await work.session.scalars(select(ReportedVariable))).all()
    assert (row.component, row.variable, row.value) == ("OCPPCommCtrlr", "HeartbeatInterval", "60")
    assert (row.mutability, row.persistent) == (ocpp.MUTABILITY_ENUM_READ_ONLY, True)
    assert row.characteristics == reported.variable_characteristics.SerializeToString()


async def test_B05_FR_10_values_that_were_taken_are_stored(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
) -> None:
    request = ocpp.SetVariablesRequest(
        set_variable_data=[setting("A", "Taken", "1"), setting("A", "Refused", "2"), setting("A", "Later", "3")]
    )
    response = ocpp.SetVariablesResponse(
        set_variable_result=[
            result("A", "Refused", "REJECTED"),
            result("A", "Later", "REBOOT_REQUIRED"),
            result("A", "Taken", "ACCEPTED"),
            result("A", "Invented", "ACCEPTED"),
        ]
    )

    await handle(unit_of_work, handlers.variables_set, answered(request, response))

    assert await values_of(unit_of_work) == {("A", "Taken"): "1"}


async def test_values_of_attributes_and_connectors_are_kept_apart(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
) -> None:
    results = [read("Power", "1", component="Connector") for _ in range(4)]
    results[1].attribute_type = ocpp.ATTRIBUTE_ENUM_MAX_SET
    results[2].component.evse.CopyFrom(EVSE(id=1))
    results[3].component.evse.CopyFrom(EVSE(id=1, connector_id=0))

    await handle(
        unit_of_work,
        handlers.variables_read,
        answered(ocpp.GetVariablesRequest(), ocpp.GetVariablesResponse(get_variable_result=results)),
    )

    async with unit_of_work(read_only=True) as work:
        rows = (await work.session.scalars(select(ReportedVariable))).all()
    keys = {(row.evse_id, row.connector_id, row.attribute) for row in rows}
    assert keys == {(-1, -1, 1), (-1, -1, 4), (1, -1, 1), (1, 0, 1)}


@pytest.mark.parametrize("name", ["BasicAuthPassword", "VpnPassword", "SimPin"])
async def test_secrets_are_not_stored(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers, name: str
) -> None:
    await add_station(unit_of_work)
    request = ocpp.SetVariablesRequest(set_variable_data=[setting("Any", name, "a secret")])
    response = ocpp.SetVariablesResponse(set_variable_result=[result("Any", name, "ACCEPTED")])

    await handle(unit_of_work, handlers.variables_set, answered(request, response))
    await handle(
        unit_of_work,
        handlers.variables_read,
        answered(
            ocpp.GetVariablesRequest(),
            ocpp.GetVariablesResponse(get_variable_result=[read(name, "a secret", component="Any")]),
        ),
    )

    assert await values_of(unit_of_work) == {("Any", name): None}


@pytest.mark.parametrize(
    ("status", "password", "next_password", "version"),
    [
        pytest.param("ACCEPTED", "new", None, 2, id="A01.FR.03-accepted"),
        pytest.param("REJECTED", "old", None, 2, id="A01.FR.04-rejected"),
        pytest.param("UNKNOWN_VARIABLE", "old", None, 2, id="A01.FR.04-unknown"),
        pytest.param("REBOOT_REQUIRED", "old", "new", 1, id="after-reboot"),
    ],
)
async def test_answer_settles_which_password_counts(
    unit_of_work: UnitOfWorkFactory,
    handlers: ProvisioningHandlers,
    status: str,
    password: str,
    next_password: str | None,
    version: int,
) -> None:
    await add_station(unit_of_work, password_hash="old", next_password_hash="new")
    request = ocpp.SetVariablesRequest(set_variable_data=[setting("SecurityCtrlr", "BasicAuthPassword", "********")])
    response = ocpp.SetVariablesResponse(set_variable_result=[result("securityctrlr", "basicauthpassword", status)])

    await handle(unit_of_work, handlers.variables_set, answered(request, response))

    station = await find_station(unit_of_work)
    assert (station.password_hash, station.next_password_hash) == (password, next_password)
    assert station.credential_version == version


async def test_answer_without_a_new_password_leaves_the_old_one(
    unit_of_work: UnitOfWorkFactory, handlers: ProvisioningHandlers
) -> None:
    """The first login with the new one may have come before the answer, and settled it."""
    await add_station(unit_of_work, password_hash="old")
    request = ocpp.SetVariablesRequest(set_variable_data=[setting("SecurityCtrlr", "BasicAuthPassword", "********")])
    response = ocpp.SetVariablesResponse(set_variable_result=[result("SecurityCtrlr", "BasicAuthPassword", "ACCEPTED")])

    await handle(unit_of_work, handlers.variables_set, answered(request, response))

    station = await find_station(unit_of_work)
    assert (station.password_hash, station.credential_version) == ("old", 1)
