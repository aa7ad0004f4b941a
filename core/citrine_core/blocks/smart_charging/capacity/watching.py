"""Triggers of plans: messages and answers of stations, and requests of operators."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2.provisioning_pb2 import BootNotificationRequest
from citrine.ocpp.v2.transactions_pb2 import (
    TRANSACTION_EVENT_ENUM_ENDED,
    TRANSACTION_EVENT_ENUM_STARTED,
    TRANSACTION_EVENT_ENUM_UPDATED,
    TRIGGER_REASON_ENUM_METER_VALUE_CLOCK,
    TRIGGER_REASON_ENUM_METER_VALUE_PERIODIC,
    TransactionEventRequest,
)
from citrine_core.blocks.smart_charging.capacity.repository import PlanRepository
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call

__all__ = ["PlanTriggers"]

REMEMBERED = 2.0
"""Seconds for which the stations of a tenant that have a plan are cached."""

_UNCHANGED = (TRIGGER_REASON_ENUM_METER_VALUE_PERIODIC, TRIGGER_REASON_ENUM_METER_VALUE_CLOCK)

_WORDS = {
    TRANSACTION_EVENT_ENUM_STARTED: "started",
    TRANSACTION_EVENT_ENUM_UPDATED: "changed",
    TRANSACTION_EVENT_ENUM_ENDED: "ended",
}

_WAITING = pb.CHARGING_PLAN_STATE_WAITING_FOR_STATION


class PlanTriggers:
    """Makes plans due. The stations with a plan are cached, so that messages of others need no query.

    Args:
        clock: Returns the current time.
        wake: Called after a commit that made a plan due.
        monotonic: Returns the seconds of a monotonic clock.
    """

    def __init__(self, clock: Clock, wake: Callable[[], None], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wake = wake
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, Mapping[str, int]]] = {}

    async def observe(self, work: UnitOfWork, calls: Sequence[Call[Any]]) -> None:
        """Make plans due because of messages of one tenant and action: mostly there is none."""
        planned = await self._planned(work, calls[0].tenant_id)
        if not planned:
            return
        if isinstance(calls[0].message, BootNotificationRequest):
            booted = {call.station_id for call in calls} & planned.keys()
            if booted:
                await self._mark(
                    work, calls[0].tenant_id, booted, pb.CHARGING_PLAN_CAUSE_BOOT, "the station booted", True
                )
            return
        for call in calls:
            if call.station_id not in planned:
                continue
            if isinstance(call.message, TransactionEventRequest) and _matters(call.message):
                text = f"transaction {call.message.transaction_info.transaction_id} {_WORDS[call.message.event_type]}"
                await self._mark(
                    work, call.tenant_id, {call.station_id}, pb.CHARGING_PLAN_CAUSE_TRANSACTION, text[:200]
                )
            elif planned[call.station_id] == _WAITING and call.message.ByteSize() > 0:
                await self.answered(work, call.tenant_id, call.station_id)

    async def limited(
        self, work: UnitOfWork, tenant_id: str, station_id: str, cause: pb.ChargingPlanCause.ValueType, text: str
    ) -> None:
        """Create the plan of a station that has a new limit, or make it due."""
        await PlanRepository(work.session).ensure(tenant_id, station_id, cause, text, self._clock())
        work.after_commit(lambda: self._forget(tenant_id))
        work.after_commit(self._wake)

    async def changed(
        self, work: UnitOfWork, tenant_id: str, station_id: str, cause: pb.ChargingPlanCause.ValueType, text: str
    ) -> None:
        """Make the plan of a station due, if it has one."""
        await self._mark(work, tenant_id, {station_id}, cause, text)

    async def answered(self, work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        """Make the plan of a station due, without a new cause, because it answered or reconnected."""
        await PlanRepository(work.session).mark(tenant_id, [station_id], self._clock())
        work.after_commit(self._wake)

    async def _mark(
        self,
        work: UnitOfWork,
        tenant_id: str,
        station_ids: set[str],
        cause: pb.ChargingPlanCause.ValueType,
        text: str,
        verify: bool = False,
    ) -> None:
        plans = PlanRepository(work.session)
        await plans.mark(tenant_id, station_ids, self._clock(), cause=cause, text=text, verify=verify)
        work.after_commit(self._wake)

    async def _planned(self, work: UnitOfWork, tenant_id: str) -> Mapping[str, int]:
        known = self._known.get(tenant_id)
        if known is not None and known[0] > self._monotonic():
            return known[1]
        found = await PlanRepository(work.session).states(tenant_id)
        self._known[tenant_id] = (self._monotonic() + REMEMBERED, found)
        return found

    def _forget(self, tenant_id: str) -> None:
        self._known.pop(tenant_id, None)


def _matters(message: TransactionEventRequest) -> bool:
    return message.event_type != TRANSACTION_EVENT_ENUM_UPDATED or message.trigger_reason not in _UNCHANGED
