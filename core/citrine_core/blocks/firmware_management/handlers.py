"""Handlers of FirmwareStatusNotification, of boots, and of the answers of stations to UpdateFirmware."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.blocks.firmware_management.campaigns.following import follow, let_wait_again
from citrine_core.blocks.firmware_management.models import FirmwareUpdate
from citrine_core.blocks.firmware_management.repository import OF_UPDATE, FirmwareRepository, UpdateKey
from citrine_core.blocks.firmware_management.updates import apply_answer, apply_boot, apply_status, changed_event, move
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.services import Services

__all__ = ["FirmwareManagementHandlers", "note_boots"]

_OF_OTHERS: Mapping[int, pb.FirmwareUpdateState.ValueType] = {
    # L01.FR.24
    ocpp.UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED_CANCELED: pb.FIRMWARE_UPDATE_STATE_SUPERSEDED,
    ocpp.UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED: pb.FIRMWARE_UPDATE_STATE_UNKNOWN,
}
"""The state of an update in progress after its station accepted another one, by the status of that answer."""


class FirmwareManagementHandlers:
    """Handles messages and answers of stations about firmware updates (functional block L)."""

    def __init__(self, services: Services, wake_campaigns: Callable[[], None]) -> None:
        self._clock = services.clock
        self._silence = services.settings.firmware_silence
        self._wake_campaigns = wake_campaigns

    @handles(ocpp.FirmwareStatusNotificationRequest, batched=True)
    async def firmware_statuses(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.FirmwareStatusNotificationRequest]]
    ) -> Sequence[ocpp.FirmwareStatusNotificationResponse]:
        """Store statuses with their updates, in the order in which they were received (L01.FR.10)."""
        tenant_id = calls[0].tenant_id
        updates = await self._updates_of(work, tenant_id, calls)
        history: list[dict[str, Any]] = []
        changed: dict[UpdateKey, FirmwareUpdate] = {}
        for call in calls:
            update = updates.get(_key(call))
            if update is not None and update.last_status == call.message.status:
                # The status was resent, or requested by TriggerMessage (L01.FR.26).
                update.update_time = call.receive_time
                continue
            history.append(_status_row(call, update))
            if update is not None and apply_status(update, call.message, call.receive_time, self._silence):
                changed[update.station_id, update.request_id] = update
                work.emit(changed_event(update))
        await FirmwareRepository(work.session).add_statuses(history)
        await self._follow(work, changed.values(), self._clock())
        return [ocpp.FirmwareStatusNotificationResponse()] * len(calls)

    @handles_answer(ocpp.UpdateFirmwareResponse)
    async def update_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.UpdateFirmwareRequest, ocpp.UpdateFirmwareResponse]
    ) -> None:
        """Record the answer of a station, and its effect on other updates in progress (L01.FR.24)."""
        now = self._clock()
        # All are locked at once, in the order in which the handler of statuses locks them, against deadlocks.
        active = await FirmwareRepository(work.session).active_updates(answered.tenant_id, answered.station_id)
        update = await self._asked_for(work, answered)
        update.command_id = answered.command_id
        changed = [update] if apply_answer(update, answered.response, now, self._silence) else []
        changed += self._end_others(active, update, answered.response.status, now)
        for row in changed:
            work.emit(changed_event(row))
        await self._follow(work, changed, now)

    @handles_failure(ocpp.UpdateFirmwareRequest)
    async def update_not_answered(self, work: UnitOfWork, failed: Failed[ocpp.UpdateFirmwareRequest]) -> None:
        """Record that UpdateFirmware was not sent, or not answered."""
        now = self._clock()
        update = await self._asked_for(work, failed)
        if update.campaign_id is not None and failed.unreached:
            await let_wait_again(work, update, failed.text, now)
            await FirmwareRepository(work.session).remove(update)
            return
        update.command_id = failed.command_id
        if failed.may_have_arrived and update.status:
            # The station reported a status of the update, so it received the request.
            return
        state = pb.FIRMWARE_UPDATE_STATE_UNKNOWN if failed.may_have_arrived else pb.FIRMWARE_UPDATE_STATE_NOT_SENT
        if move(update, state, failed.problem, now, self._silence):
            work.emit(changed_event(update))
            await self._follow(work, [update], now)

    async def _updates_of(
        self, work: UnitOfWork, tenant_id: str, calls: Sequence[Call[ocpp.FirmwareStatusNotificationRequest]]
    ) -> dict[UpdateKey, FirmwareUpdate]:
        """Return the updates of statuses; for a status without a request id, the newest update of the station."""
        repository = FirmwareRepository(work.session)
        keys = {_key(call): call for call in calls}
        without = {station_id for station_id, request_id in keys if not request_id}
        newest = dict(await repository.newest_ids(FirmwareUpdate, tenant_id, without))
        wanted = {key for key in keys if key[1]} | set(newest.items())
        found = await repository.find_for_update(FirmwareUpdate, tenant_id, wanted)
        unknown = sorted(key for key in keys if key[1] and key not in found)
        for key in unknown:
            # It was not requested by this CSMS.
            await repository.add(FirmwareUpdate, self._new_row(tenant_id, key, keys[key].receive_time))
        found.update(await repository.find_for_update(FirmwareUpdate, tenant_id, unknown))
        for station_id, request_id in newest.items():
            found[station_id, 0] = found[station_id, request_id]
        return found

    async def _asked_for(self, work: UnitOfWork, ended: Answered[Any, Any] | Failed[Any]) -> FirmwareUpdate:
        """Return the update that a command requested; if CallStation sent it, it is stored now."""
        repository = FirmwareRepository(work.session)
        key = (ended.station_id, ended.request.request_id)
        found = (await repository.find_for_update(FirmwareUpdate, ended.tenant_id, [key])).get(key)
        if found is None:
            versions = await repository.versions(ended.tenant_id, [ended.station_id])
            row = self._new_row(ended.tenant_id, key, self._clock())
            row["version_before"] = versions.get(ended.station_id, "")[:50]
            await repository.add(FirmwareUpdate, row)
            found = (await repository.find_for_update(FirmwareUpdate, ended.tenant_id, [key]))[key]
        if found.command_id not in (None, ended.command_id):
            # The request id is used again, for a new update.
            found.status, found.last_status, found.answer, found.finish_time = 0, 0, 0, None
            found.create_time, found.superseded_by, found.awaits_boot = self._clock(), None, True
        found.request = ended.request.SerializeToString()
        return found

    def _end_others(
        self, active: Iterable[FirmwareUpdate], update: FirmwareUpdate, status: int, now: datetime
    ) -> list[FirmwareUpdate]:
        """End the updates that can't be in progress any more because the station accepted another one."""
        state = _OF_OTHERS.get(status)
        if state is None:
            return []
        changed = []
        for other in active:
            # A requested update may still reach the station after this one.
            if other.request_id == update.request_id or other.state == pb.FIRMWARE_UPDATE_STATE_REQUESTED:
                continue
            other.superseded_by = update.request_id
            move(other, state, f"the station accepted update {update.request_id}", now, self._silence)
            changed.append(other)
        return changed

    async def _follow(self, work: UnitOfWork, updates: Iterable[FirmwareUpdate], now: datetime) -> None:
        if await follow(work, updates, now):
            work.after_commit(self._wake_campaigns)

    def _new_row(self, tenant_id: str, key: UpdateKey, time: datetime) -> dict[str, Any]:
        return {
            "tenant_id": tenant_id,
            "station_id": key[0],
            "request_id": key[1],
            "state": pb.FIRMWARE_UPDATE_STATE_REQUESTED,
            "create_time": time,
            "update_time": time,
            "deadline_time": time + self._silence,
        }


async def note_boots(work: UnitOfWork, tenant_id: str, boots: Mapping[str, tuple[str, datetime]]) -> None:
    """Record the firmware with which stations booted in updates that wait for a boot.

    Args:
        work: The unit of work that stores the boots.
        tenant_id: Tenant of the stations.
        boots: Firmware version (empty: not reported) and time at which the edge read the boot, by station.
    """
    repository = FirmwareRepository(work.session)
    keys = await repository.newest_ids(FirmwareUpdate, tenant_id, boots.keys(), awaiting_boot=True)
    changed = []
    for key, update in (await repository.find_for_update(FirmwareUpdate, tenant_id, keys)).items():
        if apply_boot(update, *boots[key[0]]):
            work.emit(changed_event(update))
            changed.append(update)
    if changed:
        await follow(work, changed, max(time for _, time in boots.values()))


def _key(call: Call[ocpp.FirmwareStatusNotificationRequest]) -> UpdateKey:
    return call.station_id, call.message.request_id


def _status_row(call: Call[ocpp.FirmwareStatusNotificationRequest], update: FirmwareUpdate | None) -> dict[str, Any]:
    return {
        "tenant_id": call.tenant_id,
        "station_id": call.station_id,
        "kind": OF_UPDATE,
        "request_id": 0 if update is None else update.request_id,
        "message": call.message.SerializeToString(),
        "receive_time": call.receive_time,
    }
