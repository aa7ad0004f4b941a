"""`citrine station set-password|upgrade-profile|profile-upgrades`."""

from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.security_profile_upgrades_pb2 import (
    SECURITY_PROFILE_UPGRADE_STATE_FAILED,
    SECURITY_PROFILE_UPGRADE_STATE_ORDERING,
    SECURITY_PROFILE_UPGRADE_STATE_RESTARTING,
    ListSecurityProfileUpgradesResponse,
    SecurityProfileUpgrade,
)
from citrine.api.v1.stations_pb2 import SetStationPasswordResponse
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def test_a_password_is_sent(citrine: Cli, core: ScriptedCore) -> None:
    status = ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
    core.on("SetStationPassword", SetStationPasswordResponse(generated_password="new-one", status=status))

    ran = citrine("station", "set-password", "CS-1", "--send", "--timeout", "5s")

    assert ran.lines[:2] == ["CS-1 answered Accepted", "password: new-one"]
    [request] = core.requests("SetStationPassword")
    assert (request.send, request.when_online, request.timeout.seconds) == (True, False, 5)


def test_a_password_waits_for_a_station_that_is_offline(citrine: Cli, core: ScriptedCore) -> None:
    waiting = Command(command_id="01", station_id="CS-1")
    core.on("SetStationPassword", SetStationPasswordResponse(generated_password="new-one", command=waiting))

    ran = citrine("station", "set-password", "CS-1", "--send", "--when-online")

    assert ran.lines[:2] == ["command 01 waits for CS-1", "password: new-one"]
    assert core.requests("SetStationPassword")[0].when_online


def test_what_is_not_sent_waits_for_nobody(citrine: Cli) -> None:
    ran = citrine("station", "set-password", "CS-1", "--when-online")

    assert ran.code == 2
    assert "only for --send" in ran.err


def test_a_station_is_upgraded(citrine: Cli, core: ScriptedCore) -> None:
    upgrade = SecurityProfileUpgrade(station_id="CS-1", state=SECURITY_PROFILE_UPGRADE_STATE_RESTARTING)
    core.on("CreateSecurityProfileUpgrade", upgrade)

    ran = citrine("station", "upgrade-profile", "CS-1", "3", "--url", "wss://x.example", "--slot", "2", "--immediate")

    assert ran.out == "CS-1 restarts; see citrine station profile-upgrades CS-1\n"
    [request] = core.requests("CreateSecurityProfileUpgrade")
    assert (request.configuration_slot, request.reset_immediately) == (2, True)
    assert request.connection_data.security_profile == 3
    assert request.connection_data.ocpp_csms_url == "wss://x.example"


def test_a_station_without_a_certificate_orders_one_first(citrine: Cli, core: ScriptedCore) -> None:
    upgrade = SecurityProfileUpgrade(station_id="CS-1", state=SECURITY_PROFILE_UPGRADE_STATE_ORDERING)
    core.on("CreateSecurityProfileUpgrade", upgrade)

    ran = citrine("station", "upgrade-profile", "CS-1", "3", "--url", "wss://x.example")

    assert ran.out.startswith("CS-1 orders a certificate, and restarts then; see ")


def test_an_upgrade_that_fails_says_why(citrine: Cli, core: ScriptedCore) -> None:
    failed = SecurityProfileUpgrade(state=SECURITY_PROFILE_UPGRADE_STATE_FAILED, reason="Reset: it answered REJECTED")
    core.on("CreateSecurityProfileUpgrade", failed)

    ran = citrine("station", "upgrade-profile", "CS-1", "2", "--url", "wss://x.example")

    assert ran.code == 1
    assert "CS-1 was not upgraded: Reset: it answered REJECTED" in ran.err


def test_upgrades_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    row = SecurityProfileUpgrade(
        security_profile=2, configuration_slot=3, state=SECURITY_PROFILE_UPGRADE_STATE_FAILED, reason="no"
    )
    core.on("ListSecurityProfileUpgrades", ListSecurityProfileUpgradesResponse(security_profile_upgrades=[row]))

    assert citrine("station", "profile-upgrades", "CS-1").lines[1].split() == ["2", "3", "failed", "no"]
    assert citrine("station", "profile-upgrades", "CS-1", "--json").json[0]["configurationSlot"] == 3
