"""Profiles, negotiations and limits as the API shows them."""

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import ChargingProfile
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit, Negotiation, ProfileRecord
from citrine_core.rpc import to_timestamp

__all__ = ["capacity_to_proto", "limit_to_proto", "negotiation_to_proto", "record_to_proto"]


def record_to_proto(row: ProfileRecord, state: int) -> pb.ChargingProfileRecord:
    """Return a profile as the API shows it, in a state that may not be stored yet."""
    return pb.ChargingProfileRecord(
        record_id=row.id,
        station_id=row.station_id,
        evse_id=row.evse_id,
        profile=ChargingProfile.FromString(row.profile),
        state=state,  # type: ignore[arg-type]  # stored as the number
        reason=row.reason,
        found=row.found,
        charging_limit_source=row.source,
        command_id=row.command_id or "",
        transaction_id=row.transaction_id or "",
        remote_start_id=row.remote_start_id,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        report_time=to_timestamp(row.report_time),
        cause=row.cause or "",
    )


def negotiation_to_proto(row: Negotiation) -> pb.ChargingNegotiation:
    """Return a negotiation as the API shows it."""
    shown = pb.ChargingNegotiation(
        negotiation_id=row.id,
        station_id=row.station_id,
        evse_id=row.evse_id,
        transaction_id=row.transaction_id or "",
        cause=row.cause,  # type: ignore[arg-type]  # stored as the number
        needs_status=row.needs_status,  # type: ignore[arg-type]
        state=row.state,  # type: ignore[arg-type]
        reason=row.reason,
        charging_profile_id=row.profile_id,
        ev_schedule_status=row.ev_schedule_status,  # type: ignore[arg-type]
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
    )
    if row.needs is not None:
        shown.needs.CopyFrom(ocpp.NotifyEVChargingNeedsRequest.FromString(row.needs))
    if row.ev_schedule is not None:
        shown.ev_schedule.CopyFrom(ocpp.NotifyEVChargingScheduleRequest.FromString(row.ev_schedule))
    return shown


def limit_to_proto(row: ExternalLimit) -> pb.ChargingLimit:
    """Return an external limit as the API shows it."""
    return pb.ChargingLimit(
        limit_id=row.id,
        station_id=row.station_id,
        request=ocpp.NotifyChargingLimitRequest.FromString(row.request),
        set_time=to_timestamp(row.set_time),
        clear_time=to_timestamp(row.clear_time),
    )


def capacity_to_proto(row: Capacity) -> pb.ChargingCapacity:
    """Return a capacity as the API shows it."""
    return pb.ChargingCapacity(
        station_id=row.station_id,
        evse_id=row.evse_id,
        max_power_w=row.max_power_w,
        max_current_a=row.max_current_a,
        update_time=to_timestamp(row.update_time),
    )
