"""Brings stations' local lists to what they should hold: works out, sends, and tries again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1.local_auth_list_pb2 import (
    LOCAL_LIST_STATE_FAILED,
    LOCAL_LIST_STATE_IN_STEP,
    LOCAL_LIST_STATE_MISMATCH,
    LOCAL_LIST_STATE_PENDING,
)
from citrine.ocpp.v2 import local_auth_list_pb2 as ocpp
from citrine_core.background import waits_for_database
from citrine_core.blocks.authorization import Facts, read_facts
from citrine_core.blocks.local_auth_list.messages import DIFFERENTIAL, FULL, Entry, entries_of, messages_of, wanted_of
from citrine_core.blocks.local_auth_list.models import LocalList
from citrine_core.blocks.local_auth_list.repository import LocalListRepository
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError, DatabaseUnavailable, FailedPrecondition, InvalidArgument
from citrine_core.ids import new_id
from citrine_core.jobs import Job
from citrine_core.resources.tokens import type_of
from citrine_core.rpc import Caller, system_caller
from citrine_core.services import Services

__all__ = ["LocalLists", "Sent", "later"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=30)
"""How long a list that becomes due waits for us at most."""

CLAIM_TIME = timedelta(seconds=30)
"""How long a list counts as being sent beyond the timeout of a message; after that its sender is gone."""

CHECKS = timedelta(hours=24)
"""How often a station whose list is kept in step is asked for its version, and tokens are looked at for expiry."""

FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(hours=2)
"""Pause before a list is tried again; it doubles with each failure up to the second."""

AT_A_TIME = 4
"""Lists that one core looks after at a time by itself."""

BATCH = 64

PAUSE = 256
"""Tokens that are looked at before others get a turn."""

Plan = Callable[[UnitOfWork, LocalList], Awaitable[tuple[bool, Sequence[Entry]]]]
"""Says what is to be sent of a list: whether it is all of it, and the entries."""


@dataclass
class Sent:
    """What was sent of a list."""

    commands: list[common.Command] = field(default_factory=list)
    response: ocpp.SendLocalListResponse | None = None
    """The station's answer to the last message. None: there was nothing to send, or it waits for the station."""


def later(now: datetime, attempts: int) -> datetime:
    """Return when to try again after so many failures."""
    pause: timedelta = FIRST_RETRY * int(2 ** min(max(attempts - 1, 0), 10))
    return now + min(pause, LAST_RETRY)


class LocalLists:
    """Sends lists, one sender for a station at a time over all cores."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self.job = Job("local lists", INTERVAL, self.synchronize)
        """To be woken where a list becomes due."""

    async def sync(self, who: Caller, target: common.CommandTarget, *, full: bool = False) -> Sent:
        """Send what the station should hold by the tokens, or the difference to what it holds.

        Raises:
            FailedPrecondition: When it can't hold so many, or somebody sends it already.
            CoreError: As CommandTarget in the contract says.
        """

        async def plan(work: UnitOfWork, row: LocalList) -> tuple[bool, Sequence[Entry]]:
            lists = LocalListRepository(work.session)
            await self._work_out(work, row)
            known = row.version is not None and row.confirm_time is not None
            whole = full or not known or row.state in (LOCAL_LIST_STATE_MISMATCH, LOCAL_LIST_STATE_FAILED)
            return whole, await lists.to_send(row, full=whole)

        return await self._send(who, target, plan, 0)

    async def send(self, who: Caller, target: common.CommandTarget, request: ocpp.SendLocalListRequest) -> Sent:
        """Send a list or changes of it that somebody made.

        Raises:
            FailedPrecondition: When the list is kept in step with the tokens, or somebody sends it already.
            CoreError: As CommandTarget in the contract says.
        """
        full = request.update_type == FULL
        if not full and not request.version_number and not target.when_online:
            await self._learn_version(who, target)

        async def plan(work: UnitOfWork, row: LocalList) -> tuple[bool, Sequence[Entry]]:
            if row.keep_in_step:
                raise FailedPrecondition("the list is kept in step with the tokens: change those")
            entries = entries_of(request)
            await LocalListRepository(work.session).want(row, entries, only=full)
            return full, entries

        return await self._send(who, target, plan, request.version_number, always=True)

    async def _learn_version(self, who: Caller, target: common.CommandTarget) -> None:
        """Ask the station for the version of its list where that is not known: a change must have a later one."""
        async with self._unit_of_work(read_only=True) as work:
            row = await LocalListRepository(work.session).find(who.tenant_id, target.station_id)
        if row.version is None:
            await self._services.commands.send(who, target, ocpp.GetLocalListVersionRequest())

    async def synchronize(self) -> None:
        """Look after the lists that are due; meant for a job."""
        places = asyncio.Semaphore(AT_A_TIME)
        async with self._unit_of_work(read_only=True) as work:
            due = await LocalListRepository(work.session).due(self._clock(), BATCH)
        async with asyncio.TaskGroup() as tasks:
            for tenant_id, station_id, boot_time in due:
                synchronizing = self._synchronize_limited(places, tenant_id, station_id, boot_time)
                tasks.create_task(synchronizing, name=f"local list of {station_id}")

    async def _synchronize_limited(
        self, places: asyncio.Semaphore, tenant_id: str, station_id: str, boot_time: datetime | None
    ) -> None:
        async with places:
            try:
                await self._synchronize(tenant_id, station_id, boot_time)
            except DatabaseUnavailable:
                # It is still due. The other lists must not end with this one.
                waits_for_database("local lists", station_id=station_id)

    async def _synchronize(self, tenant_id: str, station_id: str, boot_time: datetime | None) -> None:
        who, target = system_caller(tenant_id, "local list"), common.CommandTarget(station_id=station_id)
        row, asking = await self._look(tenant_id, station_id, boot_time)
        try:
            if asking:
                await self._services.commands.send(who, target, ocpp.GetLocalListVersionRequest())
                asking = False
            if row.keep_in_step:
                await self.sync(who, target)
            elif row.state == LOCAL_LIST_STATE_PENDING and row.version is not None:
                await self._send(who, target, _difference, 0)
            elif row.state in (LOCAL_LIST_STATE_MISMATCH, LOCAL_LIST_STATE_PENDING):
                # D01.FR.03: what was refused as a change is sent as a whole.
                await self._send(who, target, _whole, 0, always=True)
            await self._settle(tenant_id, station_id, row.next_time, "")
        except CoreError as error:
            logger.info("a local list is tried again later: %s", error, extra={"station_id": station_id})
            await self._settle(tenant_id, station_id, row.next_time, str(error), ask_again=asking)

    async def _look(self, tenant_id: str, station_id: str, boot_time: datetime | None) -> tuple[LocalList, bool]:
        """Return a list that is due, and whether to ask the station for its version first.

        It is asked once a day, and when it booted: it may have lost its list. Then all tokens are looked at, too:
        some may have expired.
        """
        async with self._unit_of_work() as work:
            row = await LocalListRepository(work.session).lock(tenant_id, station_id)
            now, last = self._clock(), row.check_time
            asking = row.keep_in_step and (
                last is None or last <= now - CHECKS or (boot_time is not None and last < boot_time)
            )
            if asking:
                row.check_time, row.refresh = now, True
            found = LocalList(
                keep_in_step=row.keep_in_step, state=row.state, version=row.version, next_time=row.next_time
            )
            await work.commit()
        return found, asking

    async def _settle(
        self, tenant_id: str, station_id: str, seen: datetime | None, problem: str, *, ask_again: bool = False
    ) -> None:
        """Say when to look at a list again, unless somebody said so meanwhile."""
        async with self._unit_of_work() as work:
            row = await LocalListRepository(work.session).lock(tenant_id, station_id)
            now = self._clock()
            if ask_again:
                row.check_time = None
            if row.next_time is None or row.next_time == seen:
                row.attempts += 1 if problem else 0
                row.problem = problem[:255] or row.problem
                unsettled = row.refresh or row.state in (LOCAL_LIST_STATE_PENDING, LOCAL_LIST_STATE_MISMATCH)
                if problem or unsettled or (row.keep_in_step and row.state == LOCAL_LIST_STATE_FAILED):
                    row.next_time = later(now, row.attempts)
                else:
                    row.next_time = now + CHECKS if row.keep_in_step else None
            await work.commit()

    async def _work_out(self, work: UnitOfWork, row: LocalList) -> None:
        """Bring what the station should hold up to date with the tokens."""
        lists = LocalListRepository(work.session)
        # A list that nobody keeps in step is not told of changes of tokens.
        everything = row.refresh or row.check_time is None or not row.keep_in_step
        tokens = await lists.tokens(row, stale_only=not everything)
        facts: Facts = await read_facts(work, self._services, row.tenant_id, row.station_id, tokens)
        entries = []
        for place, token in enumerate(tokens):
            if place % PAUSE == PAUSE - 1:
                # A long list must not keep stations waiting.
                await asyncio.sleep(0)
            info = wanted_of(token, row.station_id, facts, include_refused=row.include_refused)
            if info is not None:
                entries.append(Entry(token.lookup, type_of(token.type), token.id_token, info))
        await lists.want(row, entries, only=everything, stale_only=not everything)
        row.refresh = False

    async def _send(
        self,
        who: Caller,
        target: common.CommandTarget,
        plan: Plan,
        version: int,
        *,
        always: bool = False,
    ) -> Sent:
        claim_id, sent = new_id(), Sent()
        messages = await self._claim(who, target, plan, version, claim_id, always)
        if not messages:
            return sent
        try:
            for message in messages:
                if not await self._go_on(who, target, claim_id):
                    raise FailedPrecondition("somebody else sends the list now")
                command, answer = await self._services.commands.send(who, target, message)
                sent.commands.append(command)
                if not isinstance(answer, ocpp.SendLocalListResponse):
                    break
                sent.response = answer
                if answer.status != ocpp.SEND_LOCAL_LIST_STATUS_ENUM_ACCEPTED:
                    break
        finally:
            await self._release(who.tenant_id, target.station_id, claim_id)
        return sent

    async def _claim(
        self,
        who: Caller,
        target: common.CommandTarget,
        plan: Plan,
        version: int,
        claim_id: str,
        always: bool,
    ) -> Sequence[ocpp.SendLocalListRequest]:
        """Take the turn to send a list, and return the messages; none where there is nothing to send."""
        async with self._unit_of_work() as work:
            lists = LocalListRepository(work.session)
            await lists.find(who.tenant_id, target.station_id)
            row, now = await lists.lock(who.tenant_id, target.station_id), self._clock()
            if row.claim_id is not None and row.claim_time is not None and row.claim_time > now:
                raise FailedPrecondition("the list is being sent already")
            full, entries = await plan(work, row)
            if not entries and not full and not always:
                row.state = LOCAL_LIST_STATE_IN_STEP
                await work.commit()
                return []
            limits = await lists.limits(who.tenant_id, target.station_id)
            if full and limits.entries is not None and len(entries) > limits.entries:
                raise FailedPrecondition(f"the station holds {limits.entries} tokens, and not {len(entries)}")
            first = version or max(row.version or 0, row.sent_version) + 1
            messages = messages_of(FULL if full else DIFFERENTIAL, entries, limits, first)
            if target.when_online and len(messages) > 1:
                raise InvalidArgument("target.when_online", f"can't be: the list takes {len(messages)} messages")
            row.claim_id, row.claim_time, row.claim_version = claim_id, now + self._claim_time(target), first
            # Should this core vanish, another one goes on.
            row.next_time = row.next_time or row.claim_time
            row.sent_version = max(row.sent_version, first + len(messages) - 1)
            if row.state not in (LOCAL_LIST_STATE_MISMATCH, LOCAL_LIST_STATE_FAILED):
                row.state = LOCAL_LIST_STATE_PENDING
            await work.commit()
        return messages

    async def _go_on(self, who: Caller, target: common.CommandTarget, claim_id: str) -> bool:
        async with self._unit_of_work() as work:
            until = self._clock() + self._claim_time(target)
            is_ours = await LocalListRepository(work.session).extend_claim(
                who.tenant_id, target.station_id, claim_id, until
            )
            await work.commit()
        return is_ours

    async def _release(self, tenant_id: str, station_id: str, claim_id: str) -> None:
        async with self._unit_of_work() as work:
            row = await LocalListRepository(work.session).lock(tenant_id, station_id)
            if row.claim_id == claim_id:
                row.claim_id = row.claim_time = None
                if not row.keep_in_step and row.state != LOCAL_LIST_STATE_MISMATCH:
                    row.next_time = None
                if row.next_time is not None and row.next_time <= self._clock():
                    # Whoever found it due meanwhile found it taken.
                    work.after_commit(self.job.wake)
            await work.commit()

    def _claim_time(self, target: common.CommandTarget) -> timedelta:
        timeout: Duration = target.timeout
        return CLAIM_TIME + (
            timeout.ToTimedelta() if target.HasField("timeout") else self._services.settings.default_timeout
        )


async def _difference(work: UnitOfWork, row: LocalList) -> tuple[bool, Sequence[Entry]]:
    return False, await LocalListRepository(work.session).to_send(row, full=False)


async def _whole(work: UnitOfWork, row: LocalList) -> tuple[bool, Sequence[Entry]]:
    return True, await LocalListRepository(work.session).to_send(row, full=True)
