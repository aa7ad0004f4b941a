"""What stations answer to commands on their device model."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from citrine_core.blocks.provisioning import ReportedVariable
from citrine_core.blocks.provisioning.handlers import ProvisioningHandlers
from citrine_core.blocks.provisioning.reports import ReportHandlers
from citrine_core.db import UnitOfWorkFactory
from tests.support.blocks import add_station, answered, call_of, find_station, handle, services_of, stamp


@pytest.fixture
def handlers(unit_of_work: UnitOfWorkFactory) -> ProvisioningHandlers:
    return ProvisioningHandlers(services_of(unit_of_work))


async def values_of(unit_of_work: UnitOfWorkFactory) -> Mapping[tuple[str, str], str | None]:
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(ReportedVariable))
        return {(row.component, row.variable): row.value for row in rows}


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
    await handle(unit_of_work, ReportHandlers(services_of(unit_of_work)).notify_reports, [call_of(report)])
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


@pytest.mark.in_turn
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
