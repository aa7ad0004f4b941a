"""`citrine station set-password|upgrade-profile|profile-upgrades`: how stations authenticate."""

from typing import Annotated

import typer

from citrine.api.v1.security_profile_upgrades_pb2 import (
    SECURITY_PROFILE_UPGRADE_STATE_ORDERING,
    SECURITY_PROFILE_UPGRADE_STATE_UNSPECIFIED,
    CreateSecurityProfileUpgradeRequest,
    ListSecurityProfileUpgradesRequest,
    SecurityProfileUpgrade,
    SecurityProfileUpgradeState,
)
from citrine.api.v1.stations_pb2 import SetStationPasswordRequest
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands.station_care import INTERFACES
from citrine_cli.errors import CliError, UsageError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, choice, show_waiting, target
from citrine_words.enums import words_of
from citrine_words.words import enum_word, time_word

__all__ = ["add_to"]

_STATES = words_of(SecurityProfileUpgradeState.items(), "SECURITY_PROFILE_UPGRADE_STATE_")


def add_to(app: typer.Typer) -> None:
    """Add these commands to those of `citrine station`."""
    client_command(app, "set-password")(set_password)
    client_command(app, "upgrade-profile")(upgrade_profile)
    client_command(app, "profile-upgrades")(list_upgrades)


async def set_password(
    client: Client,
    station_id: Station,
    password: Annotated[
        str | None, typer.Option("--password", metavar="P", help="16 to 64 characters. Without it one is generated.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send it to the station; else set it there by other means.")
    ] = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Replace the password of a station. With --send, the one before is valid until the station accepts the new one."""
    if when_online and not send:
        raise UsageError("--when-online is only for --send")
    request = SetStationPasswordRequest(
        station_id=station_id, password=password or "", send=send, when_online=when_online
    )
    if send:
        request.timeout.CopyFrom(target(station_id, timeout).timeout)
    answer = await client.citrine.stations.SetStationPassword(request, timeout=timeout + MARGIN)
    if client.out.as_json:
        client.out.message(answer)
        return
    if answer.HasField("status"):
        client.out.line(f"{station_id} answered {enum_word(answer, 'status')}")
    elif send:
        show_waiting(client, answer.command)
    else:
        client.out.line(f"password of station {station_id} replaced")
    if answer.generated_password:
        client.out.line(f"password: {answer.generated_password}")
        client.out.line("It is shown only now.", style="dim")


async def upgrade_profile(
    client: Client,
    station_id: Station,
    profile: Annotated[int, typer.Argument(metavar="PROFILE", help="2: TLS. 3: TLS with a certificate of its own.")],
    url: Annotated[str, typer.Option("--url", metavar="URL", help="URL to connect to, without the station's id.")],
    interface: Annotated[
        str, typer.Option("--interface", metavar="NAME", help="Wired0 to Wired3 or Wireless0 to Wireless3.")
    ] = "Wired0",
    slot: Annotated[int | None, typer.Option("--slot", metavar="N", help="Slot for it; else the first free.")] = None,
    has_certificate: Annotated[
        bool, typer.Option("--has-certificate", help="For 3: it has one that is not known here.")
    ] = False,
    immediate: Annotated[
        bool, typer.Option("--immediate", help="Restart at once, ending transactions; else when it is idle.")
    ] = False,
    message_timeout: Annotated[
        int, DurationOption("--message-timeout", whole=True, help="How long it waits for the CSMS's answers.")
    ] = 30,
) -> None:
    """Move a station to a higher security profile; it is asked to restart, and then refused by a lower one.

    For profile 3 it orders a certificate first, if it has none that is known.
    """
    connection = ocpp.NetworkConnectionProfile(
        ocpp_interface=choice("--interface", INTERFACES, interface),
        ocpp_transport=ocpp.OCPP_TRANSPORT_ENUM_JSON,
        ocpp_version=ocpp.OCPP_VERSION_ENUM_OCPP20,
        ocpp_csms_url=url,
        security_profile=profile,
        message_timeout=message_timeout,
    )
    request = CreateSecurityProfileUpgradeRequest(
        station_id=station_id,
        connection_data=connection,
        configuration_slot=slot,
        has_certificate=has_certificate,
        reset_immediately=immediate,
    )
    # It is several commands, one after the other.
    upgrade = await client.citrine.security_profile_upgrades.CreateSecurityProfileUpgrade(
        request, timeout=4 * DEFAULT_TIMEOUT + MARGIN
    )
    if client.out.as_json:
        client.out.message(upgrade)
    if upgrade.reason:
        raise CliError(f"{station_id} was not upgraded: {upgrade.reason}")
    if not client.out.as_json:
        orders = upgrade.state == SECURITY_PROFILE_UPGRADE_STATE_ORDERING
        now = "orders a certificate, and restarts then" if orders else "restarts"
        client.out.line(f"{station_id} {now}; see citrine station profile-upgrades {station_id}")


async def list_upgrades(
    client: Client,
    station_id: Station,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"One of {', '.join(_STATES)}.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 20,
) -> None:
    """List the upgrades of a station to a higher security profile, the latest first."""
    wanted = choice("--state", _STATES, state) if state else SECURITY_PROFILE_UPGRADE_STATE_UNSPECIFIED
    request = ListSecurityProfileUpgradesRequest(
        create_time=range_of(begin, end),
        station_id=station_id,
        state=wanted,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.security_profile_upgrades.ListSecurityProfileUpgrades, request, limit)
    rows = [row async for page in pages for row in page.security_profile_upgrades]
    if client.out.as_json:
        client.out.messages(rows)
        return
    columns = ["begun", "profile", "slot", "state", "ended", "reason"]
    client.out.table(columns, map(_upgrade_row, rows), empty="no upgrades")


def _upgrade_row(row: SecurityProfileUpgrade) -> list[str]:
    return [
        time_word(row, "create_time"),
        str(row.security_profile),
        str(row.configuration_slot),
        enum_word(row, "state"),
        time_word(row, "finish_time"),
        row.reason,
    ]
