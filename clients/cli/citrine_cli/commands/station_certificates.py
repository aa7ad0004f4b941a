"""`citrine station certificate` and `lower-profile`: how a station authenticates itself."""

from collections.abc import Mapping
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.stations_pb2 import (
    GetStationRequest,
    LowerSecurityProfileRequest,
    Station,
    UpdateStationRequest,
)
from citrine_cli.client import Client, client_command
from citrine_words.words import time_word

__all__ = ["add_to", "security_facts"]

StationId = Annotated[str, typer.Argument(metavar="ID", help="Name of the station, as in its URL.")]

_PROFILES = {1: "1, without TLS", 2: "2, TLS and password", 3: "3, TLS and client certificate"}


def add_to(app: typer.Typer) -> None:
    """Add the commands to `citrine station`."""
    client_command(app, "certificate")(certificate)
    client_command(app, "lower-profile")(lower_profile)


def security_facts(station: Station) -> Mapping[str, str]:
    """Return what is known of the security profile and the certificate of a station."""
    newest = next(iter(station.certificates), None)
    until = "" if newest is None else f"{newest.subject}, until {time_word(newest, 'valid_to')}"
    revoked = newest is not None and newest.HasField("revoke_time")
    return {
        "security profile": _PROFILES.get(station.security_profile, ""),
        "certificate": until + (", revoked" if revoked else ""),
        "certificate name": station.certificate_name,
        "certificate sha256": station.certificate_sha256,
        "expired certificate": "accepted, to renew it" if station.accept_expired_certificate else "",
    }


async def certificate(
    client: Client,
    station_id: StationId,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="What its certificate names it, if not its id; empty: its id."),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", metavar="HEX", help="Accept this certificate, whatever it names; empty: none."),
    ] = None,
    accept_expired: Annotated[
        bool | None,
        typer.Option("--accept-expired/--no-accept-expired", help="Let it renew a certificate that has expired."),
    ] = None,
) -> None:
    """List the client certificates that a station connected with, or change which are accepted."""
    given = {
        "certificate_name": name,
        "certificate_sha256": sha256,
        "accept_expired_certificate": accept_expired,
    }
    changed = [field for field, value in given.items() if value is not None]
    if changed:
        station = Station(
            station_id=station_id,
            certificate_name=name or "",
            certificate_sha256=sha256 or "",
            accept_expired_certificate=bool(accept_expired),
        )
        request = UpdateStationRequest(station=station, update_mask=FieldMask(paths=changed))
        await client.citrine.stations.UpdateStation(request)
    found = await client.citrine.stations.GetStation(GetStationRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(found)
        return
    facts = security_facts(found)
    client.out.facts(
        {label: facts[label] for label in ("certificate name", "certificate sha256", "expired certificate")}
    )
    client.out.table(
        ["subject", "issuer", "serial number", "expires", "first used", "revoked", "sha256"],
        (
            [
                one.subject,
                one.issuer,
                one.serial_number,
                time_word(one, "valid_to"),
                time_word(one, "first_use_time"),
                time_word(one, "revoke_time"),
                one.sha256,
            ]
            for one in found.certificates
        ),
        empty="it connected with no certificate",
    )


async def lower_profile(
    client: Client,
    station_id: StationId,
    profile: Annotated[int, typer.Argument(metavar="PROFILE", help="1: without TLS; 2: TLS and a password.")],
) -> None:
    """Let a station connect with a lower security profile than before; nothing is sent to the station."""
    request = LowerSecurityProfileRequest(station_id=station_id, security_profile=profile)
    station = await client.citrine.stations.LowerSecurityProfile(request)
    if client.out.as_json:
        client.out.message(station)
        return
    client.out.line(f"station {station_id} may connect with security profile {profile} or higher")
