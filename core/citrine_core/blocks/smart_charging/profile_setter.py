"""Requests of callers to set charging profiles: checks them, records them, and sends them."""

import logging
from datetime import UTC, datetime, timedelta

import grpc

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine_core.blocks.smart_charging.capacity import PlanRepository
from citrine_core.blocks.smart_charging.capacity.situation import read_situation
from citrine_core.blocks.smart_charging.capacity.steps import exceeds_more
from citrine_core.blocks.smart_charging.checks import Abilities, check_set
from citrine_core.blocks.smart_charging.conflicts import check_installed
from citrine_core.blocks.smart_charging.models import ProfileRecord
from citrine_core.blocks.smart_charging.records import WANTED, new_record
from citrine_core.blocks.smart_charging.repository import ChargingContextRepository, ProfileRepository
from citrine_core.blocks.smart_charging.station_snapshot import read_abilities, read_snapshot
from citrine_core.blocks.transactions.targets import aim_at_transaction
from citrine_core.db import UnitOfWork
from citrine_core.errors import DatabaseUnavailable, FailedPrecondition, InvalidArgument, NotFound, Overloaded
from citrine_core.rpc import Caller, caller
from citrine_core.services import Services

__all__ = ["ProfileSetter"]

logger = logging.getLogger(__name__)

LONGEST_COMMAND = timedelta(minutes=15)
"""Longest duration of a command that is in progress."""

LONGEST_WAIT = timedelta(hours=24)
"""How long a command waits for its station by default."""

_Context = grpc.aio.ServicerContext[pb.SetChargingProfileRequest, pb.SetChargingProfileResponse]


class ProfileSetter:
    """Serves SetChargingProfile, and reads the capabilities that requests are checked against."""

    def __init__(self, services: Services) -> None:
        self._commands = services.commands
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def abilities(self, who: Caller, target: common.CommandTarget) -> Abilities:
        """Return the smart charging capabilities of a station."""
        async with self._unit_of_work(read_only=True) as work:
            return await read_abilities(work, who.tenant_id, target.station_id)

    async def set(self, request: pb.SetChargingProfileRequest, context: _Context) -> pb.SetChargingProfileResponse:
        """Check a profile, record it as WANTED, and send it. The handlers record the answer.

        Raises:
            CoreError: As documented in the contract.
        """
        who, message = caller(context), request.request
        transaction_id = message.charging_profile.transaction_id
        if transaction_id:
            await aim_at_transaction(self._unit_of_work, who.tenant_id, request.target, transaction_id)
        record_id = await self._put_on_record(who.tenant_id, request.target, message)
        try:
            command, answer = await self._commands.send(who, request.target, message, context=context)
        except (InvalidArgument, NotFound):
            await self._forget(record_id)
            raise
        response = pb.SetChargingProfileResponse(command=command, charging_profile_id=message.charging_profile.id)
        if isinstance(answer, ocpp.SetChargingProfileResponse):
            response.response.CopyFrom(answer)
        return response

    async def _put_on_record(
        self, tenant_id: str, target: common.CommandTarget, message: ocpp.SetChargingProfileRequest
    ) -> int:
        station_id, now = target.station_id, self._clock()
        if not station_id:
            raise InvalidArgument("target.station_id", "must not be empty")
        if not message.HasField("charging_profile"):
            raise InvalidArgument("request.charging_profile", "must be set")
        async with self._unit_of_work() as work:
            if not await ChargingContextRepository(work.session).lock(tenant_id, station_id):
                raise NotFound("station", station_id)
            snapshot = await read_snapshot(work, tenant_id, station_id, now)
            transactions = {found.transaction_id: found.evse_id for found in snapshot.transactions}
            check_set(message, snapshot.abilities, transactions=transactions, negotiated=snapshot.negotiated, now=now)
            profiles = ProfileRepository(work.session)
            if not message.charging_profile.id:
                message.charging_profile.id = await profiles.free_profile_id(tenant_id, station_id)
            check_installed(message, snapshot.installed(), snapshot.abilities.max_profiles)
            row = new_record(tenant_id, station_id, message.evse_id, message.charging_profile, WANTED, now)
            row.wanted_until = _end_of(target, now)
            await self._add(work, row, now)
            await work.commit()
            return row.id

    async def _add(self, work: UnitOfWork, row: ProfileRecord, now: datetime) -> None:
        """Record a profile, unless the station could draw more with it than it may.

        Raises:
            FailedPrecondition: When it could.
        """
        profiles, key = ProfileRepository(work.session), (row.tenant_id, row.station_id)
        planned = await PlanRepository(work.session).find(*key) is not None
        before = await read_situation(work, *key, now) if planned else None
        profiles.add(row)
        await work.session.flush()
        if before is not None and exceeds_more(await read_situation(work, *key, now), before):
            raise FailedPrecondition(
                "by this profile more could be drawn than the station may draw; a lower limit, or a stack level below "
                "that of the profiles of its plan, is taken as a limit of the plan"
            )

    async def _forget(self, record_id: int) -> None:
        """Remove a profile that was never sent from the record."""
        try:
            async with self._unit_of_work() as work:
                profiles = ProfileRepository(work.session)
                row = await profiles.get(record_id)
                if row is not None and row.state == WANTED:
                    await profiles.remove(row)
                    await work.commit()
        except (DatabaseUnavailable, Overloaded):
            logger.warning("a profile that was not sent remains on record for a while", extra={"record_id": record_id})


def _end_of(target: common.CommandTarget, now: datetime) -> datetime:
    if not target.when_online:
        return now + LONGEST_COMMAND
    expires = target.HasField("expire_time")
    return (target.expire_time.ToDatetime(UTC) if expires else now + LONGEST_WAIT) + LONGEST_COMMAND
