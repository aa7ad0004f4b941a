"""From the boot of a station to its configuration, step by step, on a whole core with a station played by the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import select

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceStub
from citrine.api.v1.stations_pb2 import BOOT_POLICY_ACCEPTED, BOOT_POLICY_CONFIGURED, Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.remote_control_pb2 import TriggerMessageRequest, TriggerMessageResponse, TriggerMessageStatusEnum
from citrine.ocpp.v2.types_pb2 import Component, GenericDeviceModelStatusEnum, StatusInfo, Variable
from citrine_core.blocks.provisioning.configuration import jobs
from citrine_core.resources.configurations import Provisioning
from citrine_core.resources.connections import ConnectionRepository
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.waiting import PAUSE, WAIT

if TYPE_CHECKING:
    from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceAsyncStub

ACCEPTED = ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
PENDING = ocpp.REGISTRATION_STATUS_ENUM_PENDING


def data(variable: str, value: str, component: str = "OCPPCommCtrlr") -> ocpp.SetVariableData:
    return ocpp.SetVariableData(
        component=Component(name=component), variable=Variable(name=variable), attribute_value=value
    )


class Silent(Exception):
    """The station does not answer."""


@dataclass
class Played:
    """A station that has variables, and answers what the core sends it."""

    core: RunningCore
    edge: FakeEdge
    api: "ConfigurationsServiceAsyncStub"
    has: dict[str, str] = field(default_factory=dict)
    answers: dict[str, ocpp.SetVariableStatusEnum.ValueType] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    given: list[tuple[str, str]] = field(default_factory=list)
    triggered: asyncio.Event = field(default_factory=asyncio.Event)
    instead: Callable[[Message], Message | link.CommandFailure | None] = lambda message: None
    session: FakeSession | None = None
    interval: int = 0
    """Seconds, of the last answer to a boot."""

    async def connect(self) -> None:
        self.edge.on_command = self._on_command
        self.session = await self.edge.connect("CS-1", PASSWORD)

    async def boot(self, reason: str = "POWER_UP", firmware: str = "1.0") -> int:
        assert self.session is not None
        station = ocpp.ChargingStation(vendor_name="Example", model="Wallbox", firmware_version=firmware)
        request = ocpp.BootNotificationRequest(
            charging_station=station, reason=ocpp.BootReasonEnum.Value(f"BOOT_REASON_ENUM_{reason}")
        )
        answer = await self.session.call(request)
        self.interval = answer.interval
        return int(answer.status)

    async def asked_to_boot(self) -> None:
        async with asyncio.timeout(WAIT):
            await self.triggered.wait()
        self.triggered.clear()

    async def at(self, *states: pb.ProvisioningState.ValueType) -> pb.Provisioning:
        async with asyncio.timeout(WAIT):
            while True:
                listed = await self.api.ListProvisionings(pb.ListProvisioningsRequest(states=states))
                if listed.provisionings:
                    return listed.provisionings[0]
                await asyncio.sleep(PAUSE)

    async def drift(self) -> dict[str, str]:
        report = await self.api.GetDriftReport(pb.GetDriftReportRequest(station_id="CS-1"))
        return {
            entry.variable.name: pb.DriftKind.Name(entry.kind).removeprefix("DRIFT_KIND_") for entry in report.entries
        }

    def _on_command(self, command: link.Command) -> Message | link.CommandFailure | None:
        request = unwrap(command.request)
        self.heard.append(type(request).__name__.removesuffix("Request"))
        try:
            instead = self.instead(request)
        except Silent:
            return None
        if instead is not None:
            return instead
        match request:
            case ocpp.GetBaseReportRequest():
                assert self.session is not None
                self.edge.put_call(self.session.ref, self._report(request.request_id))
                return ocpp.GetBaseReportResponse(
                    status=GenericDeviceModelStatusEnum.GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED
                )
            case ocpp.SetVariablesRequest():
                return ocpp.SetVariablesResponse(
                    set_variable_result=[self._set(one) for one in request.set_variable_data]
                )
            case ocpp.GetVariablesRequest():
                values = [self._get(one) for one in request.get_variable_data]
                return ocpp.GetVariablesResponse(get_variable_result=values)
            case ocpp.ResetRequest():
                return ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)
            case TriggerMessageRequest():
                self.triggered.set()
                return TriggerMessageResponse(status=TriggerMessageStatusEnum.TRIGGER_MESSAGE_STATUS_ENUM_ACCEPTED)
        raise AssertionError(request)

    def _report(self, request_id: int) -> ocpp.NotifyReportRequest:
        report = [
            ocpp.ReportData(
                component=Component(name="OCPPCommCtrlr"),
                variable=Variable(name=name),
                variable_attribute=[ocpp.VariableAttribute(value=value)],
            )
            for name, value in self.has.items()
        ]
        request = ocpp.NotifyReportRequest(request_id=request_id, seq_no=0, report_data=report)
        request.generated_at.GetCurrentTime()
        return request

    def _set(self, one: ocpp.SetVariableData) -> ocpp.SetVariableResult:
        self.given.append((one.variable.name, one.attribute_value))
        status = self.answers.get(one.variable.name, ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED)
        if status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED:
            self.has[one.variable.name] = one.attribute_value
        return ocpp.SetVariableResult(
            component=one.component,
            variable=one.variable,
            attribute_status=status,
            attribute_status_info=StatusInfo(reason_code="OutOfRange"),
        )

    def _get(self, one: ocpp.GetVariableData) -> ocpp.GetVariableResult:
        return ocpp.GetVariableResult(
            component=one.component,
            variable=one.variable,
            attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
            attribute_value=self.has.get(one.variable.name, ""),
        )


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[Played]:
    await core.add_station("CS-1", boot_policy=BOOT_POLICY_CONFIGURED)
    async with core.edge() as edge:
        yield Played(core, edge, core.stub(ConfigurationsServiceStub))


async def configure(station: Played, *variables: ocpp.SetVariableData, report: bool = True, **fields: Any) -> None:
    configuration = pb.Configuration(
        configuration_id="site",
        selectors=[pb.ConfigurationSelector(vendor_name="EXAMPLE", model="wallbox")],
        variables=variables,
        base_report=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY if report else None,
        **fields,
    )
    await station.api.CreateConfiguration(pb.CreateConfigurationRequest(configuration=configuration))


async def test_B02_FR_01_pending_station_is_configured_and_then_accepted(station: Played) -> None:
    """What it has already, in whatever spelling, is not set; its next boot is accepted at once."""
    station.has = {"HeartbeatInterval": "300", "MessageTimeout": "30", "Active": "TRUE"}
    await configure(
        station, data("HeartbeatInterval", "60"), data("MessageTimeout", "30"), data("Active", "true"), data("New", "1")
    )
    await station.connect()

    assert await station.boot() == PENDING
    await station.asked_to_boot()
    assert await station.boot("TRIGGERED") == ACCEPTED

    done = await station.at(pb.PROVISIONING_STATE_DONE)
    assert station.given == [("HeartbeatInterval", "60"), ("New", "1")]
    assert station.heard == ["GetBaseReport", "SetVariables", "TriggerMessage"]
    assert (done.problem, [result.value for result in done.results]) == ("", ["60", "1"])
    assert set((await station.drift()).values()) == {"MATCHES"}
    assert await station.boot() == ACCEPTED
    assert station.interval == 60, "what the answer says, a station takes for its HeartbeatInterval (G02.FR.01)"
    assert await station.boot(firmware="2.0") == PENDING, "new firmware may have forgotten what it was given"


async def test_station_that_is_grouped_later_has_another_configuration_from_its_next_boot(
    core: RunningCore, station: Played
) -> None:
    station.has = {"A": "1"}
    await configure(station, data("A", "1"))
    fast = pb.Configuration(
        configuration_id="fast",
        selectors=[pb.ConfigurationSelector(station_group="fast")],
        variables=[data("A", "2")],
        base_report=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY,
    )
    await station.api.CreateConfiguration(pb.CreateConfigurationRequest(configuration=fast))
    await station.connect()
    assert await station.boot() == PENDING
    await station.asked_to_boot()
    assert await station.boot("TRIGGERED") == ACCEPTED
    assert await station.drift() == {"A": "MATCHES"}

    grouped = Station(station_id="CS-1", groups=["fast"])
    await core.stub(StationsServiceStub).UpdateStation(UpdateStationRequest(station=grouped))

    assert await station.drift() == {"A": "DIFFERS"}
    assert await station.boot() == PENDING
    await station.asked_to_boot()
    assert await station.boot("TRIGGERED") == ACCEPTED
    assert station.given == [("A", "2")]


async def test_variable_that_counts_after_a_reboot_is_set_reset_and_read_again(station: Played) -> None:
    await configure(station, data("A", "1"), report=False)
    station.answers = {"A": ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED}
    await station.connect()
    await station.boot()
    await station.at(pb.PROVISIONING_STATE_RESETTING)
    assert await station.drift() == {"A": "REBOOT_REQUIRED"}
    await heard(station, "Reset")
    assert await station.boot() == PENDING, "its interval is over, it did not restart yet"
    station.has["A"] = "1"
    await station.connect()

    assert await station.boot() == ACCEPTED

    await station.at(pb.PROVISIONING_STATE_DONE)
    assert station.heard == ["SetVariables", "Reset", "GetVariables"]
    assert await station.drift() == {"A": "MATCHES"}


async def let_in(station: Played) -> None:
    """Have an operator accept the station, which is Pending and connects anew without a boot so far."""
    await configure(station, data("A", "1"), report=False, hold_refused=True)
    station.answers = {"A": ocpp.SET_VARIABLE_STATUS_ENUM_REJECTED}
    await station.connect()
    await station.boot()
    await station.at(pb.PROVISIONING_STATE_HELD)
    await station.connect()
    update = UpdateStationRequest(station=Station(station_id="CS-1", boot_policy=BOOT_POLICY_ACCEPTED))
    await station.core.stub(StationsServiceStub).UpdateStation(update)


async def test_station_that_boots_by_itself_is_not_asked_to(station: Played) -> None:
    """B01.FR.01: it has just connected, so that its boot is on the way; a trigger would make it boot twice."""
    await let_in(station)
    async with asyncio.timeout(WAIT), station.core.core.unit_of_work(read_only=True) as work:
        (connection,) = (await ConnectionRepository(work.session).find_all("default", ["CS-1"])).values()
        while (await work.session.scalar(select(Provisioning.next_time))) != (connection.admit_time + jobs.BOOT_TIME):
            await work.session.rollback()

    assert await station.boot() == ACCEPTED

    assert "TriggerMessage" not in station.heard


async def test_station_that_has_connected_and_does_not_boot_is_asked_to(
    station: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some do not after a mere reconnect."""
    monkeypatch.setattr(jobs, "BOOT_TIME", jobs.BOOT_TIME * 0)
    await let_in(station)

    await station.asked_to_boot()

    assert await station.boot("TRIGGERED") == ACCEPTED


@pytest.mark.in_turn
@pytest.mark.parametrize("hold", [False, True])
async def test_station_that_refuses_a_variable_is_accepted_or_held(station: Played, hold: bool) -> None:
    await configure(station, data("A", "1"), data("B", "2"), report=False, hold_refused=hold)
    station.answers = {"A": ocpp.SET_VARIABLE_STATUS_ENUM_REJECTED}
    await station.connect()

    await station.boot()
    if hold:
        held = await station.at(pb.PROVISIONING_STATE_HELD)
        assert [result.problem for result in held.results] == ["OutOfRange", ""]
        assert await station.boot() == PENDING
        update = UpdateStationRequest(station=Station(station_id="CS-1", boot_policy=BOOT_POLICY_ACCEPTED))
        await station.core.stub(StationsServiceStub).UpdateStation(update)
    await station.asked_to_boot()

    assert await station.boot("TRIGGERED") == ACCEPTED
    assert await station.drift() == {"A": "REFUSED", "B": "MATCHES"}


@pytest.mark.parametrize("request_type", [ocpp.GetBaseReportRequest, ocpp.SetVariablesRequest, ocpp.ResetRequest])
async def test_step_of_a_core_that_crashed_is_done_again(station: Played, request_type: type[Message]) -> None:
    """What a core had taken and did not bring to its end is due again once its time is over."""
    silent, resets = True, request_type is ocpp.ResetRequest

    def say_nothing(message: Message) -> Message | link.CommandFailure | None:
        if silent and isinstance(message, request_type):
            raise Silent
        return None

    station.instead = say_nothing
    station.answers = {"A": ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED} if resets else {}
    await configure(station, data("A", "1"))
    await station.connect()
    assert await station.boot() == PENDING
    await heard(station, request_type.DESCRIPTOR.name.removesuffix("Request"))
    silent = False

    async with station.core.core.unit_of_work() as work:
        row = await work.session.get_one(Provisioning, ("default", "CS-1"))
        row.next_time = row.start_time
        await work.commit()

    if resets:
        async with asyncio.timeout(WAIT):
            while station.heard.count("Reset") < 2:
                await asyncio.sleep(0.02)
        await station.connect()
    else:
        await station.asked_to_boot()
    assert await station.boot("POWER_UP" if resets else "TRIGGERED") == ACCEPTED
    assert station.given == [("A", "1")]
    assert (await station.at(pb.PROVISIONING_STATE_DONE)).problem == ""
    # So that the core need not wait for it when it stops.
    unanswered = next(one for one in station.edge.commands if isinstance(unwrap(one.request), request_type))
    station.edge.put(
        link.Upstream(
            command_failure=link.CommandFailure(
                id=unanswered.id, session=unanswered.session, reason=link.CommandFailure.REASON_TIMEOUT
            )
        )
    )


async def test_message_that_the_station_can_t_take_is_sent_variable_by_variable(
    station: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RETRY", jobs.RETRY * 0)

    def refuse(message: Message) -> Message | link.CommandFailure | None:
        if isinstance(message, ocpp.GetVariablesRequest):
            return None
        names = [one.variable.name for one in getattr(message, "set_variable_data", ())]
        if "B" not in names:
            return None
        error = link.CallError(code="FormationViolation", description="no")
        return link.CommandFailure(reason=link.CommandFailure.REASON_CALL_ERROR, error=error)

    station.instead = refuse
    await configure(station, data("A", "1"), data("B", "2"), data("C", "3"), report=False)
    await station.connect()
    await station.boot()
    await station.asked_to_boot()

    assert await station.boot("TRIGGERED") == ACCEPTED
    assert await station.drift() == {"A": "MATCHES", "B": "REFUSED", "C": "MATCHES"}


async def test_configuration_is_applied_to_accepted_stations_when_an_operator_says_so(station: Played) -> None:
    """A station that differs is found, set, and reset only where the operator lets it."""
    station.answers = {"B": ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED}
    await station.connect()
    assert await station.boot() == ACCEPTED, "there is no configuration for it"
    await configure(station, data("A", "1"), data("B", "2"), report=False)

    applied = await station.api.ApplyConfiguration(pb.ApplyConfigurationRequest(configuration_id="site"))

    assert applied.stations == 1
    await station.at(pb.PROVISIONING_STATE_DONE)
    assert await station.drift() == {"A": "MATCHES", "B": "REBOOT_REQUIRED"}
    [listed] = (await station.api.ListDriftReports(pb.ListDriftReportsRequest(drifted_only=True))).reports
    assert [entry.variable.name for entry in listed.entries] == ["B"]
    station.has["B"] = "2"
    assert await station.boot() == ACCEPTED
    await heard(station, "GetVariables")
    await station.at(pb.PROVISIONING_STATE_DONE)
    assert set((await station.drift()).values()) == {"MATCHES"}


async def heard(station: Played, action: str) -> None:
    async with asyncio.timeout(WAIT):
        while action not in station.heard:
            await station.edge.next("command")
