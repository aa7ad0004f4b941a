"""Updates, publications and their history as the API shows them."""

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.ocpp.secrets import mask_secrets
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.blocks.firmware_management.models import FirmwarePublication, FirmwareStatus, FirmwareUpdate
from citrine_core.blocks.firmware_management.updates import version_check
from citrine_core.resources.commands.secrets import MASK
from citrine_core.rpc import to_timestamp

__all__ = [
    "masked_location",
    "masked_publication",
    "masked_update",
    "publication_status_to_proto",
    "publication_to_proto",
    "status_to_proto",
    "update_to_proto",
]


def masked_location(location: str) -> str:
    """Return a URI with its password masked, in the form to store and show."""
    shown = {"location": location}
    mask_secrets(shown, MASK)
    return shown["location"]


def masked_update(request: ocpp.UpdateFirmwareRequest) -> ocpp.UpdateFirmwareRequest:
    """Return a request with the password in its location masked."""
    shown = ocpp.UpdateFirmwareRequest.FromString(request.SerializeToString())
    shown.firmware.location = masked_location(shown.firmware.location)
    return shown


def masked_publication(request: ocpp.PublishFirmwareRequest) -> ocpp.PublishFirmwareRequest:
    """Return a request with the password in its location masked."""
    shown = ocpp.PublishFirmwareRequest.FromString(request.SerializeToString())
    shown.location = masked_location(shown.location)
    return shown


def update_to_proto(row: FirmwareUpdate) -> pb.FirmwareUpdate:
    """Return an update as the API shows it."""
    shown = pb.FirmwareUpdate(
        station_id=row.station_id,
        request_id=row.request_id,
        state=pb.FirmwareUpdateState.ValueType(row.state),
        status=ocpp.FirmwareStatusEnum.ValueType(row.status),
        answer=ocpp.UpdateFirmwareStatusEnum.ValueType(row.answer),
        reason=row.reason,
        firmware_version=row.firmware_version,
        version_before=row.version_before,
        version_after=row.version_after,
        version_check=version_check(row),
        campaign_id=row.campaign_id or "",
        command_id=row.command_id or "",
        requested_by=row.requested_by,
        superseded_by=row.superseded_by or 0,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        deadline_time=to_timestamp(row.deadline_time),
        finish_time=to_timestamp(row.finish_time),
        boot_time=to_timestamp(row.boot_time),
        verification=pb.FirmwareVerification.ValueType(row.verification),
    )
    if row.request is not None:
        shown.request.ParseFromString(row.request)
    return shown


def publication_to_proto(row: FirmwarePublication) -> pb.FirmwarePublication:
    """Return a publication as the API shows it."""
    shown = pb.FirmwarePublication(
        station_id=row.station_id,
        request_id=row.request_id,
        state=pb.PublicationState.ValueType(row.state),
        status=ocpp.PublishFirmwareStatusEnum.ValueType(row.status),
        reason=row.reason,
        checksum=row.checksum,
        locations=ocpp.PublishFirmwareStatusNotificationRequest.FromString(row.published or b"").location,
        command_id=row.command_id or "",
        requested_by=row.requested_by,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        deadline_time=to_timestamp(row.deadline_time),
        finish_time=to_timestamp(row.finish_time),
    )
    if row.request is not None:
        shown.request.ParseFromString(row.request)
    return shown


def status_to_proto(row: FirmwareStatus) -> pb.FirmwareStatus:
    """Return a status of an update as the API shows it."""
    return pb.FirmwareStatus(
        station_id=row.station_id,
        request_id=row.request_id,
        message=ocpp.FirmwareStatusNotificationRequest.FromString(row.message),
        time=to_timestamp(row.receive_time),
    )


def publication_status_to_proto(row: FirmwareStatus) -> pb.FirmwarePublicationStatus:
    """Return a status of a publication as the API shows it."""
    return pb.FirmwarePublicationStatus(
        station_id=row.station_id,
        request_id=row.request_id,
        message=ocpp.PublishFirmwareStatusNotificationRequest.FromString(row.message),
        time=to_timestamp(row.receive_time),
    )
