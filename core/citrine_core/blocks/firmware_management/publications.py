"""Firmware that local controllers publish to the stations behind them (L03, L04)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.firmware_management_pb2 import PublicationState
from citrine.events.v1.events_pb2 import Event, FirmwarePublicationChanged
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import GENERIC_STATUS_ENUM_ACCEPTED, GenericStatusEnum
from citrine_core.blocks.firmware_management.models import FirmwarePublication
from citrine_core.blocks.firmware_management.repository import OF_PUBLICATION, FirmwareRepository
from citrine_core.blocks.firmware_management.updates import LONGEST_REASON
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.services import Services

__all__ = ["PublicationHandlers", "end_silent_publication", "publication_event"]

_STATES: Mapping[int, pb.PublicationState.ValueType] = {
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOAD_SCHEDULED: pb.PUBLICATION_STATE_DOWNLOAD_SCHEDULED,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOADING: pb.PUBLICATION_STATE_DOWNLOADING,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOADED: pb.PUBLICATION_STATE_DOWNLOADED,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_PUBLISHED: pb.PUBLICATION_STATE_PUBLISHED,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOAD_FAILED: pb.PUBLICATION_STATE_FAILED,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOAD_PAUSED: pb.PUBLICATION_STATE_DOWNLOAD_PAUSED,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_INVALID_CHECKSUM: pb.PUBLICATION_STATE_FAILED,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_CHECKSUM_VERIFIED: pb.PUBLICATION_STATE_CHECKSUM_VERIFIED,
    ocpp.PUBLISH_FIRMWARE_STATUS_ENUM_PUBLISH_FAILED: pb.PUBLICATION_STATE_FAILED,
}
"""The state of a publication after each status except for Idle."""

_ACTIVE = frozenset(
    {
        pb.PUBLICATION_STATE_REQUESTED,
        pb.PUBLICATION_STATE_ACCEPTED,
        pb.PUBLICATION_STATE_DOWNLOAD_SCHEDULED,
        pb.PUBLICATION_STATE_DOWNLOADING,
        pb.PUBLICATION_STATE_DOWNLOAD_PAUSED,
        pb.PUBLICATION_STATE_DOWNLOADED,
        pb.PUBLICATION_STATE_CHECKSUM_VERIFIED,
    }
)

_MAY_BE_PUBLISHED = frozenset({pb.PUBLICATION_STATE_PUBLISHED, pb.PUBLICATION_STATE_UNKNOWN})


class PublicationHandlers:
    """Handles messages and answers of local controllers about publications (functional block L)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._silence = services.settings.firmware_silence

    @handles(ocpp.PublishFirmwareStatusNotificationRequest)
    async def publication_status(
        self, work: UnitOfWork, call: Call[ocpp.PublishFirmwareStatusNotificationRequest]
    ) -> ocpp.PublishFirmwareStatusNotificationResponse:
        """Store a status with its publication (L03.FR.01)."""
        repository = FirmwareRepository(work.session)
        request_id = call.message.request_id
        if not request_id:
            newest = await repository.newest_ids(FirmwarePublication, call.tenant_id, [call.station_id])
            request_id = newest[0][1] if newest else 0
        row = None
        if request_id:
            row = await self._find_or_add(work, call.tenant_id, call.station_id, request_id, call.receive_time)
        if row is None or row.last_status != call.message.status:
            await repository.add_statuses([_status_row(call, request_id)])
        if row is not None and self._apply(row, call):
            work.emit(publication_event(row))
        return ocpp.PublishFirmwareStatusNotificationResponse()

    @handles_answer(ocpp.PublishFirmwareResponse)
    async def publication_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.PublishFirmwareRequest, ocpp.PublishFirmwareResponse]
    ) -> None:
        """Record whether a local controller accepted a publication (L03.FR.05)."""
        row = await self._asked_for(work, answered)
        if answered.response.status == GENERIC_STATUS_ENUM_ACCEPTED:
            if row.status:
                # A status was handled before the answer, and is newer.
                return
            changed = _move(row, pb.PUBLICATION_STATE_ACCEPTED, "", self._clock(), self._silence)
        else:
            info = answered.response.status_info
            reason = f"{spelling_of(GenericStatusEnum, answered.response.status)} {info.reason_code}".rstrip()
            changed = _move(row, pb.PUBLICATION_STATE_REFUSED, reason, self._clock(), self._silence)
        if changed:
            work.emit(publication_event(row))

    @handles_failure(ocpp.PublishFirmwareRequest)
    async def publication_not_answered(self, work: UnitOfWork, failed: Failed[ocpp.PublishFirmwareRequest]) -> None:
        """Record that PublishFirmware was not sent, or not answered."""
        row = await self._asked_for(work, failed)
        if failed.may_have_arrived and row.status:
            return
        state = pb.PUBLICATION_STATE_UNKNOWN if failed.may_have_arrived else pb.PUBLICATION_STATE_NOT_SENT
        if _move(row, state, failed.problem, self._clock(), self._silence):
            work.emit(publication_event(row))

    @handles_answer(ocpp.UnpublishFirmwareResponse)
    async def unpublished(
        self, work: UnitOfWork, answered: Answered[ocpp.UnpublishFirmwareRequest, ocpp.UnpublishFirmwareResponse]
    ) -> None:
        """Record that firmware is not published any more, or was not (L04.FR.02, L04.FR.03)."""
        if answered.response.status == ocpp.UNPUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOAD_ONGOING:
            # L04.FR.04: the local controller does not unpublish it.
            return
        rows = await FirmwareRepository(work.session).publications_of(
            answered.tenant_id, answered.station_id, answered.request.checksum.lower(), _MAY_BE_PUBLISHED
        )
        reason = spelling_of(ocpp.UnpublishFirmwareStatusEnum, answered.response.status)
        for row in rows:
            _move(row, pb.PUBLICATION_STATE_UNPUBLISHED, reason, self._clock(), self._silence)
            work.emit(publication_event(row))

    def _apply(self, row: FirmwarePublication, call: Call[ocpp.PublishFirmwareStatusNotificationRequest]) -> bool:
        message = call.message
        row.last_status = message.status
        row.update_time = call.receive_time
        state = _STATES.get(message.status)
        if state is None:
            # L03.FR.10: Idle is reported after Published. Before that, it means that the publication is lost.
            if row.state not in _ACTIVE or row.state == pb.PUBLICATION_STATE_REQUESTED:
                return False
            reason = "the local controller reports that it is idle"
            return _move(row, pb.PUBLICATION_STATE_UNKNOWN, reason, call.receive_time, self._silence)
        row.status = message.status
        if state == pb.PUBLICATION_STATE_PUBLISHED:
            row.published = message.SerializeToString()
        failed = state == pb.PUBLICATION_STATE_FAILED
        reason = spelling_of(ocpp.PublishFirmwareStatusEnum, message.status) if failed else ""
        return _move(row, state, reason, call.receive_time, self._silence)

    async def _asked_for(self, work: UnitOfWork, ended: Answered[Any, Any] | Failed[Any]) -> FirmwarePublication:
        """Return the publication that a command requested; if CallStation sent it, it is stored now."""
        request = ended.request
        row = await self._find_or_add(work, ended.tenant_id, ended.station_id, request.request_id, self._clock())
        if row.command_id not in (None, ended.command_id):
            # The request id is used again, for a new publication.
            row.status, row.last_status, row.finish_time, row.create_time = 0, 0, None, self._clock()
        row.command_id = ended.command_id
        row.request = request.SerializeToString()
        row.checksum = request.checksum.lower()
        return row

    async def _find_or_add(
        self, work: UnitOfWork, tenant_id: str, station_id: str, request_id: int, time: datetime
    ) -> FirmwarePublication:
        repository = FirmwareRepository(work.session)
        key = (station_id, request_id)
        found = (await repository.find_for_update(FirmwarePublication, tenant_id, [key])).get(key)
        if found is not None:
            return found
        row = {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "request_id": request_id,
            "state": pb.PUBLICATION_STATE_REQUESTED,
            "create_time": time,
            "update_time": time,
            "deadline_time": time + self._silence,
        }
        await repository.add(FirmwarePublication, row)
        return (await repository.find_for_update(FirmwarePublication, tenant_id, [key]))[key]


def end_silent_publication(row: FirmwarePublication, now: datetime, silence: timedelta) -> Event:
    """End a publication whose deadline has passed, and return its event."""
    asked = row.state == pb.PUBLICATION_STATE_REQUESTED
    reason = "the end of its command is not known" if asked else "the local controller said nothing more of it"
    _move(row, pb.PUBLICATION_STATE_UNKNOWN, reason, now, silence)
    return publication_event(row)


def publication_event(row: FirmwarePublication) -> Event:
    """Return the event that a publication changed."""
    published = ocpp.PublishFirmwareStatusNotificationRequest.FromString(row.published or b"")
    body = FirmwarePublicationChanged(
        request_id=row.request_id,
        state=PublicationState.ValueType(row.state),
        status=row.status,  # type: ignore[arg-type]  # stored as the number
        reason=row.reason,
        locations=published.location,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, firmware_publication_changed=body)


def _move(
    row: FirmwarePublication, state: pb.PublicationState.ValueType, reason: str, now: datetime, silence: timedelta
) -> bool:
    is_new = row.state != state or row.reason != reason[:LONGEST_REASON]
    row.state = state
    row.reason = reason[:LONGEST_REASON]
    row.update_time = now
    row.deadline_time = now + silence if state in _ACTIVE else None
    row.finish_time = None if state in _ACTIVE else row.finish_time or now
    return is_new


def _status_row(call: Call[ocpp.PublishFirmwareStatusNotificationRequest], request_id: int) -> dict[str, Any]:
    return {
        "tenant_id": call.tenant_id,
        "station_id": call.station_id,
        "kind": OF_PUBLICATION,
        "request_id": request_id,
        "message": call.message.SerializeToString(),
        "receive_time": call.receive_time,
    }
