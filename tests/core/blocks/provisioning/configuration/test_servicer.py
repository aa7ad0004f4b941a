"""ConfigurationsService: what may be stored, for which stations it is, and what they have against it."""

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceStub
from citrine.api.v1.locations_pb2 import CreateLocationRequest
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.blocks.provisioning import ReportedVariable
from tests.core.resources.locations.test_servicer import place
from tests.support.blocks import NOW
from tests.support.core import RunningCore

if TYPE_CHECKING:
    from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceAsyncStub

HARDWARE = ocpp.ChargingStation(vendor_name="Example", model="Wallbox").SerializeToString()


SELECTORS = {
    "fast": pb.ConfigurationSelector(station_group="fast"),
    "depot": pb.ConfigurationSelector(station_group="depot"),
    "label": pb.ConfigurationSelector(station_labels={"z": "1"}),
    "labels": pb.ConfigurationSelector(station_labels={"row": "2", "a": "1"}),
    "bolt": pb.ConfigurationSelector(vendor_name="Bolt", station_labels={"row": "2", "a": "1"}),
    "north": pb.ConfigurationSelector(location_id="north"),
    "walls": pb.ConfigurationSelector(vendor_name="EXAMPLE", model="wallbox", location_id="north"),
}
"""By the configuration that has each. Of two groups, the id that is first in the alphabet decides."""


def data(variable: str, value: str = "1", component: str = "Ctrlr") -> ocpp.SetVariableData:
    return ocpp.SetVariableData(
        component=Component(name=component), variable=Variable(name=variable), attribute_value=value
    )


@pytest.fixture
def api(core: RunningCore) -> "ConfigurationsServiceAsyncStub":
    return core.stub(ConfigurationsServiceStub)


async def create(api: "ConfigurationsServiceAsyncStub", configuration_id: str, **fields: Any) -> pb.Configuration:
    configuration = pb.Configuration(configuration_id=configuration_id, **fields)
    return await api.CreateConfiguration(pb.CreateConfigurationRequest(configuration=configuration))


async def code(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code()


async def has(core: RunningCore, station_id: str, variable: str, value: str) -> None:
    """Let a station have told a variable."""
    row = ReportedVariable(
        tenant_id="default",
        station_id=station_id,
        name_key=f"ctrlr\n\n{variable.lower()}\n",
        component="CTRLR",
        component_instance="",
        evse_id=-1,
        connector_id=-1,
        variable=variable.upper(),
        variable_instance="",
        attribute=ocpp.ATTRIBUTE_ENUM_ACTUAL,
        value=value,
        update_time=NOW,
    )
    async with core.core.unit_of_work() as work:
        work.session.add(row)
        await work.commit()


async def test_configuration_from_creation_to_deletion(
    core: RunningCore, api: "ConfigurationsServiceAsyncStub"
) -> None:
    created = await create(api, "site", variables=[data("A")], base_report=ocpp.REPORT_BASE_ENUM_SUMMARY_INVENTORY)
    change = pb.Configuration(configuration_id="site", description="new", hold_refused=True, etag=created.etag)
    changed = await api.UpdateConfiguration(pb.UpdateConfigurationRequest(configuration=change))
    mask = FieldMask(paths=["base_report", "hold_refused"])
    cleared = await api.UpdateConfiguration(
        pb.UpdateConfigurationRequest(configuration=pb.Configuration(configuration_id="site"), update_mask=mask)
    )

    assert (changed.description, changed.hold_refused, list(changed.variables)) == ("new", True, [data("A")])
    assert (cleared.hold_refused, cleared.HasField("base_report"), cleared.description) == (False, False, "new")
    assert await api.GetConfiguration(pb.GetConfigurationRequest(configuration_id="site")) == cleared
    assert list((await api.ListConfigurations(pb.ListConfigurationsRequest())).configurations) == [cleared]
    stale = api.UpdateConfiguration(pb.UpdateConfigurationRequest(configuration=change))
    assert await code(stale) is grpc.StatusCode.ABORTED
    assert await code(create(api, "site")) is grpc.StatusCode.ALREADY_EXISTS

    await core.add_station("CS-1", configuration_id="site")
    remove = pb.DeleteConfigurationRequest(configuration_id="site")
    assert await code(api.DeleteConfiguration(remove)) is grpc.StatusCode.FAILED_PRECONDITION
    mask = FieldMask(paths=["configuration_id"])
    update = UpdateStationRequest(station=Station(station_id="CS-1"), update_mask=mask)
    await core.stub(StationsServiceStub).UpdateStation(update)
    await api.DeleteConfiguration(remove)
    assert await code(api.DeleteConfiguration(remove)) is grpc.StatusCode.NOT_FOUND


async def test_station_has_the_configuration_that_says_most_of_it(
    core: RunningCore, api: "ConfigurationsServiceAsyncStub"
) -> None:
    """Its own, or by location, labels, group, model, vendor, of all. No two are for the same."""
    await create(api, "all", variables=[data("A")], selectors=[pb.ConfigurationSelector()])
    await create(api, "vendor", variables=[data("A")], selectors=[pb.ConfigurationSelector(vendor_name="EXAMPLE")])
    both = pb.ConfigurationSelector(vendor_name="example", model="WALLBOX")
    await create(api, "model", variables=[data("A")], selectors=[both])
    await create(api, "own", variables=[data("A")])
    other = ocpp.ChargingStation(vendor_name="Example", model="Post").SerializeToString()
    await core.add_station("CS-1", hardware=HARDWARE, configuration_id="own")
    await core.add_station("CS-2", hardware=HARDWARE)
    await core.add_station("CS-3", hardware=other)
    await core.add_station("CS-4")
    locations: Any = core.stub(LocationsServiceStub)
    await locations.CreateLocation(CreateLocationRequest(location=place("north")))
    for name, selector in SELECTORS.items():
        await create(api, name, variables=[data("A")], selectors=[selector])
    stations: Any = core.stub(StationsServiceStub)
    for station_id, hardware, placed in (
        ("CS-5", HARDWARE, Station(groups=["depot", "fast"])),
        ("CS-6", HARDWARE, Station(groups=["fast"], labels={"a": "1", "z": "1"})),
        ("CS-7", HARDWARE, Station(groups=["fast"], labels={"a": "1", "row": "2", "z": "1"})),
        ("CS-8", other, Station(location_id="north", labels={"a": "1", "row": "2"})),
    ):
        await core.add_station(station_id, hardware=hardware)
        placed.station_id = station_id
        await stations.UpdateStation(UpdateStationRequest(station=placed))
    await core.add_station("CS-9", hardware=HARDWARE, location_id="north", configuration_id="own")

    listed = (await api.ListDriftReports(pb.ListDriftReportsRequest())).reports

    assert {report.station_id: report.configuration_id for report in listed} == {
        "CS-1": "own",
        "CS-2": "model",
        "CS-3": "vendor",
        "CS-4": "all",
        "CS-5": "depot",
        "CS-6": "label",
        "CS-7": "labels",
        "CS-8": "north",
        "CS-9": "own",
    }
    apply = pb.ApplyConfigurationRequest(stations=StationSelector(groups=["fast"]))
    assert (await api.ApplyConfiguration(apply)).stations == 3
    apply = pb.ApplyConfigurationRequest(configuration_id="label", stations=StationSelector(labels={"z": "1"}))
    assert (await api.ApplyConfiguration(apply)).stations == 1
    of_group = StationSelector(groups=["fast"])
    progress = await api.ListProvisionings(pb.ListProvisioningsRequest(stations=of_group, configuration_id="labels"))
    assert [one.station_id for one in progress.provisionings] == ["CS-7"]
    drift = await api.ListDriftReports(pb.ListDriftReportsRequest(stations=of_group))
    assert [one.station_id for one in drift.reports] == ["CS-5", "CS-6", "CS-7"]
    nowhere = pb.ConfigurationSelector(location_id="south")
    assert await code(create(api, "south", selectors=[nowhere])) is grpc.StatusCode.NOT_FOUND
    one = pb.ApplyConfigurationRequest(station_id="CS-1", stations=of_group)
    assert await code(api.ApplyConfiguration(one)) is grpc.StatusCode.INVALID_ARGUMENT
    assert await code(create(api, "second", selectors=[both])) is grpc.StatusCode.ALREADY_EXISTS
    unknown = UpdateStationRequest(station=Station(station_id="CS-4", configuration_id="none"))
    assert await code(core.stub(StationsServiceStub).UpdateStation(unknown)) is grpc.StatusCode.NOT_FOUND


async def test_drift_is_told_by_what_stations_reported(
    core: RunningCore, api: "ConfigurationsServiceAsyncStub"
) -> None:
    """Names know no case. What was never told is not known to differ."""
    await create(api, "site", variables=[data("A"), data("B"), data("C")], selectors=[pb.ConfigurationSelector()])
    for number in range(3):
        await core.add_station(f"CS-{number}")
        await has(core, f"CS-{number}", "A", "1")
        await has(core, f"CS-{number}", "B", str(number))

    page = await api.ListDriftReports(pb.ListDriftReportsRequest(drifted_only=True, page_size=2))
    rest = await api.ListDriftReports(
        pb.ListDriftReportsRequest(drifted_only=True, page_size=2, page_token=page.next_page_token)
    )
    whole = await api.GetDriftReport(pb.GetDriftReportRequest(station_id="CS-0"))

    reports = [*page.reports, *rest.reports]
    assert [(report.station_id, [entry.actual for entry in report.entries]) for report in reports] == [
        ("CS-0", ["0"]),
        ("CS-2", ["2"]),
    ]
    assert [entry.kind for entry in whole.entries] == [
        pb.DRIFT_KIND_MATCHES,
        pb.DRIFT_KIND_DIFFERS,
        pb.DRIFT_KIND_UNKNOWN,
    ]


async def test_what_has_no_configuration_can_not_be_compared_or_applied(
    core: RunningCore, api: "ConfigurationsServiceAsyncStub"
) -> None:
    await core.add_station("CS-1")

    drift = api.GetDriftReport(pb.GetDriftReportRequest(station_id="CS-1"))
    assert await code(drift) is grpc.StatusCode.FAILED_PRECONDITION
    apply = api.ApplyConfiguration(pb.ApplyConfigurationRequest(station_id="CS-1"))
    assert await code(apply) is grpc.StatusCode.FAILED_PRECONDITION
    missing = api.ApplyConfiguration(pb.ApplyConfigurationRequest(configuration_id="site"))
    assert await code(missing) is grpc.StatusCode.NOT_FOUND
    assert await code(api.ApplyConfiguration(pb.ApplyConfigurationRequest())) is grpc.StatusCode.INVALID_ARGUMENT
    progress = api.GetProvisioning(pb.GetProvisioningRequest(station_id="CS-1"))
    assert await code(progress) is grpc.StatusCode.NOT_FOUND
