"""From the rows of resets and network profiles to what the API shows."""

from citrine.api.v1 import provisioning_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.records.models import NetworkProfile, Reset
from citrine_core.rpc import to_timestamp

__all__ = ["network_profile_to_proto", "reset_to_proto"]


def reset_to_proto(row: Reset) -> pb.StationReset:
    """Return a reset as the API shows it."""
    return pb.StationReset(
        reset_id=str(row.id),
        station_id=row.station_id,
        evse_id=row.evse_id,
        type=ocpp.ResetEnum.ValueType(row.type),
        status=None if row.status is None else ocpp.ResetStatusEnum.ValueType(row.status),
        problem=row.problem,
        command_id=row.command_id,
        answer_time=to_timestamp(row.answer_time),
        boot_time=to_timestamp(row.boot_time),
    )


def network_profile_to_proto(row: NetworkProfile) -> pb.NetworkProfile:
    """Return a slot as the API shows it."""
    shown = pb.NetworkProfile(
        station_id=row.station_id,
        configuration_slot=row.slot,
        set_time=to_timestamp(row.set_time),
        status=ocpp.SetNetworkProfileStatusEnum.ValueType(row.status),
        problem=row.problem,
        answer_time=to_timestamp(row.answer_time),
    )
    if row.profile is not None:
        shown.connection_data.ParseFromString(row.profile)
    if row.profile != row.asked_profile:
        shown.asked_connection_data.ParseFromString(row.asked_profile)
    return shown
