"""What can't be a campaign."""

from datetime import timedelta
from typing import Any

import pytest

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine_core.blocks.firmware_management.campaigns.creation import check_campaign
from citrine_core.errors import InvalidArgument
from tests.support.blocks import NOW
from tests.support.firmware import SHA256, signed_firmware


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"selection": pb.FirmwareSelection()}, "selection", id="nobody"),
        pytest.param(
            {"selection": pb.FirmwareSelection(all_stations=True, model="One")}, "selection.all_stations", id="all"
        ),
        pytest.param({"campaign_id": "a b"}, "campaign_id", id="id"),
        pytest.param({"display_name": "x" * 101}, "display_name", id="name"),
        pytest.param({"max_parallel": -1}, "max_parallel", id="parallel"),
        pytest.param({"max_failures": -1}, "max_failures", id="failures"),
        pytest.param({"max_failure_percent": 100.5}, "max_failure_percent", id="percent"),
        pytest.param({"max_attempts": 101}, "max_attempts", id="attempts"),
        pytest.param({"hours": pb.DailyHours(begin="1", end="2")}, "hours.begin", id="hours"),
        pytest.param({"end_time": NOW - timedelta(days=1)}, "end_time", id="over"),
    ],
)
def test_a_campaign_that_can_not_be_right_is_refused(fields: dict[str, Any], field: str) -> None:
    campaign = {
        "firmware": signed_firmware(),
        "sha256": SHA256,
        "selection": pb.FirmwareSelection(station_ids=["CS-1"]),
        **fields,
    }

    with pytest.raises(InvalidArgument) as refused:
        check_campaign("campaign", pb.FirmwareCampaign(**campaign), NOW)

    assert refused.value.field == f"campaign.{field}"
