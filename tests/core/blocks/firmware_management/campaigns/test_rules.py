"""The rules of campaigns, without a database."""

from datetime import UTC, datetime

import pytest

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine_core.blocks.firmware_management.campaigns.models import FirmwareCampaign
from citrine_core.blocks.firmware_management.campaigns.rules import (
    check_hours,
    is_within,
    most_failures,
    too_many_failures,
)
from citrine_core.errors import InvalidArgument

FAILED = pb.FIRMWARE_CAMPAIGN_STATION_STATE_FAILED
PENDING = pb.FIRMWARE_CAMPAIGN_STATION_STATE_PENDING
SKIPPED = pb.FIRMWARE_CAMPAIGN_STATION_STATE_SKIPPED


@pytest.mark.parametrize(
    ("begin", "end", "time", "zone", "within"),
    [
        pytest.param("22:00", "05:30", "23:59", "", True, id="before-midnight"),
        pytest.param("22:00", "05:30", "05:29", "", True, id="after-midnight"),
        pytest.param("22:00", "05:30", "05:30", "", False, id="end"),
        pytest.param("01:00", "04:00", "01:00", "", True, id="begin"),
        pytest.param("01:00", "04:00", "00:59", "", False, id="before"),
        pytest.param("01:00", "04:00", "23:30", "Europe/Berlin", True, id="in-berlin-in-summer"),
        pytest.param("01:00", "04:00", "02:30", "Europe/Berlin", False, id="not-in-berlin"),
    ],
)
def test_hours_may_go_over_midnight_and_have_a_zone(begin: str, end: str, time: str, zone: str, within: bool) -> None:
    now = datetime.fromisoformat(f"2026-07-01T{time}:30").replace(tzinfo=UTC)

    assert is_within(pb.DailyHours(begin=begin, end=end, time_zone=zone), now) is within


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        pytest.param(pb.DailyHours(begin="25:00", end="01:00"), "hours.begin", id="no-hour"),
        pytest.param(pb.DailyHours(begin="01:00"), "hours.end", id="none"),
        pytest.param(pb.DailyHours(begin="01:00", end="01:00"), "hours.end", id="empty"),
        pytest.param(pb.DailyHours(begin="01:00", end="02:00", time_zone="Moon/Sea"), "hours.time_zone", id="zone"),
        pytest.param(pb.DailyHours(begin="01:00", end="02:00", time_zone="../x"), "hours.time_zone", id="path"),
    ],
)
def test_hours_that_are_none_are_refused(hours: pb.DailyHours, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_hours("hours", hours)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("most", "percent", "forgiven", "counts", "stops"),
    [
        pytest.param(None, None, 0, {FAILED: 9, PENDING: 1}, False, id="no-limit"),
        pytest.param(0, None, 0, {PENDING: 9}, False, id="none-failed"),
        pytest.param(0, None, 0, {FAILED: 1, PENDING: 9}, True, id="first"),
        pytest.param(2, None, 0, {FAILED: 2, PENDING: 8}, False, id="as-many-as-may"),
        pytest.param(2, None, 0, {FAILED: 3, PENDING: 7}, True, id="more-than-may"),
        pytest.param(2, None, 3, {FAILED: 5, PENDING: 5}, False, id="forgiven"),
        pytest.param(None, 20.0, 0, {FAILED: 2, PENDING: 8}, False, id="as-much-as-may"),
        pytest.param(None, 20.0, 0, {FAILED: 3, PENDING: 7}, True, id="more-percent-than-may"),
        pytest.param(None, 20.0, 0, {FAILED: 2, PENDING: 3, SKIPPED: 5}, True, id="without-those-left-out"),
    ],
)
def test_a_campaign_stops_where_more_failed_than_may(
    most: int | None, percent: float | None, forgiven: int, counts: dict[int, int], stops: bool
) -> None:
    campaign = FirmwareCampaign(
        max_failures=most,
        max_failure_percent=percent,
        forgiven=forgiven,
        station_count=sum(counts.values()),
        skipped=counts.get(SKIPPED, 0),
    )

    assert bool(too_many_failures(campaign, counts)) is stops
    limit = most_failures(campaign)
    assert (limit is not None and counts.get(FAILED, 0) > limit) is stops
