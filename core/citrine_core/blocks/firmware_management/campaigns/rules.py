"""The rules of campaigns: hours, limits of failures, and the states of their stations. Without input or output."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.api.v1 import firmware_management_pb2 as updates_pb
from citrine.api.v1.firmware_campaigns_pb2 import FirmwareCampaignState
from citrine.events.v1.events_pb2 import Event, FirmwareCampaignChanged
from citrine_core.blocks.firmware_management.campaigns.models import FirmwareCampaign, FirmwareCampaignStation
from citrine_core.blocks.firmware_management.models import FirmwareUpdate
from citrine_core.blocks.firmware_management.updates import ACTIVE, LONGEST_REASON, version_check
from citrine_core.errors import InvalidArgument

__all__ = [
    "ENDED",
    "changed_event",
    "check_hours",
    "first_state",
    "follow_update",
    "is_within",
    "most_failures",
    "move_campaign",
    "put_back",
    "too_many_failures",
]

ENDED = frozenset({pb.FIRMWARE_CAMPAIGN_STATE_COMPLETED, pb.FIRMWARE_CAMPAIGN_STATE_CANCELLED})
"""Final states of a campaign."""

PUT_BACK_TIME = timedelta(seconds=5)
"""Time until the next attempt at a station that was not reached although it seemed connected."""


def first_state(start_time: datetime | None, now: datetime) -> pb.FirmwareCampaignState.ValueType:
    """Return the state of a campaign that is created or resumed: running, or scheduled before its start."""
    if start_time is None or start_time <= now:
        return pb.FIRMWARE_CAMPAIGN_STATE_RUNNING
    return pb.FIRMWARE_CAMPAIGN_STATE_SCHEDULED


def move_campaign(
    campaign: FirmwareCampaign, state: pb.FirmwareCampaignState.ValueType, reason: str, now: datetime
) -> Event:
    """Change the state of a campaign, and return the event to publish."""
    campaign.state = state
    campaign.reason = reason[:LONGEST_REASON]
    campaign.update_time = now
    if state in ENDED:
        campaign.finish_time = now
    return changed_event(campaign)


def changed_event(campaign: FirmwareCampaign) -> Event:
    """Return the event that a campaign changed its state."""
    body = FirmwareCampaignChanged(
        campaign_id=campaign.campaign_id,
        state=FirmwareCampaignState.ValueType(campaign.state),
        reason=campaign.reason,
    )
    return Event(tenant_id=campaign.tenant_id, firmware_campaign_changed=body)


def follow_update(
    station: FirmwareCampaignStation, update: FirmwareUpdate, campaign: FirmwareCampaign, now: datetime
) -> None:
    """Change the state of a campaign's station by the state of its latest update."""
    if update.state in ACTIVE:
        if update.state != updates_pb.FIRMWARE_UPDATE_STATE_REQUESTED:
            _put(station, pb.FIRMWARE_CAMPAIGN_STATION_STATE_RUNNING, "", now)
        return
    if update.state == updates_pb.FIRMWARE_UPDATE_STATE_INSTALLED:
        if version_check(update) != updates_pb.VERSION_CHECK_DIFFERS:
            _put(station, pb.FIRMWARE_CAMPAIGN_STATION_STATE_SUCCEEDED, "", now)
            return
        problem = f"it booted with {update.version_after} afterwards"
    else:
        problem = _problem(update)
    superseded = update.state == updates_pb.FIRMWARE_UPDATE_STATE_SUPERSEDED
    if superseded or campaign.state in ENDED or station.attempts >= campaign.max_attempts:
        _put(station, pb.FIRMWARE_CAMPAIGN_STATION_STATE_FAILED, problem, now)
    else:
        _put(station, pb.FIRMWARE_CAMPAIGN_STATION_STATE_PENDING, problem, now)
        station.next_time = now + timedelta(seconds=campaign.attempt_delay)


def put_back(station: FirmwareCampaignStation, campaign: FirmwareCampaign, reason: str, now: datetime) -> None:
    """Return a station that was not reached to PENDING: being offline is not a failure."""
    ended = campaign.state in ENDED
    state = pb.FIRMWARE_CAMPAIGN_STATION_STATE_CANCELLED if ended else pb.FIRMWARE_CAMPAIGN_STATION_STATE_PENDING
    _put(station, state, reason, now)
    station.request_id = None
    station.attempts -= 1
    station.next_time = None if ended else now + PUT_BACK_TIME


def most_failures(campaign: FirmwareCampaign) -> int | None:
    """Return how many stations may have failed without that a limit is exceeded; None if there is no limit."""
    limits = [] if campaign.max_failures is None else [campaign.max_failures]
    if campaign.max_failure_percent is not None:
        limits.append(math.floor(campaign.max_failure_percent * (campaign.station_count - campaign.skipped) / 100))
    return campaign.forgiven + min(limits) if limits else None


def too_many_failures(campaign: FirmwareCampaign, counts: Mapping[int, int]) -> str:
    """Return which limit of failures is exceeded, for people; empty if none is."""
    failed = counts.get(pb.FIRMWARE_CAMPAIGN_STATION_STATE_FAILED, 0) - campaign.forgiven
    most = campaign.max_failures
    if most is not None and failed > most:
        return f"{failed} stations failed, and at most {most} may"
    percent = campaign.max_failure_percent
    total = sum(counts.values()) - counts.get(pb.FIRMWARE_CAMPAIGN_STATION_STATE_SKIPPED, 0)
    if percent is not None and failed > 0 and failed * 100 > percent * total:
        return f"{failed} of {total} stations failed, and at most {percent:g} percent may"
    return ""


def check_hours(field: str, hours: pb.DailyHours) -> None:
    """Refuse malformed hours of the day.

    Raises:
        InvalidArgument: With the path of the malformed field.
    """
    for name, text in (("begin", hours.begin), ("end", hours.end)):
        try:
            _minute(text)
        except ValueError as error:
            raise InvalidArgument(f"{field}.{name}", 'must be a time of day such as "22:00"') from error
    if _minute(hours.begin) == _minute(hours.end):
        raise InvalidArgument(f"{field}.end", "must differ from the beginning")
    try:
        _zone(hours.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidArgument(f"{field}.time_zone", 'must be a time zone such as "Europe/Berlin"') from error


def is_within(hours: pb.DailyHours, now: datetime, time_zone: str = "") -> bool:
    """Return whether a time is within hours of the day, in a time zone if the hours name none."""
    minute = now.astimezone(_zone(hours.time_zone or time_zone)).time().replace(second=0, microsecond=0)
    begin, end = _minute(hours.begin), _minute(hours.end)
    if begin < end:
        return begin <= minute < end
    return minute >= begin or minute < end


def _problem(update: FirmwareUpdate) -> str:
    name = updates_pb.FirmwareUpdateState.Name(updates_pb.FirmwareUpdateState.ValueType(update.state))
    word = name.removeprefix("FIRMWARE_UPDATE_STATE_").lower().replace("_", " ")
    return f"{word}: {update.reason}" if update.reason else word


def _put(
    station: FirmwareCampaignStation, state: pb.FirmwareCampaignStationState.ValueType, reason: str, now: datetime
) -> None:
    station.state = state
    station.reason = reason[:LONGEST_REASON]
    station.next_time = None
    station.update_time = now


def _minute(text: str) -> time:
    if len(text) != len("00:00"):
        raise ValueError("not a minute of the day")
    return time.fromisoformat(text)


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name) if name else UTC
