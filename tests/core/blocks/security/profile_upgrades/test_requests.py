"""Tests of upgrades to a higher security profile (A05): what the station is sent, and how upgrades end."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.api.v1.security_profile_upgrades_pb2_grpc import SecurityProfileUpgradesServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import Component, Variable
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.waiting import PAUSE, WAIT

PRIORITY = (Component(name="OCPPCommCtrlr"), Variable(name="NetworkConfigurationPriority"))

BOOT = ocpp.BootNotificationRequest(
    charging_station=ocpp.ChargingStation(vendor_name="V", model="M"),
    reason=ocpp.BOOT_REASON_ENUM_SCHEDULED_RESET,
)


class Station:
    """A station that answers what an upgrade sends it, and remembers it."""

    def __init__(self, **refusals: str) -> None:
        self.priority = "1"
        self.refusals = refusals
        self.said: list[Message] = []

    def __call__(self, command: link.Command) -> Message:
        request: Any = unwrap(command.request)
        self.said.append(request)
        component, variable = PRIORITY
        match request:
            case ocpp.GetVariablesRequest():
                result = ocpp.GetVariableResult(
                    attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
                    attribute_value=self.priority,
                    component=component,
                    variable=variable,
                )
                return ocpp.GetVariablesResponse(get_variable_result=[result])
            case ocpp.SetNetworkProfileRequest():
                status = self.refusals.get("profile", "ACCEPTED")
                return ocpp.SetNetworkProfileResponse(status=f"SET_NETWORK_PROFILE_STATUS_ENUM_{status}")  # type: ignore[arg-type]  # a name
            case ocpp.SetVariablesRequest():
                status = self.refusals.get("priority", "ACCEPTED")
                if status == "ACCEPTED":
                    self.priority = request.set_variable_data[0].attribute_value
                set_result = ocpp.SetVariableResult(
                    attribute_status=f"SET_VARIABLE_STATUS_ENUM_{status}",  # type: ignore[arg-type]  # a name
                    component=component,
                    variable=variable,
                )
                return ocpp.SetVariablesResponse(set_variable_result=[set_result])
            case _:
                status = self.refusals.get("reset", "ACCEPTED")
                return ocpp.ResetResponse(status=f"RESET_STATUS_ENUM_{status}")  # type: ignore[arg-type]  # a name


async def report_slots(session: FakeSession, slots: str) -> None:
    """Have CS-1 report which slots it has."""
    component, variable = PRIORITY
    data = ocpp.ReportData(
        component=component,
        variable=variable,
        variable_attribute=[ocpp.VariableAttribute(value="1")],
        variable_characteristics=ocpp.VariableCharacteristics(
            data_type=ocpp.DATA_ENUM_SEQUENCE_LIST, values_list=slots, supports_monitoring=False
        ),
    )
    await session.call(ocpp.NotifyReportRequest(request_id=1, generated_at=timestamp(), seq_no=0, report_data=[data]))


async def begun(edge: FakeEdge, station: Station, slots: str = "1,2,3") -> FakeSession:
    """Connect CS-1 by profile 1, and have it answer."""
    session = await edge.connect("CS-1", PASSWORD)
    await session.call(BOOT)
    await report_slots(session, slots)
    edge.on_command = station
    return session


async def upgrade(core: RunningCore, profile: int = 2, **how: Any) -> pb.SecurityProfileUpgrade:
    """Upgrade CS-1."""
    connection = ocpp.NetworkConnectionProfile(
        ocpp_interface=ocpp.OCPP_INTERFACE_ENUM_WIRED0,
        ocpp_transport=ocpp.OCPP_TRANSPORT_ENUM_JSON,
        ocpp_version=ocpp.OCPP_VERSION_ENUM_OCPP20,
        ocpp_csms_url="wss://csms.example/ocpp",
        security_profile=profile,
        message_timeout=30,
    )
    request = pb.CreateSecurityProfileUpgradeRequest(station_id="CS-1", connection_data=connection, **how)
    stub = core.stub(SecurityProfileUpgradesServiceStub)
    made: pb.SecurityProfileUpgrade = await stub.CreateSecurityProfileUpgrade(request)
    return made


async def ended(core: RunningCore, upgrade_id: str) -> pb.SecurityProfileUpgrade:
    """Return an upgrade once it has ended."""
    stub = core.stub(SecurityProfileUpgradesServiceStub)
    async with asyncio.timeout(WAIT):
        while True:
            found: pb.SecurityProfileUpgrade = await stub.GetSecurityProfileUpgrade(
                pb.GetSecurityProfileUpgradeRequest(upgrade_id=upgrade_id)
            )
            if found.HasField("finish_time"):
                return found
            await asyncio.sleep(PAUSE)


async def test_A05_FR_07_a_station_is_upgraded_and_refused_by_its_profile_before(core: RunningCore) -> None:
    station = Station()
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await begun(edge, station)

        made = await upgrade(core)
        session = await edge.connect("CS-1", PASSWORD, profile=2)
        await session.call(BOOT)
        done = await ended(core, made.upgrade_id)
        refused = await edge.admit("CS-1", PASSWORD, profile=1)
        listed = await core.stub(SecurityProfileUpgradesServiceStub).ListSecurityProfileUpgrades(
            pb.ListSecurityProfileUpgradesRequest(station_id="CS-1")
        )

    _, profile, priority, reset = station.said
    assert made.state == pb.SECURITY_PROFILE_UPGRADE_STATE_RESTARTING
    assert isinstance(profile, ocpp.SetNetworkProfileRequest)
    assert (profile.configuration_slot, profile.connection_data.security_profile) == (2, 2)
    assert isinstance(priority, ocpp.SetVariablesRequest)
    assert priority.set_variable_data[0].attribute_value == "2,1"
    assert isinstance(reset, ocpp.ResetRequest)
    assert reset.type == ocpp.RESET_ENUM_ON_IDLE
    assert done.state == pb.SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED
    assert isinstance(refused, link.Refused)
    assert list(listed.security_profile_upgrades) == [done]


async def test_a_station_that_comes_back_by_its_profile_before_gets_the_order_before(core: RunningCore) -> None:
    station = Station()
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await begun(edge, station)

        made = await upgrade(core)
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(BOOT)
        done = await ended(core, made.upgrade_id)
        async with asyncio.timeout(WAIT):
            while station.priority != "1":
                await session.call(BOOT)
                await asyncio.sleep(PAUSE)

    assert done.state == pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED
    assert done.reason == "it restarted, and came back by its profile before"


async def test_a_station_that_is_not_back_in_time_fails(core: RunningCore) -> None:
    station = Station()
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await begun(edge, station)
        patience = Duration()
        patience.FromTimedelta(timedelta(milliseconds=1))

        done = await ended(core, (await upgrade(core, patience=patience)).upgrade_id)

    assert done.state == pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED
    assert done.reason == "it did not come back"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("refusals", "reason", "priorities"),
    [
        pytest.param({"profile": "REJECTED"}, "SetNetworkProfile: it answered REJECTED", [], id="profile"),
        pytest.param(
            {"priority": "REJECTED"}, "NetworkConfigurationPriority: it answered REJECTED", ["2,1", "1"], id="A05.FR.02"
        ),
        pytest.param({"reset": "REJECTED"}, "Reset: it answered REJECTED", ["2,1", "1"], id="reset"),
    ],
)
async def test_what_the_station_refuses_ends_the_upgrade_and_is_taken_back(
    core: RunningCore, refusals: Mapping[str, str], reason: str, priorities: list[str]
) -> None:
    station = Station(**refusals)
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await begun(edge, station)

        made = await upgrade(core)

    sent = [
        one.set_variable_data[0].attribute_value for one in station.said if isinstance(one, ocpp.SetVariablesRequest)
    ]
    assert made.state == pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED
    assert made.reason == reason
    assert sent == priorities
    assert station.priority == "1"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("columns", "how", "code", "problem"),
    [
        pytest.param({}, {"profile": 1}, "INVALID_ARGUMENT", "must be 2 or 3", id="not a higher one"),
        pytest.param({"security_profile": 2}, {}, "FAILED_PRECONDITION", "profile 2 before", id="has it already"),
        pytest.param({}, {"profile": 3}, "FAILED_PRECONDITION", "no certificate that is known", id="certificate first"),
        pytest.param({}, {"slots": "1"}, "FAILED_PRECONDITION", "choose one", id="no free slot"),
    ],
)
async def test_what_can_not_be_begun_is_refused_before_anything_is_changed(
    core: RunningCore, columns: dict[str, Any], how: dict[str, Any], code: str, problem: str
) -> None:
    station = Station()
    slots = how.get("slots", "1,2")
    asked = {name: value for name, value in how.items() if name != "slots"}
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await begun(edge, station, slots)
        if columns:
            await edge.connect("CS-1", PASSWORD, profile=columns["security_profile"])

        with pytest.raises(grpc.aio.AioRpcError, match=problem) as refused:
            await upgrade(core, **asked)

    assert refused.value.code().name == code
    assert all(isinstance(one, ocpp.GetVariablesRequest) for one in station.said)


async def test_a_station_has_one_upgrade_at_a_time(core: RunningCore) -> None:
    station = Station()
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await begun(edge, station)
        await upgrade(core)

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await upgrade(core)

    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_an_offline_station_is_unavailable(core: RunningCore) -> None:
    await core.add_station("CS-1")

    with pytest.raises(grpc.aio.AioRpcError, match="not begun") as refused:
        await upgrade(core)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
