"""Commands that name EVSEs, locations and groups that are not there."""

import grpc
import pytest

from citrine.api.v1.locations_pb2 import GetLocationRequest, Location
from citrine.api.v1.smart_charging_pb2 import ChargingCapacity, SetChargingCapacityRequest
from citrine.api.v1.stations_pb2 import Evse, ListStationGroupsResponse, Station, StationGroup
from citrine.api.v1.tariffs_pb2 import AssignTariffRequest, TariffAssignment
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

CAPACITY = ("profile", "capacity", "CS-1", "--power", "9", "--evse")
ASSIGN = ("tariff", "assign", "T", "--station", "CS-1", "--evse")


@pytest.fixture
def taking(core: ScriptedCore) -> ScriptedCore:
    """A core that takes any EVSE."""

    def capacity(request: SetChargingCapacityRequest, context: grpc.ServicerContext) -> ChargingCapacity:
        return request.capacity

    def assigned(request: AssignTariffRequest, context: grpc.ServicerContext) -> TariffAssignment:
        return request.assignment

    core.on("SetChargingCapacity", capacity)
    core.on("AssignTariff", assigned)
    return core


@pytest.mark.parametrize("command", [CAPACITY, ASSIGN], ids=" ".join)
def test_an_evse_that_a_station_has_not_is_an_error(
    citrine: Cli, taking: ScriptedCore, command: tuple[str, ...]
) -> None:
    taking.on("GetStation", Station(station_id="CS-1", evses=[Evse(evse_id=1), Evse(evse_id=2)]))

    ran = citrine(*command, "9")

    assert (ran.code, ran.err) == (1, "error: station CS-1 has no EVSE 9; it reported 1, 2\n")
    assert citrine(*command, "2").code == 0


@pytest.mark.parametrize("command", [CAPACITY, ASSIGN], ids=" ".join)
def test_of_a_station_that_reported_none_any_may_be_named(
    citrine: Cli, taking: ScriptedCore, command: tuple[str, ...]
) -> None:
    taking.on("GetStation", Station(station_id="CS-1"))

    assert citrine(*command, "9").code == 0


def test_a_key_that_may_not_read_stations_names_any(citrine: Cli, taking: ScriptedCore) -> None:
    def denied(request: object, context: grpc.ServicerContext) -> Station:
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        raise AssertionError

    taking.on("GetStation", denied)

    assert citrine(*CAPACITY, "9").code == 0


@pytest.mark.parametrize(
    "command", [("station", "list"), ("configuration", "apply", "street"), ("record", "list")], ids=" ".join
)
def test_a_location_or_group_that_does_not_exist_is_no_empty_list(
    citrine: Cli, core: ScriptedCore, command: tuple[str, ...]
) -> None:
    def none(request: GetLocationRequest, context: grpc.ServicerContext) -> Location:
        context.abort(grpc.StatusCode.NOT_FOUND, f"location {request.location_id} does not exist")

    core.on("GetLocation", none)
    core.on("ListStationGroups", ListStationGroupsResponse(groups=[StationGroup(name="depots")]))

    at, of = citrine(*command, "--location", "nope"), citrine(*command, "--group", "depot")

    assert (at.code, at.err) == (1, "error: location nope does not exist\n")
    assert (of.code, of.err) == (1, "error: group of stations depot does not exist\n")
