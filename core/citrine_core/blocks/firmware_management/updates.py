"""The states of a firmware update after answers, statuses, boots and the deadline. Without input or output."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.firmware_management_pb2 import FirmwareUpdateState
from citrine.events.v1.events_pb2 import Event, FirmwareUpdateChanged
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.blocks.firmware_management.models import FirmwareUpdate

__all__ = [
    "ACTIVE",
    "LONGEST_REASON",
    "State",
    "apply_answer",
    "apply_boot",
    "apply_silence",
    "apply_status",
    "changed_event",
    "move",
    "version_check",
]

State = pb.FirmwareUpdateState

LONGEST_REASON = 255

ACTIVE = frozenset(
    {
        pb.FIRMWARE_UPDATE_STATE_REQUESTED,
        pb.FIRMWARE_UPDATE_STATE_ACCEPTED,
        pb.FIRMWARE_UPDATE_STATE_DOWNLOAD_SCHEDULED,
        pb.FIRMWARE_UPDATE_STATE_DOWNLOADING,
        pb.FIRMWARE_UPDATE_STATE_DOWNLOAD_PAUSED,
        pb.FIRMWARE_UPDATE_STATE_DOWNLOADED,
        pb.FIRMWARE_UPDATE_STATE_SIGNATURE_VERIFIED,
        pb.FIRMWARE_UPDATE_STATE_INSTALL_SCHEDULED,
        pb.FIRMWARE_UPDATE_STATE_INSTALLING,
        pb.FIRMWARE_UPDATE_STATE_INSTALL_REBOOTING,
    }
)
"""States of an update that has not ended."""

_STATES: Mapping[int, State.ValueType] = {
    ocpp.FIRMWARE_STATUS_ENUM_DOWNLOADED: pb.FIRMWARE_UPDATE_STATE_DOWNLOADED,
    ocpp.FIRMWARE_STATUS_ENUM_DOWNLOAD_FAILED: pb.FIRMWARE_UPDATE_STATE_FAILED,
    ocpp.FIRMWARE_STATUS_ENUM_DOWNLOADING: pb.FIRMWARE_UPDATE_STATE_DOWNLOADING,
    ocpp.FIRMWARE_STATUS_ENUM_DOWNLOAD_SCHEDULED: pb.FIRMWARE_UPDATE_STATE_DOWNLOAD_SCHEDULED,
    ocpp.FIRMWARE_STATUS_ENUM_DOWNLOAD_PAUSED: pb.FIRMWARE_UPDATE_STATE_DOWNLOAD_PAUSED,
    ocpp.FIRMWARE_STATUS_ENUM_INSTALLATION_FAILED: pb.FIRMWARE_UPDATE_STATE_FAILED,
    ocpp.FIRMWARE_STATUS_ENUM_INSTALLING: pb.FIRMWARE_UPDATE_STATE_INSTALLING,
    ocpp.FIRMWARE_STATUS_ENUM_INSTALLED: pb.FIRMWARE_UPDATE_STATE_INSTALLED,
    ocpp.FIRMWARE_STATUS_ENUM_INSTALL_REBOOTING: pb.FIRMWARE_UPDATE_STATE_INSTALL_REBOOTING,
    ocpp.FIRMWARE_STATUS_ENUM_INSTALL_SCHEDULED: pb.FIRMWARE_UPDATE_STATE_INSTALL_SCHEDULED,
    ocpp.FIRMWARE_STATUS_ENUM_INSTALL_VERIFICATION_FAILED: pb.FIRMWARE_UPDATE_STATE_FAILED,
    ocpp.FIRMWARE_STATUS_ENUM_INVALID_SIGNATURE: pb.FIRMWARE_UPDATE_STATE_FAILED,
    ocpp.FIRMWARE_STATUS_ENUM_SIGNATURE_VERIFIED: pb.FIRMWARE_UPDATE_STATE_SIGNATURE_VERIFIED,
}
"""The state of an update after each status except for Idle."""

_ACCEPTED = frozenset({ocpp.UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED, ocpp.UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED_CANCELED})


def move(update: FirmwareUpdate, state: State.ValueType, reason: str, now: datetime, silence: timedelta) -> bool:
    """Set the state, the reason and the deadline of an update; return whether state or reason changed.

    Args:
        update: The update.
        state: Its new state.
        reason: The reason, for people.
        now: The current time.
        silence: Time without a report after which an update is UNKNOWN, unless it has a time of its own.
    """
    is_new = update.state != state or update.reason != reason[:LONGEST_REASON]
    update.state = state
    update.reason = reason[:LONGEST_REASON]
    update.update_time = now
    if state in ACTIVE:
        own = silence if update.silence is None else timedelta(seconds=update.silence)
        update.deadline_time = max(now, _awaited_time(update) or now) + own
        update.finish_time = None
    else:
        update.deadline_time = None
        update.finish_time = update.finish_time or now
    if state not in ACTIVE and state not in (pb.FIRMWARE_UPDATE_STATE_INSTALLED, pb.FIRMWARE_UPDATE_STATE_UNKNOWN):
        update.awaits_boot = False
    return is_new


def apply_answer(
    update: FirmwareUpdate, response: ocpp.UpdateFirmwareResponse, now: datetime, silence: timedelta
) -> bool:
    """Record the answer of a station; return whether the update's state changed."""
    update.answer = response.status
    said = _said(response)
    if response.status not in _ACCEPTED:
        return move(update, pb.FIRMWARE_UPDATE_STATE_REFUSED, said, now, silence)
    if update.status:
        # A status was handled before the answer, and is newer.
        return False
    return move(update, pb.FIRMWARE_UPDATE_STATE_ACCEPTED, "", now, silence)


def apply_status(
    update: FirmwareUpdate, message: ocpp.FirmwareStatusNotificationRequest, time: datetime, silence: timedelta
) -> bool:
    """Record a status of a station; return whether the update's state changed.

    Args:
        update: The update of the status; for Idle, the newest one of the station.
        message: The message with the status.
        time: When the edge read it.
        silence: As in `move`.
    """
    update.last_status = message.status
    if message.status == ocpp.FIRMWARE_STATUS_ENUM_IDLE:
        return _apply_idle(update, time, silence)
    reported = _STATES[message.status]
    if update.state == pb.FIRMWARE_UPDATE_STATE_SUPERSEDED or (
        update.state == pb.FIRMWARE_UPDATE_STATE_INSTALLED and reported != pb.FIRMWARE_UPDATE_STATE_FAILED
    ):
        # L01.FR.24: a station may still report that a cancelled update failed.
        update.update_time = time
        return False
    booted_since = update.boot_time is not None and update.boot_time > (update.status_time or update.create_time)
    update.superseded_by = None
    update.status = message.status
    update.status_time = time
    if reported == pb.FIRMWARE_UPDATE_STATE_INSTALLED and booted_since:
        # L01.FR.32 (a): the new firmware, with which the station booted, reports Installed itself.
        update.awaits_boot = False
    reason = _said(message) if reported == pb.FIRMWARE_UPDATE_STATE_FAILED else ""
    return move(update, reported, reason, time, silence)


def apply_boot(update: FirmwareUpdate, version: str, time: datetime) -> bool:
    """Record the firmware with which a station booted; return whether the version or its check changed."""
    before = (update.version_after, version_check(update))
    update.version_after = version
    update.boot_time = time
    if update.state == pb.FIRMWARE_UPDATE_STATE_INSTALLED:
        update.awaits_boot = False
    return before != (update.version_after, version_check(update))


def apply_silence(update: FirmwareUpdate, now: datetime, silence: timedelta) -> bool:
    """End an update whose deadline has passed; return whether state or reason changed."""
    if _has_what_was_wanted(update):
        reason = "it booted with the wanted version, and did not report Installed"
        return move(update, pb.FIRMWARE_UPDATE_STATE_INSTALLED, reason, now, silence)
    asked = update.state == pb.FIRMWARE_UPDATE_STATE_REQUESTED
    reason = "the end of its command is not known" if asked else "the station said nothing more of it"
    return move(update, pb.FIRMWARE_UPDATE_STATE_UNKNOWN, reason, now, silence)


def version_check(update: FirmwareUpdate) -> pb.VersionCheck.ValueType:
    """Compare the wanted version with the version with which the station booted."""
    if not update.firmware_version or not update.version_after:
        return pb.VERSION_CHECK_UNSPECIFIED
    if update.firmware_version == update.version_after:
        return pb.VERSION_CHECK_MATCHES
    return pb.VERSION_CHECK_DIFFERS


def changed_event(update: FirmwareUpdate) -> Event:
    """Return the event that an update changed."""
    body = FirmwareUpdateChanged(
        request_id=update.request_id,
        state=FirmwareUpdateState.ValueType(update.state),
        status=update.status,  # type: ignore[arg-type]  # stored as the number
        reason=update.reason,
        version_after=update.version_after,
        campaign_id=update.campaign_id or "",
    )
    return Event(tenant_id=update.tenant_id, station_id=update.station_id, firmware_update_changed=body)


def _said(message: ocpp.UpdateFirmwareResponse | ocpp.FirmwareStatusNotificationRequest) -> str:
    """Return a status as OCPP spells it, with the station's statusInfo."""
    of_answer = isinstance(message, ocpp.UpdateFirmwareResponse)
    said = spelling_of(ocpp.UpdateFirmwareStatusEnum if of_answer else ocpp.FirmwareStatusEnum, message.status)
    if not message.HasField("status_info"):
        return said
    return f"{said}: {message.status_info.reason_code} {message.status_info.additional_info}".rstrip()


def _apply_idle(update: FirmwareUpdate, time: datetime, silence: timedelta) -> bool:
    if update.state not in ACTIVE or update.state == pb.FIRMWARE_UPDATE_STATE_REQUESTED:
        update.update_time = time
        return False
    # L01.FR.25: the station has reported Installed, and that was lost, or it has lost the update.
    if _has_what_was_wanted(update):
        reason = "it booted with the wanted version, and is idle"
        return move(update, pb.FIRMWARE_UPDATE_STATE_INSTALLED, reason, time, silence)
    return move(update, pb.FIRMWARE_UPDATE_STATE_UNKNOWN, "the station reports that it is idle", time, silence)


def _has_what_was_wanted(update: FirmwareUpdate) -> bool:
    matches = version_check(update) == pb.VERSION_CHECK_MATCHES
    return matches and update.version_before != update.firmware_version


def _awaited_time(update: FirmwareUpdate) -> datetime | None:
    """Return the time in the request for which the station waits; None if it waits for none."""
    if update.request is None:
        return None
    firmware = ocpp.UpdateFirmwareRequest.FromString(update.request).firmware
    waits_for_download = (pb.FIRMWARE_UPDATE_STATE_ACCEPTED, pb.FIRMWARE_UPDATE_STATE_DOWNLOAD_SCHEDULED)
    if update.state in waits_for_download and firmware.HasField("retrieve_date_time"):
        return firmware.retrieve_date_time.ToDatetime(UTC)
    if update.state == pb.FIRMWARE_UPDATE_STATE_INSTALL_SCHEDULED and firmware.HasField("install_date_time"):
        return firmware.install_date_time.ToDatetime(UTC)
    return None
