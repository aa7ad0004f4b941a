"""Requests of callers to update or publish firmware: stores them, then sends them."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import Message

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import firmware_management_pb2 as pb
from citrine_core.blocks.firmware_management.models import FirmwarePublication, FirmwareUpdate
from citrine_core.blocks.firmware_management.protos import masked_publication, masked_update
from citrine_core.blocks.firmware_management.repository import FirmwareRepository, Tracked
from citrine_core.blocks.firmware_management.verification import FirmwareVerifier
from citrine_core.errors import AlreadyExists, DatabaseUnavailable, InvalidArgument, NotFound, Overloaded
from citrine_core.resources.commands.orders import LONGEST_TIMEOUT, WAITING_TIME
from citrine_core.rpc import Caller, caller, required
from citrine_core.services import Services

__all__ = ["FirmwareRequests"]

logger = logging.getLogger(__name__)


class FirmwareRequests:
    """Stores updates and publications before it sends them, so that handlers of answers and statuses find them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._verifier = FirmwareVerifier(services)

    async def ask_to_update(
        self,
        context: "grpc.aio.ServicerContext[pb.UpdateFirmwareRequest, pb.UpdateFirmwareResponse]",
        request: pb.UpdateFirmwareRequest,
    ) -> tuple[common.Command, Message | None]:
        """Serve UpdateFirmware; a missing request id and a missing download time are set.

        Raises:
            CoreError: As documented at CommandTarget in the contract.
        """
        message = request.request
        verification = await self._verifier.verify(
            "request.firmware",
            caller(context).tenant_id,
            message.firmware,
            sha256=request.sha256,
            skips_signature=request.skip_signature,
        )
        if not message.firmware.HasField("retrieve_date_time"):
            message.firmware.retrieve_date_time.FromDatetime(self._clock())
        columns: dict[str, Any] = {
            "state": pb.FIRMWARE_UPDATE_STATE_REQUESTED,
            "firmware_version": request.firmware_version,
            "verification": verification,
        }
        await self._store(FirmwareUpdate, caller(context), request.target, message, columns)
        return await self._send(FirmwareUpdate, context, request)

    async def ask_to_publish(
        self,
        context: "grpc.aio.ServicerContext[pb.PublishFirmwareRequest, pb.PublishFirmwareResponse]",
        request: pb.PublishFirmwareRequest,
    ) -> tuple[common.Command, Message | None]:
        """Serve PublishFirmware; a missing request id is set.

        Raises:
            CoreError: As documented at CommandTarget in the contract.
        """
        columns: dict[str, Any] = {
            "state": pb.PUBLICATION_STATE_REQUESTED,
            "checksum": request.request.checksum.lower(),
        }
        await self._store(FirmwarePublication, caller(context), request.target, request.request, columns)
        return await self._send(FirmwarePublication, context, request)

    async def _store(
        self,
        table: type[Tracked],
        who: Caller,
        target: common.CommandTarget,
        message: Any,
        columns: dict[str, Any],
    ) -> None:
        required("target.station_id", target.station_id)
        now = self._clock()
        async with self._unit_of_work() as work:
            repository = FirmwareRepository(work.session)
            versions = await repository.versions(who.tenant_id, [target.station_id])
            if target.station_id not in versions:
                raise NotFound("station", target.station_id)
            if not message.request_id:
                message.request_id = await repository.free_id(table, who.tenant_id, target.station_id)
            row = {
                "tenant_id": who.tenant_id,
                "station_id": target.station_id,
                "request_id": message.request_id,
                "requested_by": who.name[:255],
                "create_time": now,
                "update_time": now,
                "deadline_time": now + _patience(target, now),
                **columns,
            }
            if table is FirmwareUpdate:
                row["version_before"] = versions[target.station_id][:50]
                row["request"] = masked_update(message).SerializeToString()
            else:
                row["request"] = masked_publication(message).SerializeToString()
            if not await repository.add(table, row):
                raise AlreadyExists("request", str(message.request_id))
            await work.commit()

    async def _send(self, table: type[Tracked], context: Any, request: Any) -> tuple[common.Command, Message | None]:
        who, target = caller(context), request.target
        try:
            return await self._services.commands.send(who, target, request.request, context=context)
        except (InvalidArgument, NotFound):
            await self._forget_unsent(table, who.tenant_id, (target.station_id, request.request.request_id))
            raise

    async def _forget_unsent(self, table: type[Tracked], tenant_id: str, key: tuple[str, int]) -> None:
        """Remove the row of a request for which no command was stored; the end of a command is recorded there."""
        try:
            async with self._unit_of_work() as work:
                repository = FirmwareRepository(work.session)
                row = (await repository.find_for_update(table, tenant_id, [key])).get(key)
                if row is None or row.command_id is not None or row.state != pb.FIRMWARE_UPDATE_STATE_REQUESTED:
                    return
                await repository.remove(row)
                await work.commit()
        except (DatabaseUnavailable, Overloaded):
            logger.warning("firmware that was not requested will become UNKNOWN", extra={"station_id": key[0]})


def _patience(target: common.CommandTarget, now: datetime) -> timedelta:
    """Return the longest time until the command ends."""
    longest = timedelta(seconds=LONGEST_TIMEOUT)
    if not target.when_online:
        return longest
    if not target.HasField("expire_time"):
        return WAITING_TIME + longest
    return max(timedelta(0), target.expire_time.ToDatetime(UTC) - now) + longest
