"""Tells partners what a station plans for their sessions, where it plans another thing than before."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import smart_charging_pb2 as smart_charging
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import GenericStatusEnum
from citrine_ocpi.deliveries import Push
from citrine_ocpi.deliveries.attempts import pause_after
from citrine_ocpi.models import OcpiModel, v2_2_1
from citrine_ocpi.models.v2_2_1 import ChargingProfileResultType as Result
from citrine_ocpi.modules.charging_profiles.calls import CHANGES, ProfileCalls
from citrine_ocpi.modules.charging_profiles.mapping import active_profile, one_limit
from citrine_ocpi.modules.charging_profiles.repository import ProfiledSessionRepository
from citrine_ocpi.modules.charging_profiles.tables import ProfiledSessionRow
from citrine_ocpi.modules.commands.executor import STATION_TIMEOUT
from citrine_ocpi.modules.commands.tables import CommandRow
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.services import Services
from citrine_ocpi.transport.routing import Routing

__all__ = ["ActiveProfiles"]

PLAN = 3600
"""Seconds of the plan that partners are told: who wants a longer one asks for it."""

LOOK = 1.0
"""Seconds between looks at whether a station is to be asked."""

LEASE = timedelta(seconds=STATION_TIMEOUT + 30)

AT_A_TIME = 100

_LATER = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
    }
)

_logger = logging.getLogger(__name__)


class _NotNow(Exception):
    """The station can't be asked at present."""


class ActiveProfiles:
    """Asks stations for their plans, and has partners sent them. `run` goes on until it is cancelled.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def begin(self, session: AsyncSession, row: CommandRow, result: OcpiModel) -> None:
        """Tell a partner what changes from now on, once a station accepted a profile of it."""
        if row.command not in CHANGES or "session_id" not in row.target:
            return
        repository = ProfiledSessionRepository(session)
        if await repository.is_over(row.target["session_id"]):
            # Its driver is gone, and the next one's plan is another's.
            return
        if isinstance(result, v2_2_1.ChargingProfileResult) and result.result is Result.ACCEPTED:
            values = {name: row.target[name] for name in ("session_id", "station_id", "transaction_id", "evse_id")}
            values |= {"partner_id": row.partner_id, "routing": row.routing}
            await repository.add(values, self._services.clock())
        # What it was told before is not the plan any more.
        await repository.forget_sent_limit(row.partner_id, row.target["session_id"])

    async def run(self) -> None:
        """Ask the stations that are due until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    now = self._services.clock()
                    async with self._services.database.writing() as session:
                        rows = await ProfiledSessionRepository(session).claim(now, now + LEASE, AT_A_TIME)
                    for row in rows:
                        tasks.create_task(self._serve(row))
                except (SQLAlchemyError, OSError) as error:
                    problem = " ".join(str(error).split())
                    _logger.warning("plans of stations can't be read", extra={"problem": problem})
                await asyncio.sleep(LOOK)

    async def _serve(self, row: ProfiledSessionRow) -> None:
        try:
            await self._store(row, await self._plan(row))
        except _NotNow:
            await self._put_off(row)
        except Exception:
            # Its lease ends, and it is tried again.
            _logger.exception("a plan can't be sent to a partner", extra={"partner": row.partner_id})

    async def _plan(self, row: ProfiledSessionRow) -> v2_2_1.ActiveChargingProfile | None:
        """Return what a station plans. None: it does not say, or OCPI can't say it.

        Raises:
            _NotNow: When it can't be asked at present.
        """
        target = CommandTarget(
            station_id=row.station_id,
            timeout=Duration(seconds=STATION_TIMEOUT),
            reason="tells a partner what changed (OCPI)",
        )
        request = ocpp.GetCompositeScheduleRequest(evse_id=row.evse_id, duration=PLAN)
        try:
            answer = await self._services.citrine.smart_charging.GetCompositeSchedule(
                smart_charging.GetCompositeScheduleRequest(target=target, request=request), timeout=STATION_TIMEOUT + 15
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in _LATER:
                raise _NotNow from None
            _logger.info("a station does not say its plan", extra={"code": error.code().name})
            return None
        if answer.response.status != GenericStatusEnum.GENERIC_STATUS_ENUM_ACCEPTED:
            return None
        return active_profile(answer.response.schedule, await self._most_current(row))

    async def _most_current(self, row: ProfiledSessionRow) -> Decimal | None:
        """Return the current of the strongest connector of a session's EVSE, in A. None: it is not known."""
        async with self._services.database.reading() as session:
            repository = PublishedRepository(session)
            charging = await repository.find_exact("sessions", row.session_id)
            body: Mapping[str, Any] = {} if charging is None else charging.bodies["2.3.0"]
            place = await repository.find_exact("locations", body.get("location_id", ""))
        evses = [] if place is None else place.bodies["2.3.0"].get("evses", [])
        connectors = [one for evse in evses if evse["uid"] == body.get("evse_uid") for one in evse["connectors"]]
        return max((Decimal(str(one["max_amperage"])) for one in connectors), default=None)

    async def _store(self, asked: ProfiledSessionRow, plan: v2_2_1.ActiveChargingProfile | None) -> None:
        """Store that a partner is told a plan, unless it knows it already."""
        limit = "" if plan is None else one_limit(plan)
        async with self._services.database.writing() as session:
            repository = ProfiledSessionRepository(session)
            row = await repository.lock(asked.partner_id, asked.session_id)
            if row is None:
                # It is over.
                return
            if await repository.is_over(row.session_id):
                # What was asked may be the plan of the next driver there.
                await repository.delete(row)
                return
            # What changed meanwhile may not be in the plan.
            row.due_time = None if row.revision == asked.revision else self._services.clock()
            row.attempts = 0
            if plan is None or (limit and limit == row.sent_limit):
                return
            row.sent_limit = limit
            push = Push(
                partner_id=row.partner_id,
                module=ProfileCalls.module,
                object_key=f"{ProfileCalls.module}/{row.session_id}",
                path=row.session_id,
                body=plan,
                routing=Routing.of({name.lower(): value for name, value in row.routing.items()}),
                expire_time=self._services.clock() + timedelta(seconds=PLAN),
            )
            await self._services.outbox.add(session, [push])

    async def _put_off(self, asked: ProfiledSessionRow) -> None:
        async with self._services.database.writing() as session:
            row = await ProfiledSessionRepository(session).lock(asked.partner_id, asked.session_id)
            if row is not None:
                row.attempts += 1
                row.due_time = self._services.clock() + pause_after(row.attempts)
