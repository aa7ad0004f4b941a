"""`citrine station reset|resets|availability|unlock|network`: operation of stations in the field."""

from typing import Annotated

import typer

from citrine.api.v1.availability_pb2 import (
    Availability,
    ChangeAvailabilityRequest,
    ListAvailabilitiesRequest,
)
from citrine.api.v1.provisioning_pb2 import (
    ListNetworkProfilesRequest,
    ListResetsRequest,
    NetworkProfile,
    ResetRequest,
    SetNetworkProfileRequest,
    StationReset,
)
from citrine.api.v1.remote_control_pb2 import UnlockConnectorRequest
from citrine.ocpp.v2 import availability_pb2 as availability
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, choice, show_answer, target
from citrine_words.words import enum_word, time_word

__all__ = ["INTERFACES", "add_to"]

AnyStation = Annotated[str, typer.Argument(metavar="[STATION]", help="Name of the station.")]
Evse = Annotated[int | None, typer.Option("--evse", metavar="N", help="Only this EVSE.")]

_STATUSES = {
    "operative": availability.OPERATIONAL_STATUS_ENUM_OPERATIVE,
    "inoperative": availability.OPERATIONAL_STATUS_ENUM_INOPERATIVE,
}
INTERFACES = {
    name.removeprefix("OCPP_INTERFACE_ENUM_").lower(): number
    for name, number in ocpp.OCPPInterfaceEnum.items()
    if number
}
"""Interfaces of network profiles, by their words."""


def add_to(app: typer.Typer) -> None:
    """Add these commands to those of `citrine station`."""
    client_command(app, "reset")(reset)
    client_command(app, "resets")(list_resets)
    client_command(app, "availabilities")(list_availabilities)
    client_command(app, "availability")(change_availability)
    client_command(app, "unlock")(unlock_connector)
    client_command(app, "network")(list_network_profiles)
    client_command(app, "set-network")(set_network_profile)


async def reset(
    client: Client,
    station_id: Station,
    immediate: Annotated[
        bool, typer.Option("--immediate", help="At once, ending transactions; else when it is idle.")
    ] = False,
    evse: Evse = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Restart a station or an EVSE when it is idle."""
    kind = ocpp.RESET_ENUM_IMMEDIATE if immediate else ocpp.RESET_ENUM_ON_IDLE
    request = ResetRequest(
        target=target(station_id, timeout, when_online), request=ocpp.ResetRequest(type=kind, evse_id=evse)
    )
    answer = await client.citrine.provisioning.Reset(request, timeout=timeout + MARGIN)
    show_answer(client, answer, ("Accepted", "Scheduled"))


async def list_resets(
    client: Client,
    station_id: AnyStation = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 20,
) -> None:
    """List the resets of a station, or of all, and their results, the latest first."""
    request = ListResetsRequest(
        station_id=station_id,
        answer_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.provisioning.ListResets, request, limit)
    resets = [row async for page in pages for row in page.resets]
    if client.out.as_json:
        client.out.messages(resets)
        return
    columns = ["answered", "station", "what", "type", "answer", "booted", "problem"]
    client.out.table(columns, map(_reset_row, resets), empty="no resets")


def _reset_row(row: StationReset) -> list[str]:
    return [
        time_word(row, "answer_time"),
        row.station_id,
        f"evse {row.evse_id}" if row.evse_id else "station",
        enum_word(row, "type"),
        enum_word(row, "status") or "none",
        time_word(row, "boot_time"),
        row.problem,
    ]


async def unlock_connector(
    client: Client,
    station_id: Station,
    evse: Annotated[int, typer.Option("--evse", metavar="N", help="The EVSE.")] = 1,
    connector: Annotated[int, typer.Option("--connector", metavar="N", help="The connector of the EVSE.")] = 1,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Unlock a connector; that of a transaction: citrine transaction unlock. The exit code is 1 if it stays locked."""
    content = remote_control.UnlockConnectorRequest(evse_id=evse, connector_id=connector)
    request = UnlockConnectorRequest(target=target(station_id, timeout), request=content)
    answer = await client.citrine.remote_control.UnlockConnector(request, timeout=timeout + MARGIN)
    show_answer(client, answer, ("Unlocked",))


async def change_availability(
    client: Client,
    station_id: Station,
    status: Annotated[
        str | None,
        typer.Argument(metavar="[operative|inoperative]", help="The new state. Without it, show the states."),
    ] = None,
    evse: Evse = None,
    connector: Annotated[int | None, typer.Option("--connector", metavar="N", help="Only this connector.")] = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Put a station, an EVSE or a connector in or out of service, or show the requested and actual states."""
    if status is None:
        _show_availabilities(client, await _availabilities(client, ListAvailabilitiesRequest(station_id=station_id)))
        return
    if connector is not None and evse is None:
        raise UsageError("--connector needs --evse")
    request = availability.ChangeAvailabilityRequest(operational_status=choice("status", _STATUSES, status))
    if evse is not None:
        request.evse.id = evse
    if connector is not None:
        request.evse.connector_id = connector
    change = ChangeAvailabilityRequest(target=target(station_id, timeout, when_online), request=request)
    answer = await client.citrine.availability.ChangeAvailability(change, timeout=timeout + MARGIN)
    show_answer(client, answer, ("Accepted", "Scheduled"))


async def list_availabilities(
    client: Client,
    station_id: AnyStation = "",
    evse: Evse = None,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the requested and actual states of a station, or of all, with their EVSEs and connectors."""
    request = ListAvailabilitiesRequest(
        station_id=station_id, evse_id=evse, stations=station_selector(location, group, label)
    )
    _show_availabilities(client, await _availabilities(client, request, limit))


async def _availabilities(client: Client, request: ListAvailabilitiesRequest, limit: int = 0) -> list[Availability]:
    pages = collect(client.citrine.availability.ListAvailabilities, request, limit)
    return [row async for page in pages for row in page.availabilities]


def _show_availabilities(client: Client, rows: list[Availability]) -> None:
    if client.out.as_json:
        client.out.messages(rows)
        return
    columns = ["station", "what", "wanted", "is", "state", "since", "problem"]
    client.out.table(columns, map(_availability_row, rows), empty="no state was requested")


def _availability_row(row: Availability) -> list[str]:
    what = "station"
    if row.evse_id:
        what = f"evse {row.evse_id}" + (f" connector {row.connector_id}" if row.connector_id else "")
    return [
        row.station_id,
        what,
        enum_word(row, "wanted"),
        enum_word(row, "actual") or "?",
        enum_word(row, "state"),
        time_word(row, "answer_time"),
        row.problem,
    ]


async def list_network_profiles(client: Client, station_id: Station) -> None:
    """List the network profiles that were set in a station."""
    request = ListNetworkProfilesRequest(station_id=station_id)
    answer = await client.citrine.provisioning.ListNetworkProfiles(request)
    if client.out.as_json:
        client.out.messages(answer.network_profiles)
        return
    columns = ["slot", "url", "interface", "security", "set", "last answer", "problem"]
    client.out.table(columns, map(_profile_row, answer.network_profiles), empty="no profiles were set")


def _profile_row(row: NetworkProfile) -> list[str]:
    has_one = row.HasField("connection_data")
    return [
        str(row.configuration_slot),
        row.connection_data.ocpp_csms_url,
        enum_word(row.connection_data, "ocpp_interface"),
        str(row.connection_data.security_profile) if has_one else "",
        time_word(row, "set_time"),
        enum_word(row, "status"),
        row.problem,
    ]


async def set_network_profile(
    client: Client,
    station_id: Station,
    slot: Annotated[int, typer.Argument(metavar="SLOT", help="Slot of the profile in the station.")],
    url: Annotated[str, typer.Option("--url", metavar="URL", help="URL to connect to, without the station's id.")],
    interface: Annotated[
        str, typer.Option("--interface", metavar="NAME", help="Wired0 to Wired3 or Wireless0 to Wireless3.")
    ] = "Wired0",
    security: Annotated[int, typer.Option("--security-profile", metavar="N", help="1, 2 or 3.")] = 1,
    message_timeout: Annotated[
        int, DurationOption("--message-timeout", whole=True, help="How long it waits for the CSMS's answers.")
    ] = 30,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Set a network profile in a station. With an APN or a VPN: citrine call STATION SetNetworkProfile."""
    profile = ocpp.NetworkConnectionProfile(
        ocpp_interface=choice("--interface", INTERFACES, interface),
        ocpp_transport=ocpp.OCPP_TRANSPORT_ENUM_JSON,
        ocpp_version=ocpp.OCPP_VERSION_ENUM_OCPP20,
        ocpp_csms_url=url,
        security_profile=security,
        message_timeout=message_timeout,
    )
    request = SetNetworkProfileRequest(
        target=target(station_id, timeout, when_online),
        request=ocpp.SetNetworkProfileRequest(configuration_slot=slot, connection_data=profile),
    )
    show_answer(client, await client.citrine.provisioning.SetNetworkProfile(request, timeout=timeout + MARGIN))
