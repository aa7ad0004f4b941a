"""`citrine station`: the charging stations of a tenant."""

from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.refusals_pb2 import RefusalSummary
from citrine.api.v1.stations_pb2 import (
    BOOT_POLICY_ACCEPTED,
    BOOT_POLICY_CONFIGURED,
    BOOT_POLICY_PENDING,
    BOOT_POLICY_REJECTED,
    BOOT_POLICY_UNSPECIFIED,
    AcceptStationRequest,
    BootPolicy,
    CreateStationRequest,
    DeleteStationRequest,
    GetStationRequest,
    Station,
    UpdateStationRequest,
)
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_cli.admission_hints import not_let_in_words
from citrine_cli.client import Client, client_command
from citrine_cli.commands import (
    station_care,
    station_certificates,
    station_configuration,
    station_history,
    station_list,
    station_refusals,
    station_security,
    station_tags,
    station_watch,
)
from citrine_cli.commands.station_certificates import security_facts
from citrine_cli.commands.station_list import last_seen_word
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import UsageError
from citrine_cli.forms import DurationOption
from citrine_cli.remedies import remedy_hint
from citrine_cli.station_selectors import groups_of, labels_of
from citrine_words.tolerance_kinds import refusal_words
from citrine_words.words import connected_word, count, detail_words, enum_word, skew_word, time_word

__all__ = ["build"]

StationId = Annotated[str, typer.Argument(metavar="ID", help="Name of the station, as in its URL.")]
Password = Annotated[
    str | None, typer.Option("--password", metavar="P", help="16 to 64 characters. Without it one is generated.")
]
Accept = Annotated[bool, typer.Option("--accept", help="Answer its BootNotification Accepted.")]
Pending = Annotated[bool, typer.Option("--pending", help="Answer its BootNotification Pending.")]
Reject = Annotated[bool, typer.Option("--reject", help="Answer its BootNotification Rejected.")]
Configure = Annotated[
    bool, typer.Option("--configure", help="Answer Pending until its configuration was applied, then Accepted.")
]
Interval = Annotated[
    int | None,
    DurationOption("--interval", whole=True, help="Between heartbeats, or until it boots again; 0: that of the core."),
]
Configuration = Annotated[
    str | None,
    typer.Option("--configuration", metavar="ID", help="Its configuration; empty: the one for such stations."),
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="For people.")]
Location = Annotated[str | None, typer.Option("--location", metavar="ID", help="Where it stands; empty: nowhere.")]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help='Repeat it. Replaces all; "none": none.')
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help='Repeat it. Replaces all; "none": none.')
]
_POLICIES = {
    "--accept": BOOT_POLICY_ACCEPTED,
    "--pending": BOOT_POLICY_PENDING,
    "--reject": BOOT_POLICY_REJECTED,
    "--configure": BOOT_POLICY_CONFIGURED,
}


def build() -> typer.Typer:
    """Return the commands of `citrine station`."""
    app = typer.Typer(help="Charging stations: registered, accepted, configured, reset, in and out of service.")
    client_command(app, "add")(add_station)
    client_command(app, "list")(station_list.list_stations)
    client_command(app, "show")(show_station)
    client_command(app, "refusals")(station_refusals.list_refusals)
    client_command(app, "update")(update_station)
    client_command(app, "accept")(accept_station)
    client_command(app, "remove")(remove_station)
    client_command(app, "watch")(station_watch.watch_station)
    station_security.add_to(app)
    station_certificates.add_to(app)
    station_care.add_to(app)
    station_configuration.add_to(app)
    station_history.add_to(app)
    station_tags.add_to(app)
    return app


def _policy(*given: bool) -> BootPolicy.ValueType:
    """Return the policy of the given flag, in the order of _POLICIES; UNSPECIFIED if none is given.

    Raises:
        UsageError: When more than one is given.
    """
    chosen = [name for name, is_given in zip(_POLICIES, given, strict=True) if is_given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other")
    return _POLICIES[chosen[0]] if chosen else BOOT_POLICY_UNSPECIFIED


async def add_station(
    client: Client,
    station_id: StationId,
    password: Password = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="Let it connect without a password.")] = False,
    accept: Accept = False,
    pending: Pending = False,
    reject: Reject = False,
    configure: Configure = False,
    interval: Interval = None,
    configuration: Configuration = None,
    description: Description = None,
    location: Location = None,
    label: Labels = None,
    group: Groups = None,
) -> None:
    """Register a station, and print what to set in it: URL, user name, password. Without a policy it is accepted.

    A password is generated unless one is given.
    """
    if no_password and password:
        raise UsageError("--password and --no-password exclude each other")
    station = Station(
        station_id=station_id,
        boot_policy=_policy(accept, pending, reject, configure) or BOOT_POLICY_ACCEPTED,
        boot_interval=interval or None,
        configuration_id=configuration or "",
        allow_no_password=no_password,
        description=description or "",
        location_id=location or "",
        labels=labels_of(label),
        groups=groups_of(group),
    )
    request = CreateStationRequest(station=station, password=password or "")
    created = await client.citrine.stations.CreateStation(request)
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"station {created.station.station_id} added to tenant {created.station.tenant_id}; set in it:")
    given = "as you gave it" if password else "none is needed" if no_password else ""
    client.out.facts(
        {
            "  URL": " or ".join(created.address.urls) or "not known: no edge is linked to the core now",
            "  user": created.address.username,
            "  password": created.generated_password or given,
        }
    )
    if created.generated_password:
        client.out.line("The password is shown only now. Some stations want the URL without their id at its end.")
    client.out.line("Then see it connect, or why it is refused:")
    client.out.line(f"  citrine --tenant {created.station.tenant_id} station watch {created.station.station_id}")


async def show_station(client: Client, station_id: StationId) -> None:
    """Show a station with its EVSEs and connectors."""
    station = await client.citrine.stations.GetStation(GetStationRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(station)
        return
    client.out.facts(
        {
            "station": station.station_id,
            "tenant": station.tenant_id,
            "description": station.description,
            "location": station.location_id,
            "labels": " ".join(f"{key}={value}" for key, value in sorted(station.labels.items())),
            "groups": " ".join(station.groups),
            "connected": connected_word(station.connected),
            "version": station.ocpp_version,
            "address": station.remote_address,
            "held": time_word(station, "held_time"),
            "not let in": (
                not_let_in_words(station.handshake_refusal, station.tenant_id)
                if station.HasField("handshake_refusal")
                else ""
            ),
            "refused": _refused_words(station.refused, station.hardware),
            "admission": {
                "enabled": "no" if station.HasField("enabled") and not station.enabled else "yes",
                "boot policy": enum_word(station, "boot_policy"),
                "boot interval": f"{station.boot_interval} s" if station.HasField("boot_interval") else "",
                "registration": enum_word(station, "registration"),
                "configuration": station.configuration_id,
                "versions": " ".join(station.allowed_versions),
                "password": "not needed" if station.allow_no_password else "",
                **security_facts(station),
            },
            "hardware": {
                "vendor": station.hardware.vendor_name,
                "model": station.hardware.model,
                "serial number": station.hardware.serial_number,
                "firmware": station.hardware.firmware_version,
            },
            "times": {
                "connected": time_word(station, "connect_time"),
                "booted": time_word(station, "boot_time"),
                "last seen": last_seen_word(station),
                "clock": (skew_word(station, "clock_skew") or "not measured: it spoke of no transaction yet")
                + (", transactions go by ours" if station.clock_off else ""),
                "created": time_word(station, "create_time"),
            },
        }
    )
    rows = [
        [
            count(evse.evse_id),
            count(plug.connector_id),
            enum_word(plug, "status"),
            detail_words(plug.detail),
            time_word(plug, "status_time"),
            enum_word(plug, "wanted"),
        ]
        for evse in station.evses
        for plug in evse.connectors
    ]
    client.out.table(
        ["evse", "connector", "status", "detail", "since", "wanted"],
        rows,
        empty="no connectors reported",
        title="connectors",
    )


def _refused_words(refused: RefusalSummary, hardware: ChargingStation) -> str:
    """Return the gravest refusal in words, and the rule that would let it pass. Empty if nothing was refused."""
    if not refused.count:
        return ""
    one = refused.gravest
    hint = remedy_hint(one, hardware)
    return (
        f"{refused.count} messages, see citrine refused list; {refusal_words(one)} {refused.gravest_count} times, last "
        f"{time_word(one, 'last_time')}: {one.code} {one.description}"
        f"{f'; {hint}' if hint else ''}"
    )


async def update_station(
    client: Client,
    station_id: StationId,
    accept: Accept = False,
    pending: Pending = False,
    reject: Reject = False,
    configure: Configure = False,
    interval: Interval = None,
    configuration: Configuration = None,
    description: Description = None,
    location: Location = None,
    label: Labels = None,
    group: Groups = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Let it connect, or refuse it and close its websocket.")
    ] = None,
    versions: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-version", metavar="VERSION", help='Version of OCPP it may use, e.g. "1.6"; repeat it. "any": all.'
        ),
    ] = None,
) -> None:
    """Change a station. A Pending station is asked to boot again, so that a new policy applies at once."""
    policy = _policy(accept, pending, reject, configure)
    given = {
        "boot_policy": policy or None,
        "boot_interval": interval,
        "configuration_id": configuration,
        "description": description,
        "enabled": enabled,
        "allowed_versions": versions or None,
        "location_id": location,
        "labels": label or None,
        "groups": group or None,
    }
    mask = FieldMask(paths=[name for name, value in given.items() if value is not None])
    if not mask.paths:
        raise UsageError("there is nothing to change; see --help")
    station = Station(
        station_id=station_id,
        boot_policy=policy,
        boot_interval=interval or None,
        configuration_id=configuration or "",
        description=description or "",
        enabled=enabled,
        allowed_versions=[] if versions == ["any"] else versions,
        location_id=location or "",
        labels=labels_of(label),
        groups=groups_of(group),
    )
    updated = await client.citrine.stations.UpdateStation(UpdateStationRequest(station=station, update_mask=mask))
    if client.out.as_json:
        client.out.message(updated)
        return
    client.out.line(f"station {station_id} updated; boot policy: {enum_word(updated, 'boot_policy')}")


async def accept_station(
    client: Client,
    station_id: StationId,
    password: Annotated[
        str | None,
        typer.Option("--password", metavar="P", help="Its password from now on; else the one it presented."),
    ] = None,
    configure: Configure = False,
    configuration: Configuration = None,
    description: Description = None,
) -> None:
    """Register a station that is held because it was unknown; list --held shows what it reported of itself."""
    request = AcceptStationRequest(
        station_id=station_id,
        boot_policy=BOOT_POLICY_CONFIGURED if configure else BOOT_POLICY_ACCEPTED,
        password=password or "",
        description=description or "",
        configuration_id=configuration or "",
    )
    accepted = await client.citrine.stations.AcceptStation(request)
    if client.out.as_json:
        client.out.message(accepted)
        return
    client.out.line(f"station {station_id} accepted; it is asked to boot again")


async def remove_station(client: Client, station_id: StationId, yes: Yes = False) -> None:
    """Remove a station and close its websocket; its transactions are retained."""
    await ask_consent(
        f"remove station {station_id}, and all that it reported but its transactions?",
        yes=yes,
        look=lambda: client.citrine.stations.GetStation(GetStationRequest(station_id=station_id)),
    )
    answer = await client.citrine.stations.DeleteStation(DeleteStationRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"station {station_id} removed")
