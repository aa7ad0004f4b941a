"""`citrine firmware`: firmware updates of stations, and publications of local controllers."""

from typing import Annotated

import typer

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands import firmware_campaigns
from citrine_cli.errors import CliError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.firmware_options import (
    Certificate,
    Install,
    Location,
    Retries,
    Retrieve,
    RetryInterval,
    Sha256,
    Signature,
    SkipSignature,
    firmware_of,
    reading_time,
    verified,
)
from citrine_cli.prefixes import campaign_id_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import (
    DEFAULT_TIMEOUT,
    MARGIN,
    Station,
    Timeout,
    WhenOnline,
    choice,
    show_answer,
    show_waiting,
    target,
)
from citrine_words.enums import words_of
from citrine_words.words import enum_word, instant_word, number, time_word

__all__ = ["build"]

_STATES = words_of(pb.FirmwareUpdateState.items(), "FIRMWARE_UPDATE_STATE_")
_PUBLICATION_STATES = words_of(pb.PublicationState.items(), "PUBLICATION_STATE_")

Checksum = Annotated[str, typer.Argument(metavar="MD5", help="MD5 of the firmware, 32 hexadecimal digits.")]
RequestId = Annotated[
    int, typer.Option("--id", metavar="ID", help="The requestId; else it is chosen.", show_default=False)
]
MaybeStation = Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")]


def build() -> typer.Typer:
    """Return the commands of `citrine firmware`."""
    app = typer.Typer(help="Firmware: update, status, list, publish, unpublish, publications, campaign.")
    client_command(app, "update")(update)
    client_command(app, "status")(show_update)
    client_command(app, "list")(list_updates)
    client_command(app, "publish")(publish)
    client_command(app, "unpublish")(unpublish)
    client_command(app, "publications")(list_publications)
    app.add_typer(firmware_campaigns.build(), name="campaign")
    return app


async def update(
    client: Client,
    station_id: Station,
    location: Location,
    certificate: Certificate = None,
    signature: Signature = "",
    sha256: Sha256 = "",
    skip_signature: SkipSignature = False,
    retrieve: Retrieve = "",
    install: Install = "",
    version: Annotated[
        str, typer.Option("--version", metavar="V", help="Version that it should boot with afterwards.")
    ] = "",
    retries: Retries = None,
    retry_interval: RetryInterval = None,
    request_id: RequestId = 0,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Have a station download and install firmware. The exit code is 1 if it refuses."""
    request = ocpp.UpdateFirmwareRequest(
        request_id=request_id,
        firmware=firmware_of(location, certificate, signature, retrieve, install),
        retries=retries,
        retry_interval=retry_interval,
    )
    answer = await client.citrine.firmware_management.UpdateFirmware(
        pb.UpdateFirmwareRequest(
            target=target(station_id, timeout, when_online),
            request=request,
            firmware_version=version,
            sha256=sha256,
            skip_signature=skip_signature,
        ),
        timeout=timeout + MARGIN + reading_time(signature, sha256),
    )
    show_answer(client, answer, ("Accepted", "AcceptedCanceled"))
    if not client.out.as_json:
        client.out.line(f"update {answer.request_id}: citrine firmware status {station_id} {answer.request_id}")


async def show_update(
    client: Client,
    station_id: Station,
    request_id: Annotated[
        int | None, typer.Argument(metavar="[REQUEST]", help="The requestId; else the latest.")
    ] = None,
) -> None:
    """Show an update of a station, with all statuses that the station reported."""
    api = client.citrine.firmware_management
    found = await api.GetFirmwareUpdate(pb.GetFirmwareUpdateRequest(station_id=station_id, request_id=request_id))
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "update": str(found.request_id),
            "station": found.station_id,
            "state": enum_word(found, "state"),
            "because": found.reason,
            "answer": enum_word(found, "answer"),
            "location": found.request.firmware.location,
            "signed": "yes" if found.request.firmware.signature else "no",
            "verified before": verified(found),
            "download from": time_word(found.request.firmware, "retrieve_date_time"),
            "install from": time_word(found.request.firmware, "install_date_time"),
            "download retries": number(found.request, "retries"),
            "wanted version": found.firmware_version,
            "version before": found.version_before,
            "version after": " ".join(filter(None, (found.version_after, _check(found)))),
            "superseded by": str(found.superseded_by or ""),
            "campaign": found.campaign_id,
            "requested by": found.requested_by,
            "requested": time_word(found, "create_time"),
            "last heard of": time_word(found, "update_time"),
            "unknown from": time_word(found, "deadline_time"),
            "ended": time_word(found, "finish_time"),
        }
    )
    history = pb.ListFirmwareStatusesRequest(station_id=station_id, request_id=found.request_id)
    pages = collect(api.ListFirmwareStatuses, history)
    statuses = [status async for page in pages for status in page.statuses]
    rows = ([instant_word(status, "time"), enum_word(status.message, "status")] for status in statuses)
    client.out.table(["time", "status"], rows, empty="the station has reported no status yet", title="statuses")


async def list_updates(
    client: Client,
    station: MaybeStation = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    active: Annotated[bool, typer.Option("--active", help="Only those that have not ended.")] = False,
    campaign: Annotated[str, typer.Option("--campaign", metavar="ID", help="Only of this campaign.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List updates, the latest first."""
    request = pb.ListFirmwareUpdatesRequest(
        station_id=station,
        state=choice("--state", _STATES, state) if state else pb.FIRMWARE_UPDATE_STATE_UNSPECIFIED,
        active_only=active,
        campaign_id=await campaign_id_of(client, campaign),
        create_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.firmware_management.ListFirmwareUpdates, request, limit)
    updates = [one async for page in pages for one in page.updates]
    if client.out.as_json:
        client.out.messages(updates)
        return
    rows = (
        [
            str(one.request_id),
            one.station_id,
            enum_word(one, "state"),
            one.reason,
            one.firmware_version,
            one.version_after,
            time_word(one, "create_time"),
            time_word(one, "update_time"),
        ]
        for one in updates
    )
    columns = ["request", "station", "state", "because", "wanted", "has", "requested", "last heard of"]
    client.out.table(columns, rows, empty="no updates")


async def publish(
    client: Client,
    station_id: Station,
    location: Location,
    checksum: Checksum,
    retries: Retries = None,
    retry_interval: RetryInterval = None,
    request_id: RequestId = 0,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Have a local controller publish firmware to the stations behind it."""
    request = ocpp.PublishFirmwareRequest(
        request_id=request_id,
        location=location,
        checksum=checksum,
        retries=retries,
        retry_interval=retry_interval,
    )
    answer = await client.citrine.firmware_management.PublishFirmware(
        pb.PublishFirmwareRequest(target=target(station_id, timeout, when_online), request=request),
        timeout=timeout + MARGIN,
    )
    show_answer(client, answer)
    if not client.out.as_json:
        client.out.line(f"publication {answer.request_id}")


async def unpublish(
    client: Client,
    station_id: Station,
    checksum: Checksum,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Have a local controller stop publishing firmware. The exit code is 1 if it continues, or has no such firmware."""
    request = pb.UnpublishFirmwareRequest(
        target=target(station_id, timeout, when_online), request=ocpp.UnpublishFirmwareRequest(checksum=checksum)
    )
    answer = await client.citrine.firmware_management.UnpublishFirmware(request, timeout=timeout + MARGIN)
    if client.out.as_json:
        client.out.message(answer)
    if not answer.HasField("response"):
        show_waiting(client, answer.command)
        return
    status = enum_word(answer.response, "status")
    if answer.response.status != ocpp.UNPUBLISH_FIRMWARE_STATUS_ENUM_UNPUBLISHED:
        raise CliError(f"{station_id} answered {status}")
    if not client.out.as_json:
        client.out.line(f"{station_id} answered {status}")


async def list_publications(
    client: Client,
    station: MaybeStation = "",
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_PUBLICATION_STATES)} ones.")
    ] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the publications of local controllers, also failed ones, the latest first."""
    request = pb.ListFirmwarePublicationsRequest(
        create_time=range_of(begin, end),
        station_id=station,
        state=choice("--state", _PUBLICATION_STATES, state) if state else pb.PUBLICATION_STATE_UNSPECIFIED,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.firmware_management.ListFirmwarePublications, request, limit)
    publications = [one async for page in pages for one in page.publications]
    if client.out.as_json:
        client.out.messages(publications)
        return
    rows = (
        [
            str(one.request_id),
            one.station_id,
            enum_word(one, "state"),
            one.reason,
            one.checksum,
            " ".join(one.locations),
            time_word(one, "update_time"),
        ]
        for one in publications
    )
    columns = ["request", "station", "state", "because", "checksum", "locations", "last heard of"]
    client.out.table(columns, rows, empty="no publications")


def _check(update: pb.FirmwareUpdate) -> str:
    word = enum_word(update, "version_check")
    return f"({word})" if word else ""
