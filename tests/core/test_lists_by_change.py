"""Lists by the time of the last change: each change is listed behind all before it, and none is passed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import configurations_pb2 as configurations
from citrine.api.v1 import diagnostics_pb2 as diagnostics
from citrine.api.v1 import operations_pb2 as operations
from citrine.api.v1 import remote_control_pb2 as remote
from citrine.api.v1 import stations_pb2 as stations
from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.common_pb2 import CommandTarget, TimeRange
from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceStub
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.api.v1.operations_pb2_grpc import OperationsServiceStub
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2 import provisioning_pb2 as boots
from citrine.ocpp.v2 import remote_control_pb2 as starts
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import Component, IdToken, Variable
from citrine_core.clock import utc_now
from citrine_core.db.changes import change_time
from tests.support.api import field_violations
from tests.support.blocks import stamp
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

ACCEPTED = starts.RequestStartTransactionResponse(
    status=starts.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
)
CARD = IdToken(id_token="0A0B0C0D", type="ISO14443")
LEVELS = tariffs.TariffElement(
    price_components=[tariffs.PriceComponent(dimension=tariffs.TARIFF_DIMENSION_ENERGY, price="0.45")]
)


@dataclass
class Site:
    """A core, and a station CS-1 on it that boots, answers and reports."""

    core: RunningCore
    session: FakeSession
    made: dict[str, str] = field(default_factory=dict)
    """Ids that the core chose, by what the test calls them."""

    def api(self, stub: Callable[[grpc.aio.Channel], Any]) -> Any:
        """Return a stub by which the operator calls."""
        return self.core.stub(stub)


@pytest.fixture
async def site(core: RunningCore) -> AsyncIterator[Site]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        edge.on_command = lambda command: ACCEPTED
        yield Site(core, session)


Step = tuple[str, Callable[[Site], Awaitable[Any]]]
"""What changes, and how."""


def station(station_id: str, **fields: Any) -> stations.Station:
    return stations.Station(station_id=station_id, **fields)


async def create_station(site: Site) -> None:
    await site.api(StationsServiceStub).CreateStation(stations.CreateStationRequest(station=station("CS-2")))
    site.made["CS-2"] = "CS-2"


async def update_station(site: Site) -> None:
    changed = station("CS-1", description="at the quay")
    await site.api(StationsServiceStub).UpdateStation(stations.UpdateStationRequest(station=changed))


async def label_station(site: Site) -> None:
    changed = station("CS-2", labels={"row": "quay"})
    await site.api(StationsServiceStub).UpdateStation(stations.UpdateStationRequest(station=changed))


async def boot(site: Site) -> None:
    hardware = boots.ChargingStation(vendor_name="Acme", model="One")
    request = boots.BootNotificationRequest(reason=boots.BOOT_REASON_ENUM_POWER_UP, charging_station=hardware)
    await site.session.call(request)


async def create_tariff(site: Site) -> None:
    tariff = tariffs.Tariff(tariff_id="DAY", currency="EUR", elements=[LEVELS])
    await site.api(TariffsServiceStub).CreateTariff(tariffs.CreateTariffRequest(tariff=tariff))
    site.made["DAY"] = "DAY"


def assign(name: str, **fields: Any) -> Callable[[Site], Awaitable[None]]:
    async def step(site: Site) -> None:
        if "DAY" not in site.made:
            await create_tariff(site)
        wanted = tariffs.TariffAssignment(tariff_id="DAY", **fields)
        made = await site.api(TariffsServiceStub).AssignTariff(tariffs.AssignTariffRequest(assignment=wanted))
        site.made[name] = made.assignment_id

    return step


async def unassign(site: Site) -> None:
    request = tariffs.UnassignTariffRequest(assignment_id=site.made["all"])
    await site.api(TariffsServiceStub).UnassignTariff(request)


async def delete_station(site: Site) -> None:
    await site.api(StationsServiceStub).DeleteStation(stations.DeleteStationRequest(station_id="CS-1"))


def configure(name: str, **fields: Any) -> Callable[[Site], Awaitable[None]]:
    async def step(site: Site) -> None:
        api, wanted = site.api(ConfigurationsServiceStub), configurations.Configuration(configuration_id=name, **fields)
        if name in site.made:
            await api.UpdateConfiguration(configurations.UpdateConfigurationRequest(configuration=wanted))
        else:
            await api.CreateConfiguration(configurations.CreateConfigurationRequest(configuration=wanted))
        site.made[name] = name

    return step


def operate(name: str) -> Callable[[Site], Awaitable[None]]:
    async def step(site: Site) -> None:
        if "CS-2" not in site.made:
            await create_station(site)
        reset = ResetRequest(request=boots.ResetRequest(type=boots.RESET_ENUM_ON_IDLE))
        operation = operations.Operation(
            operation_id=name,
            action=operations.OperationAction(reset=reset),
            # CS-2 never connects, so it waits until it is cancelled.
            selection=operations.OperationSelection(station_id_prefix="CS-2"),
            offline=operations.OFFLINE_STATIONS_WAIT,
        )
        await site.api(OperationsServiceStub).CreateOperation(operations.CreateOperationRequest(operation=operation))
        site.made[name] = name

    return step


async def cancel(site: Site) -> None:
    await site.api(OperationsServiceStub).CancelOperation(operations.CancelOperationRequest(operation_id="first"))


def start(number: int) -> Callable[[Site], Awaitable[None]]:
    async def step(site: Site) -> None:
        request = starts.RequestStartTransactionRequest(remote_start_id=number, id_token=CARD, evse_id=1)
        target = CommandTarget(station_id="CS-1")
        await site.api(RemoteControlServiceStub).RequestStartTransaction(
            remote.RequestStartTransactionRequest(target=target, request=request)
        )

    return step


async def begin(site: Site) -> None:
    await site.session.call(started(0, info={"remote_start_id": 1}, trigger="REMOTE_START", evse=(1, 1)))


def report(monitor: int, *, cleared: bool = False) -> Callable[[Site], Awaitable[None]]:
    async def step(site: Site) -> None:
        data = ocpp.EventData(
            event_id=1,
            timestamp=stamp(),
            trigger=ocpp.EVENT_TRIGGER_ENUM_ALERTING,
            cleared=cleared,
            component=Component(name="Fan"),
            variable=Variable(name=f"Speed{monitor}"),
            actual_value="900",
            variable_monitoring_id=monitor,
        )
        await site.session.call(ocpp.NotifyEventRequest(generated_at=stamp(), seq_no=0, event_data=[data]))

    return step


async def acknowledge(site: Site) -> None:
    request = diagnostics.AcknowledgeAlertRequest(station_id="CS-1", component="Fan", variable="Speed1")
    await site.api(DiagnosticsServiceStub).AcknowledgeAlert(request)


@dataclass(frozen=True)
class ByChange:
    """A list by change."""

    stub: Callable[[grpc.aio.Channel], Any]
    rpc: str
    request: Any
    """Makes its request of fields."""
    name: Callable[[Site, Any], str]
    """Returns what the test calls an item."""
    steps: tuple[Step, ...]

    async def items(self, site: Site, since: Timestamp | None) -> list[Any]:
        """Return what changed at a time or later, by pages of one item."""
        found: list[Any] = []
        request = self.request(page_size=1, update_time=TimeRange(start=since))
        while True:
            page = await getattr(site.api(self.stub), self.rpc)(request)
            [items] = [value for what, value in page.ListFields() if what.is_repeated] or [[]]
            found += items
            request.page_token = page.next_page_token
            if not request.page_token:
                return found


LISTS = {
    "stations": ByChange(
        StationsServiceStub,
        "ListStations",
        stations.ListStationsRequest,
        lambda _, one: str(one.station_id),
        (
            ("CS-2", create_station),
            ("CS-1", update_station),
            ("CS-2", label_station),
            ("CS-1", boot),
        ),
    ),
    "assignments": ByChange(
        TariffsServiceStub,
        "ListTariffAssignments",
        lambda **fields: tariffs.ListTariffAssignmentsRequest(include_ended=True, **fields),
        lambda site, one: next(name for name, id_ in site.made.items() if id_ == one.assignment_id),
        (
            ("all", assign("all")),
            ("one", assign("one", station_id="CS-1")),
            ("all", unassign),
            ("one", delete_station),
        ),
    ),
    "configurations": ByChange(
        ConfigurationsServiceStub,
        "ListConfigurations",
        configurations.ListConfigurationsRequest,
        lambda _, one: str(one.configuration_id),
        (
            ("first", configure("first")),
            ("second", configure("second")),
            ("first", configure("first", description="for all")),
        ),
    ),
    "operations": ByChange(
        OperationsServiceStub,
        "ListOperations",
        operations.ListOperationsRequest,
        lambda _, one: str(one.operation_id),
        (("first", operate("first")), ("second", operate("second")), ("first", cancel)),
    ),
    "remote starts": ByChange(
        RemoteControlServiceStub,
        "ListRemoteStarts",
        remote.ListRemoteStartsRequest,
        lambda _, one: str(one.remote_start_id),
        (("1", start(1)), ("2", start(2)), ("1", begin)),
    ),
    "alerts": ByChange(
        DiagnosticsServiceStub,
        "ListAlerts",
        lambda **fields: diagnostics.ListAlertsRequest(include_cleared=True, **fields),
        lambda _, one: str(one.event.variable.name),
        (
            ("Speed1", report(1)),
            ("Speed2", report(2)),
            ("Speed1", acknowledge),
            ("Speed2", report(2, cleared=True)),
        ),
    ),
}


@pytest.mark.parametrize("name", LISTS)
async def test_each_change_is_listed_behind_all_before_it(site: Site, name: str) -> None:
    listed = LISTS[name]
    before = await listed.items(site, None)
    latest = before[-1].update_time if before else Timestamp()
    for changed, step in listed.steps:
        await step(site)

        news = await listed.items(site, latest)
        later = [one for one in news if one.update_time.ToNanoseconds() > latest.ToNanoseconds()]
        times = [one.update_time.ToNanoseconds() for one in news]
        assert times == sorted(times)
        assert listed.name(site, news[-1]) == changed
        assert {listed.name(site, one) for one in later} == {changed}
        latest = news[-1].update_time


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_list_goes_beyond_a_change_that_is_not_committed_yet(site: Site) -> None:
    """On SQLite there is none: a writer excludes all others until its commit."""
    before = [await listed.items(site, None) for listed in LISTS.values()]
    async with site.core.core.unit_of_work() as work:
        await change_time(work.session, utc_now)
        for listed in LISTS.values():
            await listed.steps[0][1](site)
        meanwhile = [await listed.items(site, None) for listed in LISTS.values()]

    assert meanwhile == before
    assert [len(await listed.items(site, None)) for listed in LISTS.values()] == [len(one) + 1 for one in before]


async def test_alerts_that_were_cleared_are_shown_to_who_asks_by_change(site: Site) -> None:
    api = site.api(DiagnosticsServiceStub)
    await report(1)(site)
    await report(1, cleared=True)(site)
    since = TimeRange(start=Timestamp(seconds=1))

    [cleared] = (await api.ListAlerts(diagnostics.ListAlertsRequest(update_time=since, include_cleared=True))).alerts
    assert cleared.cleared
    assert not (await api.ListAlerts(diagnostics.ListAlertsRequest(update_time=since))).alerts
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await api.ListAlerts(diagnostics.ListAlertsRequest(include_cleared=True))
    assert field_violations(raised.value) == ["include_cleared"]


async def test_stations_by_change_have_no_other_order(site: Site) -> None:
    request = stations.ListStationsRequest(
        update_time=TimeRange(start=Timestamp(seconds=1)), order=stations.STATION_ORDER_STATE
    )

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await site.api(StationsServiceStub).ListStations(request)

    assert field_violations(raised.value) == ["order"]
