"""Checks of new campaigns, selection of their stations, and their rows."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_core.blocks.firmware_management.campaigns.repository import CampaignRepository
from citrine_core.blocks.firmware_management.campaigns.rules import check_hours, first_state
from citrine_core.blocks.firmware_management.checks import LONGEST_VERSION
from citrine_core.blocks.firmware_management.protos import masked_location
from citrine_core.errors import FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.stations.selection import check_selector, selects_all
from citrine_core.rpc import Caller, check_length, check_pattern, time_or_none

__all__ = ["campaign_row", "check_campaign", "chosen_stations"]

DEFAULT_PARALLEL = 10
"""Most stations that update concurrently, by default."""

MOST_PARALLEL = 10_000

MOST_ATTEMPTS = 100

DEFAULT_DELAY = timedelta(minutes=10)
"""Time until the next attempt, by default."""

LONGEST_SPAN = timedelta(days=365)

_CAMPAIGN_ID = re.compile(r"[A-Za-z0-9\-_.]{1,36}")

_OUTPUT_ONLY = ("state", "reason", "progress", "requested_by", "create_time", "update_time", "finish_time")


def check_campaign(field: str, campaign: pb.FirmwareCampaign, now: datetime) -> None:
    """Refuse a campaign with invalid fields.

    Raises:
        InvalidArgument: With the path of the invalid field.
    """
    if campaign.campaign_id:
        wanted = "at most 36 characters of A-Z a-z 0-9 and - _ ."
        check_pattern(f"{field}.campaign_id", campaign.campaign_id, _CAMPAIGN_ID, wanted)
    check_length(f"{field}.display_name", campaign.display_name, 100)
    check_length(f"{field}.firmware_version", campaign.firmware_version, LONGEST_VERSION)
    _check_selection(f"{field}.selection", campaign.selection)
    _check_range(f"{field}.max_parallel", campaign.max_parallel, 0, MOST_PARALLEL)
    _check_range(f"{field}.max_attempts", campaign.max_attempts, 0, MOST_ATTEMPTS)
    for name, most in (("max_failures", 2**31 - 1), ("max_failure_percent", 100), ("retries", 2**31 - 1)):
        if campaign.HasField(name):  # type: ignore[arg-type]  # each of them is optional
            _check_range(f"{field}.{name}", getattr(campaign, name), 0, most)
    _check_span(f"{field}.attempt_delay", campaign.attempt_delay, timedelta(0))
    if campaign.HasField("silence"):
        _check_span(f"{field}.silence", campaign.silence, timedelta(seconds=1))
    _check_times(field, campaign, now)
    if campaign.HasField("hours"):
        check_hours(f"{field}.hours", campaign.hours)


async def chosen_stations(
    repository: CampaignRepository, tenant_id: str, campaign: pb.FirmwareCampaign, now: datetime
) -> list[dict[str, Any]]:
    """Return the rows of the stations that match the selection of a campaign.

    Raises:
        NotFound: When a station that the selection names does not exist.
        FailedPrecondition: When no station matches.
    """
    selection = campaign.selection
    named = set(selection.station_ids)
    rows: list[dict[str, Any]] = []
    found: set[str] = set()
    async for station_id, hardware in repository.hardware(tenant_id, named or None, selection.stations):
        found.add(station_id)
        if _is_meant(selection, hardware):
            rows.append(_station_row(tenant_id, campaign.campaign_id, station_id, now))
    missing = sorted(named - found)
    if missing:
        raise NotFound("station", missing[0])
    if not rows:
        raise FailedPrecondition("no station matches the selection")
    return rows


def campaign_row(
    who: Caller, campaign: pb.FirmwareCampaign, secret_location: str | None, station_count: int, now: datetime
) -> dict[str, Any]:
    """Return the row of a new campaign.

    Args:
        who: Creates it.
        campaign: As it was requested.
        secret_location: Its location, encrypted. None: it has no password.
        station_count: How many stations it has.
        now: The time now.
    """
    definition = pb.FirmwareCampaign()
    definition.CopyFrom(campaign)
    for name in _OUTPUT_ONLY:
        definition.ClearField(name)  # type: ignore[arg-type]  # each of them is a field
    definition.firmware.location = masked_location(campaign.firmware.location)
    definition.max_parallel = campaign.max_parallel or DEFAULT_PARALLEL
    definition.max_attempts = campaign.max_attempts or 1
    if not definition.HasField("attempt_delay"):
        definition.attempt_delay.FromTimedelta(DEFAULT_DELAY)
    start_time = time_or_none(campaign.start_time, is_set=campaign.HasField("start_time"))
    return {
        "tenant_id": who.tenant_id,
        "campaign_id": campaign.campaign_id,
        "state": first_state(start_time, now),
        "reason": "",
        "definition": definition.SerializeToString(),
        "secret_location": secret_location,
        "max_parallel": definition.max_parallel,
        "max_failures": definition.max_failures if definition.HasField("max_failures") else None,
        "max_failure_percent": (definition.max_failure_percent if definition.HasField("max_failure_percent") else None),
        "max_attempts": definition.max_attempts,
        "attempt_delay": math.ceil(definition.attempt_delay.ToTimedelta().total_seconds()),
        "start_time": start_time,
        "end_time": time_or_none(campaign.end_time, is_set=campaign.HasField("end_time")),
        "station_count": station_count,
        "skipped": 0,
        "forgiven": 0,
        "created_by": who.name[:255],
        "create_time": now,
        "update_time": now,
        "finish_time": None,
    }


def _station_row(tenant_id: str, campaign_id: str, station_id: str, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "campaign_id": campaign_id,
        "station_id": station_id,
        "state": pb.FIRMWARE_CAMPAIGN_STATION_STATE_PENDING,
        "reason": "",
        "request_id": None,
        "attempts": 0,
        "next_time": None,
        "claim_time": None,
        "update_time": now,
    }


def _is_meant(selection: pb.FirmwareSelection, hardware: ChargingStation) -> bool:
    pairs = (
        (selection.vendor_name, hardware.vendor_name),
        (selection.model, hardware.model),
        (selection.firmware_version, hardware.firmware_version),
    )
    return all(not wanted or wanted == said for wanted, said in pairs)


def _check_selection(field: str, selection: pb.FirmwareSelection) -> None:
    chosen: Sequence[Any] = (
        selection.station_ids,
        selection.vendor_name,
        selection.model,
        selection.firmware_version,
        not selects_all(selection.stations),
    )
    check_selector(f"{field}.stations", selection.stations)
    if selection.all_stations and any(chosen):
        raise InvalidArgument(f"{field}.all_stations", "must be the only field that is set in the selection")
    if not selection.all_stations and not any(chosen):
        raise InvalidArgument(field, "must select stations; all_stations selects all of them")


def _check_range(field: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InvalidArgument(field, f"must be {least:g} to {most:g}")


def _check_span(field: str, span: Duration, least: timedelta) -> None:
    seconds = span.seconds + span.nanos / 1e9
    if not least.total_seconds() <= seconds <= LONGEST_SPAN.total_seconds():
        raise InvalidArgument(field, f"must be {least.total_seconds():g} seconds to {LONGEST_SPAN.days} days")


def _check_times(field: str, campaign: pb.FirmwareCampaign, now: datetime) -> None:
    if not campaign.HasField("end_time"):
        return
    end = campaign.end_time.ToDatetime(UTC)
    if end <= now:
        raise InvalidArgument(f"{field}.end_time", "must be in the future")
    if campaign.HasField("start_time") and end <= campaign.start_time.ToDatetime(UTC):
        raise InvalidArgument(f"{field}.end_time", "must be after the start time")
