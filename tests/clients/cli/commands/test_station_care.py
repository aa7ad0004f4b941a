"""`citrine station reset|resets|availability|network|set-network|update|accept`, and `citrine tenant update`."""

import pytest

from citrine.api.v1.availability_pb2 import (
    AVAILABILITY_STATE_SCHEDULED,
    Availability,
    ChangeAvailabilityResponse,
    ListAvailabilitiesResponse,
)
from citrine.api.v1.provisioning_pb2 import (
    ListNetworkProfilesResponse,
    ListResetsResponse,
    NetworkProfile,
    ResetResponse,
    SetNetworkProfileResponse,
    StationReset,
)
from citrine.api.v1.stations_pb2 import (
    BOOT_POLICY_CONFIGURED,
    BOOT_POLICY_PENDING,
    AcceptStationResponse,
    ListStationsResponse,
    Station,
)
from citrine.api.v1.tenants_pb2 import UNKNOWN_STATIONS_HOLD, Tenant
from citrine.ocpp.v2 import availability_pb2 as availability
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def test_station_is_reset(citrine: Cli, core: ScriptedCore) -> None:
    core.on("Reset", ResetResponse(response=ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_SCHEDULED)))

    ran = citrine("station", "reset", "CS-1", "--evse", "2", "--immediate")

    assert (ran.code, ran.lines) == (0, [" answered Scheduled"])
    [request] = core.requests("Reset")
    assert request.request == ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE, evse_id=2)


def test_refused_reset_fails(citrine: Cli, core: ScriptedCore) -> None:
    core.on("Reset", ResetResponse(response=ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_REJECTED)))

    assert citrine("station", "reset", "CS-1").code == 1


def test_resets_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    row = StationReset(evse_id=2, type=ocpp.RESET_ENUM_ON_IDLE, problem="ConnectionLost: it broke")
    core.on("ListResets", ListResetsResponse(resets=[row]))

    assert citrine("station", "resets", "CS-1").lines[1].split() == [
        "evse", "2", "OnIdle", "none", "ConnectionLost:", "it", "broke",
    ]  # fmt: skip
    assert citrine("station", "resets", "CS-1", "--json").json[0]["evseId"] == 2


def test_availability_is_changed_and_shown(citrine: Cli, core: ScriptedCore) -> None:
    accepted = availability.ChangeAvailabilityResponse(status=availability.CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED)
    core.on("ChangeAvailability", ChangeAvailabilityResponse(response=accepted))
    row = Availability(
        evse_id=1,
        connector_id=2,
        wanted=availability.OPERATIONAL_STATUS_ENUM_INOPERATIVE,
        actual=availability.OPERATIONAL_STATUS_ENUM_OPERATIVE,
        state=AVAILABILITY_STATE_SCHEDULED,
    )
    core.on("ListAvailabilities", ListAvailabilitiesResponse(availabilities=[row]))

    assert citrine("station", "availability", "CS-1", "Inoperative", "--evse", "1", "--connector", "2").code == 0
    shown = citrine("station", "availability", "CS-1")

    [request] = core.requests("ChangeAvailability")
    assert request.request.operational_status == availability.OPERATIONAL_STATUS_ENUM_INOPERATIVE
    assert (request.request.evse.id, request.request.evse.connector_id) == (1, 2)
    assert shown.lines[1].split() == ["evse", "1", "connector", "2", "Inoperative", "Operative", "scheduled"]
    assert citrine("station", "availability", "CS-1", "off").code == 2
    assert citrine("station", "availability", "CS-1", "operative", "--connector", "2").code == 2


def test_network_profiles_are_set_and_listed(citrine: Cli, core: ScriptedCore) -> None:
    answer = ocpp.SetNetworkProfileResponse(status=ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_ACCEPTED)
    core.on("SetNetworkProfile", SetNetworkProfileResponse(response=answer))

    assert citrine("station", "set-network", "CS-1", "2", "--url", "wss://x/ocpp", "--interface", "wireless0").code == 0

    [request] = core.requests("SetNetworkProfile")
    assert request.request.configuration_slot == 2
    profile = request.request.connection_data
    assert (profile.ocpp_csms_url, profile.ocpp_interface) == ("wss://x/ocpp", ocpp.OCPP_INTERFACE_ENUM_WIRELESS0)
    core.on("ListNetworkProfiles", ListNetworkProfilesResponse(network_profiles=[
        NetworkProfile(configuration_slot=2, connection_data=profile, status=answer.status)
    ]))  # fmt: skip
    assert citrine("station", "network", "CS-1").lines[1].split() == ["2", "wss://x/ocpp", "Wireless0", "1", "Accepted"]


def test_station_is_updated_by_what_is_said(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateStation", Station(station_id="CS-1", boot_policy=BOOT_POLICY_PENDING))

    ran = citrine("station", "update", "CS-1", "--pending", "--interval", "0", "--disable")

    assert ran.lines == ["station CS-1 updated; boot policy: pending"]
    [request] = core.requests("UpdateStation")
    assert list(request.update_mask.paths) == ["boot_policy", "boot_interval", "enabled"]
    assert request.station == Station(station_id="CS-1", boot_policy=BOOT_POLICY_PENDING, enabled=False)
    assert citrine("station", "update", "CS-1").code == 2
    assert citrine("station", "update", "CS-1", "--pending", "--reject").code == 2


def test_held_stations_are_listed_and_accepted(citrine: Cli, core: ScriptedCore) -> None:
    held = Station(station_id="CS-9", remote_address="192.0.2.9")
    held.hardware.serial_number = "4711"
    core.on("ListStations", ListStationsResponse(stations=[held]))
    core.on("AcceptStation", AcceptStationResponse(station=held))

    assert citrine("station", "list", "--held").lines[1].split() == ["CS-9", "192.0.2.9", "4711", "never"]
    assert citrine("station", "accept", "CS-9", "--configure").code == 0

    assert core.requests("ListStations")[0].held
    assert core.requests("AcceptStation")[0].boot_policy == BOOT_POLICY_CONFIGURED


@pytest.mark.parametrize("flags", [[], ["--unknown-stations", "maybe"]])
def test_tenant_update_needs_something_to_change(citrine: Cli, flags: list[str]) -> None:
    assert citrine("tenant", "update", "acme", *flags).code == 2


def test_tenant_is_told_to_hold_unknown_stations(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateTenant", Tenant(tenant_id="acme"))

    assert citrine("tenant", "update", "acme", "--unknown-stations", "hold", "--max-held", "5").code == 0

    [request] = core.requests("UpdateTenant")
    assert list(request.update_mask.paths) == ["unknown_stations", "max_held_stations"]
    assert request.tenant == Tenant(tenant_id="acme", unknown_stations=UNKNOWN_STATIONS_HOLD, max_held_stations=5)
