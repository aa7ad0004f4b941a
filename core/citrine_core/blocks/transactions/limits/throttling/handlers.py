"""Handlers of answers to commands that set or clear the profile of a throttle."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE as TX
from citrine_core.blocks.transactions.limits.throttling.jobs import MOST_ATTEMPTS, retry_time
from citrine_core.blocks.transactions.limits.throttling.repository import ThrottleRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.services import Services

__all__ = ["ThrottleHandlers"]

UNREACHED_TIME = timedelta(seconds=10)
"""Time until a station that was disconnected or busy is asked again."""

_SET = Answered[ocpp.SetChargingProfileRequest, ocpp.SetChargingProfileResponse]
_CLEAR = Answered[ocpp.ClearChargingProfileRequest, ocpp.ClearChargingProfileResponse]


class ThrottleHandlers:
    """Makes throttles due when their commands ended. The record of profiles has the state of the station.

    Args:
        services: The clock.
        wake: Called after the commit if a throttle became due.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._clock = services.clock
        self._wake = wake

    @handles_answer(ocpp.SetChargingProfileResponse)
    async def profile_set(self, work: UnitOfWork, answered: _SET) -> None:
        """Store whether the station accepted the profile. A refused profile is resent later."""
        response, profile = answered.response, answered.request.charging_profile
        if profile.charging_profile_purpose != TX:
            return
        problem = ""
        if response.status != ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED:
            info = response.status_info
            parts = ("the station refused the profile", info.reason_code, info.additional_info)
            problem = ": ".join(part for part in parts if part)
        await self._note(work, answered, profile.id, problem)

    @handles_failure(ocpp.SetChargingProfileRequest)
    async def profile_not_set(self, work: UnitOfWork, failed: Failed[ocpp.SetChargingProfileRequest]) -> None:
        """Store why there is no answer."""
        if failed.request.charging_profile.charging_profile_purpose == TX:
            await self._note(work, failed, failed.request.charging_profile.id, failed.problem, failed)

    @handles_answer(ocpp.ClearChargingProfileResponse)
    async def profile_cleared(self, work: UnitOfWork, answered: _CLEAR) -> None:
        """Make the throttle due, to verify that it is gone."""
        if answered.request.HasField("charging_profile_id"):
            await self._note(work, answered, answered.request.charging_profile_id, "")

    @handles_failure(ocpp.ClearChargingProfileRequest)
    async def profile_not_cleared(self, work: UnitOfWork, failed: Failed[ocpp.ClearChargingProfileRequest]) -> None:
        """Store why there is no answer."""
        if failed.request.HasField("charging_profile_id"):
            await self._note(work, failed, failed.request.charging_profile_id, failed.problem, failed)

    async def _note(
        self,
        work: UnitOfWork,
        end: Answered[Any, Any] | Failed[Any],
        profile_id: int,
        problem: str,
        failed: Failed[Any] | None = None,
    ) -> None:
        throttles, now = ThrottleRepository(work.session), self._clock()
        row = await throttles.find_by_profile(end.tenant_id, end.station_id, profile_id)
        if row is None:
            return
        attempts, due_time = row.attempts, now
        if failed is not None and failed.for_good:
            attempts = MOST_ATTEMPTS
        elif failed is not None and failed.never_sent:
            attempts, due_time = max(0, attempts - 1), now + UNREACHED_TIME
        elif problem:
            due_time = now + retry_time(attempts)
        await throttles.note(row, due_time, attempts=attempts, problem=problem[:255])
        if due_time == now:
            work.after_commit(self._wake)
