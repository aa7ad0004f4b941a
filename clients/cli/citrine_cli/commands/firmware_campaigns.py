"""`citrine firmware campaign`: updates of many stations."""

from typing import Annotated

import typer

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import UsageError
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
from citrine_cli.forms import DurationOption
from citrine_cli.prefixes import with_campaign
from citrine_cli.station_selectors import InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.times import OF_LOCATION
from citrine_words.values import parse_seconds, parse_span
from citrine_words.words import connected_word, count, enum_word, time_word

__all__ = ["build"]

LONGEST_DELAY = 31_536_000.0
"""Longest delay between two attempts, in seconds: a year."""

_STATES = words_of(pb.FirmwareCampaignState.items(), "FIRMWARE_CAMPAIGN_STATE_")
_STATION_STATES = words_of(pb.FirmwareCampaignStationState.items(), "FIRMWARE_CAMPAIGN_STATION_STATE_")

CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Id of the campaign, or what it begins with.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for people.")]


def build() -> typer.Typer:
    """Return the commands of `citrine firmware campaign`."""
    app = typer.Typer(help="Updates of many stations: create, list, show, pause, resume, cancel.")
    client_command(app, "create")(create)
    client_command(app, "list")(list_campaigns)
    client_command(app, "show")(show)
    client_command(app, "pause")(pause)
    client_command(app, "resume")(resume)
    client_command(app, "cancel")(cancel)
    return app


async def create(
    client: Client,
    location: Location,
    stations: Annotated[
        list[str] | None, typer.Option("--station", metavar="ID", help="This station; may be given several times.")
    ] = None,
    all_stations: Annotated[bool, typer.Option("--all", help="All stations of the tenant.")] = False,
    at_location: Annotated[
        list[str] | None, typer.Option("--at-location", metavar="ID", help="Only stations that stand there; repeat it.")
    ] = None,
    group: InGroup = None,
    label: WithLabel = None,
    vendor: Annotated[str, typer.Option("--vendor", metavar="V", help="Only stations of this vendor.")] = "",
    model: Annotated[str, typer.Option("--model", metavar="M", help="Only stations of this model.")] = "",
    from_version: Annotated[str, typer.Option("--from-version", metavar="V", help="Only with this firmware.")] = "",
    version: Annotated[
        str, typer.Option("--version", metavar="V", help="Version that they should boot with afterwards.")
    ] = "",
    campaign_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="Its id; else it is chosen.", show_default=False)
    ] = "",
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="For people.")] = "",
    certificate: Certificate = None,
    signature: Signature = "",
    sha256: Sha256 = "",
    skip_signature: SkipSignature = False,
    retrieve: Retrieve = "",
    install: Install = "",
    retries: Retries = None,
    retry_interval: RetryInterval = None,
    parallel: Annotated[
        int, typer.Option("--parallel", metavar="N", help="Stations at a time.", show_default="10")
    ] = 0,
    max_failures: Annotated[
        int | None, typer.Option("--max-failures", metavar="N", help="Stop when more stations failed.")
    ] = None,
    max_failure_percent: Annotated[
        float | None, typer.Option("--max-failure-percent", metavar="P", help="Stop when a larger share failed.")
    ] = None,
    attempts: Annotated[
        int, typer.Option("--attempts", metavar="N", help="Most attempts for each station.", show_default="1")
    ] = 0,
    attempt_delay: Annotated[
        float | None, DurationOption("--attempt-delay", help="How long until the next attempt.", show_default="10m")
    ] = None,
    start: Annotated[str, typer.Option("--start", metavar="TIME", help="Begin then.")] = "",
    end: Annotated[str, typer.Option("--end", metavar="TIME", help="Ask no station from then on.")] = "",
    hours: Annotated[
        str, typer.Option("--hours", metavar="HH:MM-HH:MM", help="Ask stations in these hours of the day only.")
    ] = "",
    zone: Annotated[
        str, typer.Option("--zone", metavar="Z", help="Time zone of the hours.", show_default=OF_LOCATION)
    ] = "",
) -> None:
    """Update many stations. Those that are offline wait."""
    selection = pb.FirmwareSelection(
        station_ids=stations or (),
        vendor_name=vendor,
        model=model,
        firmware_version=from_version,
        all_stations=all_stations,
        stations=station_selector(at_location, group, label),
    )
    delay = None if attempt_delay is None else parse_seconds("--attempt-delay", attempt_delay, LONGEST_DELAY)
    first, last = parse_span("--start", start, "--end", end)
    campaign = pb.FirmwareCampaign(
        campaign_id=campaign_id,
        display_name=name,
        selection=selection,
        firmware=firmware_of(location, certificate, signature, retrieve, install),
        retries=retries,
        retry_interval=retry_interval,
        firmware_version=version,
        max_parallel=parallel,
        max_failures=max_failures,
        max_failure_percent=max_failure_percent,
        max_attempts=attempts,
        attempt_delay=delay,
        start_time=first,
        end_time=last,
        hours=_hours(hours, zone),
        sha256=sha256,
        skip_signature=skip_signature,
    )
    request = pb.CreateFirmwareCampaignRequest(campaign=campaign)
    timeout = reading_time(signature, sha256) or None
    _show(client, await client.citrine.firmware_campaigns.CreateFirmwareCampaign(request, timeout=timeout))


async def list_campaigns(
    client: Client,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List campaigns, the latest first."""
    request = pb.ListFirmwareCampaignsRequest(
        create_time=range_of(begin, end),
        state=choice("--state", _STATES, state) if state else pb.FIRMWARE_CAMPAIGN_STATE_UNSPECIFIED,
    )
    pages = collect(client.citrine.firmware_campaigns.ListFirmwareCampaigns, request, limit)
    campaigns = [campaign async for page in pages for campaign in page.campaigns]
    if client.out.as_json:
        client.out.messages(campaigns)
        return
    rows = (
        [
            PrefixId(campaign.campaign_id),
            campaign.display_name,
            enum_word(campaign, "state"),
            campaign.firmware_version,
            _progress(campaign),
            time_word(campaign, "create_time"),
        ]
        for campaign in campaigns
    )
    client.out.table(["campaign", "name", "state", "version", "stations", "created"], rows, empty="no campaigns")


async def show(
    client: Client,
    campaign_id: CampaignId,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help=f"Only stations that are {', '.join(_STATION_STATES)}.")
    ] = "",
) -> None:
    """Show a campaign, with the result of each of its stations."""
    unspecified = pb.FIRMWARE_CAMPAIGN_STATION_STATE_UNSPECIFIED
    of_state = choice("--state", _STATION_STATES, state) if state else unspecified
    api = client.citrine.firmware_campaigns

    async def get(whole: str) -> pb.FirmwareCampaign:
        return await api.GetFirmwareCampaign(pb.GetFirmwareCampaignRequest(campaign_id=whole))

    campaign = await with_campaign(client, campaign_id, get)
    if client.out.as_json:
        client.out.message(campaign)
        return
    hours = campaign.hours
    client.out.facts(
        {
            "campaign": campaign.campaign_id,
            "name": campaign.display_name,
            "state": enum_word(campaign, "state"),
            "because": campaign.reason,
            "stations": _progress(campaign),
            "location": campaign.firmware.location,
            "verified before": verified(campaign),
            "version": campaign.firmware_version,
            "at a time": str(campaign.max_parallel),
            "failures": f"at most {campaign.max_failures}" if campaign.HasField("max_failures") else "",
            "failures in percent": (
                f"at most {campaign.max_failure_percent:g}" if campaign.HasField("max_failure_percent") else ""
            ),
            "attempts": str(campaign.max_attempts),
            "starts": time_word(campaign, "start_time"),
            "ends": time_word(campaign, "end_time"),
            "hours": f"{hours.begin} to {hours.end} {hours.time_zone or OF_LOCATION}"
            if campaign.HasField("hours")
            else "",
            "created by": campaign.requested_by,
            "created": time_word(campaign, "create_time"),
            "ended": time_word(campaign, "finish_time"),
        }
    )
    request = pb.ListFirmwareCampaignStationsRequest(campaign_id=campaign.campaign_id, state=of_state)
    stations = [one async for page in collect(api.ListFirmwareCampaignStations, request) for one in page.stations]
    rows = (
        [
            one.station_id,
            enum_word(one, "state"),
            enum_word(one, "update_state"),
            one.reason,
            count(one.request_id, zero=""),
            count(one.attempts, zero=""),
            connected_word(one.connected),
            time_word(one, "next_time"),
        ]
        for one in stations
    )
    columns = ["station", "state", "update", "because", "request", "attempts", "connected", "not before"]
    client.out.table(columns, rows, empty="no stations", title="stations")


async def pause(client: Client, campaign_id: CampaignId, reason: Reason = "") -> None:
    """Pause a campaign: no further station begins, and updates in progress continue."""

    async def pause_it(whole: str) -> pb.FirmwareCampaign:
        request = pb.PauseFirmwareCampaignRequest(campaign_id=whole, reason=reason)
        return await client.citrine.firmware_campaigns.PauseFirmwareCampaign(request)

    _show(client, await with_campaign(client, campaign_id, pause_it))


async def resume(client: Client, campaign_id: CampaignId) -> None:
    """Resume a campaign that was paused or stopped. Earlier failures do not count any more."""

    async def resume_it(whole: str) -> pb.FirmwareCampaign:
        request = pb.ResumeFirmwareCampaignRequest(campaign_id=whole)
        return await client.citrine.firmware_campaigns.ResumeFirmwareCampaign(request)

    _show(client, await with_campaign(client, campaign_id, resume_it))


async def cancel(client: Client, campaign_id: CampaignId, reason: Reason = "") -> None:
    """End a campaign. Updates in progress continue."""

    async def cancel_it(whole: str) -> pb.FirmwareCampaign:
        request = pb.CancelFirmwareCampaignRequest(campaign_id=whole, reason=reason)
        return await client.citrine.firmware_campaigns.CancelFirmwareCampaign(request)

    _show(client, await with_campaign(client, campaign_id, cancel_it))


def _hours(text: str, zone: str) -> pb.DailyHours | None:
    if not text:
        if zone:
            raise UsageError("--zone is only for --hours")
        return None
    begin, dash, end = text.partition("-")
    if not dash:
        raise UsageError(f'--hours: {text!r} are no hours: expected "22:00-05:30"')
    return pb.DailyHours(begin=begin, end=end, time_zone=zone)


def _show(client: Client, campaign: pb.FirmwareCampaign) -> None:
    if client.out.as_json:
        client.out.message(campaign)
        return
    client.out.line(f"campaign {campaign.campaign_id} is {enum_word(campaign, 'state')}: {_progress(campaign)}")


def _progress(campaign: pb.FirmwareCampaign) -> str:
    progress = campaign.progress
    parts = {
        "succeeded": progress.succeeded,
        "failed": progress.failed,
        "running": progress.running,
        f"waiting ({progress.offline} of them offline)" if progress.offline else "waiting": progress.pending,
        "skipped": progress.skipped,
        "cancelled": progress.cancelled,
    }
    counts = [f"{count} {word}" for word, count in parts.items() if count]
    over = progress.succeeded + progress.failed + progress.skipped + progress.cancelled
    percent = f" ({100 * over // progress.total} % done)" if progress.total else ""
    return f"{', '.join(counts)} of {progress.total}{percent}" if counts else str(progress.total)
