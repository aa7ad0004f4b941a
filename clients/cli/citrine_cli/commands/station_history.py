"""`citrine station connectors|statuses|security`: connectors now and before, and security events."""

from typing import Annotated

import typer

from citrine.api.v1.availability_pb2 import (
    ConnectorStatus,
    ListConnectorsRequest,
    ListConnectorStatusesRequest,
)
from citrine.api.v1.security_pb2 import ListSecurityEventsRequest
from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_UNSPECIFIED, ConnectorStatusEnum
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.filters import EvseOption, FromOption, StationOption, ToOption, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import Station, choice
from citrine_words.enums import words_of
from citrine_words.words import count, enum_word, instant_word, time_word

__all__ = ["add_to"]

_STATUSES = words_of(ConnectorStatusEnum.items(), "CONNECTOR_STATUS_ENUM_")

StatusOption = Annotated[str, typer.Option("--status", metavar="STATUS", help=f"Only {', '.join(_STATUSES)} ones.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to those of `citrine station`."""
    client_command(app, "connectors")(list_connectors)
    client_command(app, "statuses")(list_statuses)
    client_command(app, "security")(list_security_events)


async def list_connectors(
    client: Client,
    station: StationOption = "",
    evse: EvseOption = None,
    status: StatusOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List connectors and their statuses, by station, EVSE and connector."""
    request = ListConnectorsRequest(
        station_id=station,
        evse_id=evse,
        status=choice("--status", _STATUSES, status) if status else CONNECTOR_STATUS_ENUM_UNSPECIFIED,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.availability.ListConnectors, request, limit)
    found = [one async for page in pages for one in page.connectors]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = ([*_row(one), time_word(one, "time")] for one in found)
    client.out.table(["station", "evse", "connector", "status", "since"], rows, empty="no connectors")


async def list_statuses(
    client: Client,
    station_id: Station,
    evse: EvseOption = None,
    connector: Annotated[int | None, typer.Option("--connector", metavar="N", help="Only of this connector.")] = None,
    status: StatusOption = "",
    begin: FromOption = "",
    end: ToOption = "",
    limit: Limit = 100,
) -> None:
    """List how the statuses of a station's connectors changed, the latest first. Times are by the station's clock."""
    request = ListConnectorStatusesRequest(
        station_id=station_id,
        evse_id=evse,
        connector_id=connector,
        status=choice("--status", _STATUSES, status) if status else CONNECTOR_STATUS_ENUM_UNSPECIFIED,
        time=range_of(begin, end),
    )
    pages = collect(client.citrine.availability.ListConnectorStatuses, request, limit)
    found = [one async for page in pages for one in page.statuses]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = ([instant_word(one, "time"), *_row(one)[1:]] for one in found)
    client.out.table(["time", "evse", "connector", "status"], rows, empty="no statuses")


async def list_security_events(
    client: Client,
    station: StationOption = "",
    kind: Annotated[str, typer.Option("--type", metavar="TYPE", help="Only of this type.")] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    begin: FromOption = "",
    end: ToOption = "",
    limit: Limit = 100,
) -> None:
    """List the security events of stations, the latest first. Times are by the station's clock."""
    request = ListSecurityEventsRequest(
        station_id=station, type=kind, time=range_of(begin, end), stations=station_selector(location, group, label)
    )
    pages = collect(client.citrine.security.ListSecurityEvents, request, limit)
    found = [one async for page in pages for one in page.security_events]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [instant_word(one.request, "timestamp"), one.station_id, one.request.type, one.request.tech_info]
        for one in found
    )
    client.out.table(["time", "station", "type", "details"], rows, empty="no security events")


def _row(one: ConnectorStatus) -> list[str]:
    return [one.station_id, count(one.evse_id), count(one.connector_id), enum_word(one, "status")]
