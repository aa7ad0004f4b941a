"""The job that makes stations match throttles: it sets, verifies and clears profiles of limit 0."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Row

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine_core.background import Apart
from citrine_core.blocks.smart_charging.throttles import TransactionThrottle, read_throttle
from citrine_core.blocks.transactions.limits.events import publish_changes
from citrine_core.blocks.transactions.limits.repository import LimitRepository
from citrine_core.blocks.transactions.limits.throttling.repository import ThrottleRepository
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError, FailedPrecondition
from citrine_core.resources.connections import ConnectionRepository
from citrine_core.resources.stations.queries import find_boot_times
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["INTERVAL", "MOST_ATTEMPTS", "Throttling", "retry_time"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=5)
"""Interval of the job."""

VERIFY_TIME = timedelta(seconds=30)
"""Interval of verification: the station may have lost the profile, or got another one above it."""

WAIT_TIME = timedelta(seconds=10)
"""Time until the next step of a throttle that waits for an answer, a plan, or its station."""

LEASE = timedelta(seconds=30)
"""Lease of a core on a throttle."""

ANSWER_TIME = timedelta(seconds=30)
"""Time that a station has to answer."""

COMMAND_TIME = ANSWER_TIME + timedelta(seconds=30)
"""Time after which a command without any outcome counts as lost with its core."""

MOST_ATTEMPTS = 5
"""Largest number of attempts to set a profile that the station does not accept."""

RESTORES = 2
"""Attempts to restore the replaced profile, before the profile of the throttle is cleared instead."""

MANY = 100
"""Largest number of throttles claimed in one database transaction."""

AT_ONCE = 16
"""Largest number of stations asked concurrently."""

_RETRY_TIMES = (10, 30, 60, 300)

WHO = "transaction limits"

WANTED, ACCEPTED = pb.THROTTLE_STATE_WANTED, pb.THROTTLE_STATE_ACCEPTED
REFUSED, RELEASING = pb.THROTTLE_STATE_REFUSED, pb.THROTTLE_STATE_RELEASING


def retry_time(attempts: int) -> timedelta:
    """Return the pause after so many failed attempts at a station."""
    return timedelta(seconds=_RETRY_TIMES[min(max(attempts, 1), len(_RETRY_TIMES)) - 1])


@dataclass(frozen=True, slots=True)
class _Look:
    """One step of one throttle."""

    work: UnitOfWork
    row: Row[Any]
    limit: Row[Any] | None
    claimed: datetime
    now: datetime

    async def store(self, state: pb.ThrottleState.ValueType, due_time: datetime | None, **values: Any) -> bool:
        """Store the state, and announce it if it changed; return False if it was changed concurrently."""
        if state != self.row.state:
            values |= {"state": int(state), "update_time": self.now}
        if not await ThrottleRepository(self.work.session).store(self.row, self.claimed, due_time, **values):
            return False
        await self._announce(state)
        return True

    async def _announce(self, state: pb.ThrottleState.ValueType) -> None:
        """Update the limit if the station was given up, and publish the change."""
        if self.limit is None:
            return
        change = dict(self.limit._mapping)
        if state == ACCEPTED and self.limit.state == pb.LIMIT_STATE_FAILED:
            change |= {"state": int(pb.LIMIT_STATE_THROTTLED), "update_time": self.now}
        elif state == REFUSED and self.limit.state == pb.LIMIT_STATE_THROTTLED:
            change |= {"state": int(pb.LIMIT_STATE_FAILED), "update_time": self.now}
        if change["state"] != self.limit.state:
            await LimitRepository(self.work.session).change_all([change])
        if change["state"] != self.limit.state or state != self.row.state:
            await publish_changes(self.work, self.row.tenant_id, [(change, state)])

    async def announce_released(self) -> None:
        """Publish that the transaction is no longer throttled."""
        if self.limit is not None:
            changed = dict(self.limit._mapping), pb.THROTTLE_STATE_UNSPECIFIED
            await publish_changes(self.work, self.row.tenant_id, [changed])


class Throttling:
    """Advances due throttles, each on one core at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clock = services.clock
        self._apart: Apart[tuple[str, str, str]] = Apart("throttled transactions")

    async def run(self) -> None:
        """Advance all due throttles. A station that does not answer delays no other one."""
        while claimed := await self._claim():
            limit = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as tasks:
                for row, until in claimed:
                    key = (row.tenant_id, row.station_id, row.transaction_id)
                    going_on = self._apart.run(key, self._go_on, row, until, limit)
                    tasks.create_task(going_on, name="throttle a transaction")

    async def _claim(self) -> Sequence[tuple[Row[Any], datetime]]:
        now = self._clock()
        async with self._services.unit_of_work(read_only=True) as work:
            if not await ThrottleRepository(work.session).has_due(now):
                return []
        async with self._services.unit_of_work() as work:
            until = now + LEASE
            rows = await ThrottleRepository(work.session).claim(now, until, MANY)
            await work.commit()
        return [(row, until) for row in rows]

    async def _go_on(self, row: Row[Any], until: datetime, limit: asyncio.Semaphore) -> None:
        async with limit:
            message = await self._look(row, until)
            if message is None:
                return
            reason = "the limit of the transaction is reached, and it is not stopped"
            if row.state == RELEASING:
                reason = "the limit of the transaction counts no more"
            target = CommandTarget(station_id=row.station_id, reason=reason)
            target.timeout.FromTimedelta(ANSWER_TIME)
            try:
                await self._services.commands.send(system_caller(row.tenant_id, WHO), target, message)
            except CoreError as error:
                # The handlers store how the command ended, and make the throttle due again.
                extra = {"station_id": row.station_id, "error": str(error)}
                logger.info("a station did not throttle a transaction, or did not go on with it", extra=extra)

    async def _look(self, claimed: Row[Any], until: datetime) -> Message | None:
        """Advance a throttle to its next state, and return the message to send, if any."""
        now, key = self._clock(), (claimed.station_id, claimed.transaction_id)
        try:
            async with self._services.unit_of_work() as work:
                limit = await LimitRepository(work.session).find_for_update(claimed.tenant_id, key)
                found = await read_throttle(work, claimed.tenant_id, *key, now)
                row = await ThrottleRepository(work.session).find(claimed.tenant_id, key)
                if row is None:
                    return None
                look = _Look(work, row, limit, until, now)
                message, is_stored = await self._step(look, found)
                if not is_stored:
                    return None
                await work.commit()
        except Exception as error:
            # A failed step must not delay the others. It is retried after its lease.
            logger.error("a throttle could not be looked at", extra={"station_id": key[0]}, exc_info=error)
            return None
        return message

    async def _step(self, look: _Look, found: TransactionThrottle | None) -> tuple[Message | None, bool]:
        """Return the message to send, if any, and whether the result of the step is stored."""
        row, now = look.row, look.now
        if found is None:
            # The transaction is over, and so are its profiles (K02.FR.05).
            return None, await look.store(row.state, None)
        if row.state == RELEASING:
            return await self._release(look, found)
        boots = await find_boot_times(look.work.session, row.tenant_id, [row.station_id])
        boot_time = boots.get(row.station_id)
        anew = row.send_time is not None and boot_time is not None and boot_time > row.send_time
        if found.is_in_force and not anew:
            if found.is_on_its_way:
                # Another one is, which need not be waited for.
                return None, await look.store(ACCEPTED, now + WAIT_TIME)
            return None, await look.store(ACCEPTED, now + VERIFY_TIME, attempts=0, problem="")
        if found.is_on_its_way or (found.is_in_place and not anew) or not await _is_connected(look):
            return None, await look.store(WANTED, now + WAIT_TIME)
        if row.attempts >= MOST_ATTEMPTS:
            return None, await look.store(REFUSED, None)
        return await self._set(look, found, anew=anew)

    async def _set(self, look: _Look, found: TransactionThrottle, *, anew: bool) -> tuple[Message | None, bool]:
        row, now = look.row, look.now
        reason: pb.LimitReason.ValueType = look.limit.reason if look.limit is not None else pb.LIMIT_REASON_UNSPECIFIED
        attempts = row.attempts + 1
        name = pb.LimitReason.Name(reason).removeprefix("LIMIT_REASON_").lower() if reason else "was reached"
        try:
            request = await found.set(f"transaction limit: {name}", now + COMMAND_TIME, anew=anew)
        except FailedPrecondition as error:
            stored = await look.store(WANTED, now + retry_time(attempts), attempts=attempts, problem=str(error)[:255])
            return None, stored
        profile_id = request.charging_profile.id
        values = {"attempts": attempts, "profile_id": profile_id, "send_time": now}
        return request, await look.store(WANTED, now + COMMAND_TIME, **values)

    async def _release(self, look: _Look, found: TransactionThrottle) -> tuple[Message | None, bool]:
        row, now = look.row, look.now
        if not found.records:
            is_gone = await ThrottleRepository(look.work.session).remove(row)
            if is_gone:
                await look.announce_released()
            return None, is_gone
        if found.is_on_its_way or not await _is_connected(look):
            return None, await look.store(RELEASING, now + WAIT_TIME)
        message = await found.lift(now + COMMAND_TIME, restores=row.attempts < RESTORES)
        attempts = row.attempts + 1
        values = {"attempts": attempts, "profile_id": found.records[-1].profile_id}
        due_time = now + max(COMMAND_TIME, retry_time(attempts))
        return message, await look.store(RELEASING, due_time, **values)


async def _is_connected(look: _Look) -> bool:
    row = look.row
    return await ConnectionRepository(look.work.session).find_open(row.tenant_id, row.station_id) is not None
