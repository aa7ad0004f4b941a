"""Campaigns as the API shows them."""

from collections.abc import Mapping

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.api.v1 import firmware_management_pb2 as updates_pb
from citrine_core.blocks.firmware_management.campaigns.models import FirmwareCampaign, FirmwareCampaignStation
from citrine_core.blocks.firmware_management.protos import masked_location
from citrine_core.rpc import to_timestamp

__all__ = ["campaign_to_proto", "station_to_proto"]


def campaign_to_proto(row: FirmwareCampaign, counts: Mapping[int, int], offline: int) -> pb.FirmwareCampaign:
    """Return a campaign as the API shows it.

    Args:
        row: The campaign.
        counts: Number of its stations by state.
        offline: Number of pending stations that are not connected.
    """
    shown = pb.FirmwareCampaign.FromString(row.definition)
    # The password in the location is sent only to stations.
    shown.firmware.location = masked_location(shown.firmware.location)
    shown.state = pb.FirmwareCampaignState.ValueType(row.state)
    shown.reason = row.reason
    shown.progress.CopyFrom(_progress(counts, offline))
    shown.requested_by = row.created_by
    shown.create_time.FromDatetime(row.create_time)
    shown.update_time.FromDatetime(row.update_time)
    if row.finish_time is not None:
        shown.finish_time.FromDatetime(row.finish_time)
    return shown


def station_to_proto(
    row: FirmwareCampaignStation, update_state: int | None, connected: bool | None
) -> pb.FirmwareCampaignStation:
    """Return a campaign's station as the API shows it."""
    return pb.FirmwareCampaignStation(
        station_id=row.station_id,
        state=pb.FirmwareCampaignStationState.ValueType(row.state),
        reason=row.reason,
        request_id=row.request_id or 0,
        update_state=updates_pb.FirmwareUpdateState.ValueType(update_state or 0),
        attempts=row.attempts,
        connected=bool(connected),
        next_time=to_timestamp(row.next_time),
        update_time=to_timestamp(row.update_time),
    )


def _progress(counts: Mapping[int, int], offline: int) -> pb.FirmwareCampaignProgress:
    running = (pb.FIRMWARE_CAMPAIGN_STATION_STATE_STARTING, pb.FIRMWARE_CAMPAIGN_STATION_STATE_RUNNING)
    return pb.FirmwareCampaignProgress(
        total=sum(counts.values()),
        pending=counts.get(pb.FIRMWARE_CAMPAIGN_STATION_STATE_PENDING, 0),
        offline=offline,
        running=sum(counts.get(state, 0) for state in running),
        succeeded=counts.get(pb.FIRMWARE_CAMPAIGN_STATION_STATE_SUCCEEDED, 0),
        failed=counts.get(pb.FIRMWARE_CAMPAIGN_STATION_STATE_FAILED, 0),
        skipped=counts.get(pb.FIRMWARE_CAMPAIGN_STATION_STATE_SKIPPED, 0),
        cancelled=counts.get(pb.FIRMWARE_CAMPAIGN_STATION_STATE_CANCELLED, 0),
    )
