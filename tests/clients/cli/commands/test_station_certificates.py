"""`citrine station certificate|lower-profile`, and what `station show` says of security."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.stations_pb2 import Station, StationCertificate
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

SHA256 = "ab" * 32


def at(year: int) -> Timestamp:
    """Return the beginning of a year."""
    time = Timestamp()
    time.FromDatetime(datetime(year, 1, 1, tzinfo=UTC))
    return time


def station(*, revoked: bool = False) -> Station:
    """Return a station that connected with a certificate."""
    certificate = StationCertificate(
        sha256=SHA256,
        subject="CN=SN-1,O=Example",
        issuer="CN=Sub-CA",
        serial_number="4f",
        valid_to=at(2031),
        first_use_time=at(2026),
        revoke_time=at(2027) if revoked else None,
    )
    return Station(station_id="CS-1", security_profile=3, certificate_name="SN-1", certificates=[certificate])


def test_the_security_of_a_station_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetStation", station(revoked=True))

    shown = citrine("station", "show", "CS-1").out

    assert "3, TLS and client certificate" in shown
    assert "CN=SN-1,O=Example, until 2031-01-01" in shown
    assert "revoked" in shown


def test_certificates_are_listed_and_what_they_must_name_is_changed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateStation", station())
    core.on("GetStation", station())

    changed = citrine("station", "certificate", "CS-1", "--name", "SN-1", "--sha256", "")
    listed = citrine("station", "certificate", "CS-1", "--json")

    assert changed.code == 0
    assert "CN=Sub-CA" in changed.out
    [request] = core.requests("UpdateStation")
    assert request.station == Station(station_id="CS-1", certificate_name="SN-1")
    assert request.update_mask.paths == ["certificate_name", "certificate_sha256"]
    assert listed.json["certificates"][0]["sha256"] == SHA256


def test_a_station_may_renew_an_expired_certificate(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateStation", station())
    core.on("GetStation", station())

    assert citrine("station", "certificate", "CS-1", "--accept-expired").code == 0
    assert citrine("station", "certificate", "CS-1", "--no-accept-expired").code == 0

    yes, no = core.requests("UpdateStation")
    assert yes.station.accept_expired_certificate
    assert not no.station.accept_expired_certificate
    assert yes.update_mask.paths == no.update_mask.paths == ["accept_expired_certificate"]


def test_a_lower_security_profile_is_allowed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("LowerSecurityProfile", Station(station_id="CS-1", security_profile=1))

    ran = citrine("station", "lower-profile", "CS-1", "1")

    assert (ran.code, ran.lines) == (0, ["station CS-1 may connect with security profile 1 or higher"])
    assert citrine("station", "lower-profile", "CS-1", "1", "--json").json["securityProfile"] == 1
    assert core.requests("LowerSecurityProfile")[0].security_profile == 1
