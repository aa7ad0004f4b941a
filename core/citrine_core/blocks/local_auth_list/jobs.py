"""Synchronisation of stations' local lists with the tokens: computes entries, sends them, and retries."""

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
from citrine_core.background import Apart, waits_for_database
from citrine_core.blocks.authorization import Facts, read_facts
from citrine_core.blocks.local_auth_list.messages import DIFFERENTIAL, FULL, Entry, entries_of, messages_of, wanted_of
from citrine_core.blocks.local_auth_list.models import LocalList
from citrine_core.blocks.local_auth_list.repository import LocalListRepository, Which
from citrine_core.db import UnitOfWork
from citrine_core.db.unit_of_work import stay_alive
from citrine_core.errors import CoreError, DatabaseUnavailable, FailedPrecondition, InvalidArgument
from citrine_core.ids import new_id
from citrine_core.jobs import Job
from citrine_core.resources.tokens import type_of
from citrine_core.rpc import Caller, system_caller
from citrine_core.services import Services

__all__ = ["LocalLists", "Sent", "later"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=30)
"""Interval between checks for due lists; changes of tokens wake the job at once."""

CLAIM_TIME = timedelta(seconds=30)
"""How long the claim on a list lasts beyond the timeout of a message; after that another core may send it."""

CHECKS = timedelta(hours=24)
"""Interval at which stations whose lists are kept in step are asked for their version, and tokens may expire."""

FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(hours=2)
"""Longest pause before a list is sent again; FIRST_RETRY doubles with each failure up to this."""

AT_A_TIME = 4
"""Most lists that the job of one core sends concurrently."""

BATCH = 64

PAUSE = 256
"""Tokens that are checked before the event loop runs other tasks."""

MOST_TOKENS = 50_000
"""Most tokens of a list: they are compared within one transaction, and no station stores as many."""

Plan = Callable[[UnitOfWork, LocalList], Awaitable[tuple[bool, Sequence[Entry]]]]
"""Returns whether to send a full list, and the entries to send."""


@dataclass
class Sent:
    """The commands that sent a list or its difference."""

    commands: list[common.Command] = field(default_factory=list)
    response: ocpp.SendLocalListResponse | None = None
    """The station's answer to the last message. None: nothing was sent, or the message waits for the station."""


def later(now: datetime, attempts: int) -> datetime:
    """Return when to send a list again after a number of failures."""
    pause: timedelta = FIRST_RETRY * int(2 ** min(max(attempts - 1, 0), 10))
    return now + min(pause, LAST_RETRY)


class LocalLists:
    """Sends lists. A claim in the database ensures one sender at a time for a station, over all cores."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._apart: Apart[tuple[str, str]] = Apart("local lists")
        self.job = Job("local lists", INTERVAL, self.synchronize, is_shared=True)
        """The job that sends due lists. Wake it after a list became due."""

    async def sync(self, who: Caller, target: common.CommandTarget, *, full: bool = False) -> Sent:
        """Send the list that a station should have by the tokens, or its difference to the confirmed list.

        Raises:
            FailedPrecondition: When the station can't store so many tokens: it was sent what changed of those that it
                has. Or when the list is being sent already.
            CoreError: As documented at CommandTarget in the contract.
        """
        problem = ""

        async def plan(work: UnitOfWork, row: LocalList) -> tuple[bool, Sequence[Entry]]:
            nonlocal problem
            lists = LocalListRepository(work.session)
            problem = await self._work_out(work, row)
            if problem and row.confirm_time is None:
                raise FailedPrecondition(problem)
            known = row.version is not None and row.confirm_time is not None
            whole = full or not known or row.state in (LOCAL_LIST_STATE_MISMATCH, LOCAL_LIST_STATE_FAILED)
            return whole, await lists.to_send(row, full=whole)

        sent = await self._send(who, target, plan, 0)
        if problem:
            raise FailedPrecondition(problem)
        return sent

    async def send(self, who: Caller, target: common.CommandTarget, request: ocpp.SendLocalListRequest) -> Sent:
        """Send a list, or changes of it, that a caller made.

        Raises:
            FailedPrecondition: When the list is kept in step with the tokens, or is being sent already.
            CoreError: As documented at CommandTarget in the contract.
        """
        full = request.update_type == FULL
        if not full and not request.version_number and not target.when_online:
            await self._learn_version(who, target)

        async def plan(work: UnitOfWork, row: LocalList) -> tuple[bool, Sequence[Entry]]:
            if row.keep_in_step:
                raise FailedPrecondition("the list is kept in step with the tokens: change the tokens")
            entries = entries_of(request)
            await LocalListRepository(work.session).want(row, entries, only=full)
            return full, entries

        return await self._send(who, target, plan, request.version_number, always=True)

    async def _learn_version(self, who: Caller, target: common.CommandTarget) -> None:
        """Ask a station for its list's version if that is not known: a change must have a later version."""
        async with self._unit_of_work(read_only=True) as work:
            row = await LocalListRepository(work.session).find(who.tenant_id, target.station_id)
        if row.version is None:
            await self._services.commands.send(who, target, ocpp.GetLocalListVersionRequest())

    async def synchronize(self) -> None:
        """Send the lists that are due. Called by the job."""
        places = asyncio.Semaphore(AT_A_TIME)
        async with self._unit_of_work(read_only=True) as work:
            due = await LocalListRepository(work.session).due(self._clock(), BATCH)
        async with asyncio.TaskGroup() as tasks:
            for tenant_id, station_id, boot_time in due:
                if not self._apart.may_be_tried((tenant_id, station_id)):
                    continue
                synchronizing = self._synchronize_limited(places, tenant_id, station_id, boot_time)
                tasks.create_task(synchronizing, name=f"local list of {station_id}")

    async def _synchronize_limited(
        self, places: asyncio.Semaphore, tenant_id: str, station_id: str, boot_time: datetime | None
    ) -> None:
        async with places:
            try:
                key = (tenant_id, station_id)
                await self._apart.run(key, self._synchronize, *key, boot_time)
                if not self._apart.may_be_tried(key):
                    # Those that fail must not be all that is looked at.
                    async with self._unit_of_work() as work:
                        until = self._clock() + self._apart.pause_of(key)
                        await LocalListRepository(work.session).postpone(*key, until)
                        await work.commit()
            except DatabaseUnavailable:
                # The list remains due. Sending of the other lists must continue.
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
                # D01.FR.03: after a refused change the whole list is sent.
                await self._send(who, target, _whole, 0, always=True)
            await self._settle(tenant_id, station_id, row.next_time, "")
        except CoreError as error:
            logger.info("a local list will be sent later: %s", error, extra={"station_id": station_id})
            await self._settle(tenant_id, station_id, row.next_time, str(error), ask_again=asking)

    async def _look(self, tenant_id: str, station_id: str, boot_time: datetime | None) -> tuple[LocalList, bool]:
        """Return a list that is due, and whether to ask the station for its version first.

        It is asked once a day, and after a boot, at which it may have lost its list. All tokens are then checked, too:
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
        """Set when a list is due again, unless another transaction set it meanwhile."""
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
                    if row.state == LOCAL_LIST_STATE_IN_STEP:
                        row.attempts, row.problem = 0, ""
            await work.commit()

    async def _work_out(self, work: UnitOfWork, row: LocalList) -> str:
        """Update the wanted entries of a list from the tokens; return why it has not all of them. Empty: it has.

        If there are more than a list may have, no token is added, but those that the station has are not left as they
        were: some may have been blocked. It is then made anew each time, since there may be fewer by then.
        """
        lists, problem = LocalListRepository(work.session), ""
        # Changes of tokens are not recorded for a list that is not kept in step.
        everything = row.refresh or row.check_time is None or not row.keep_in_step
        if everything:
            limit = (await lists.limits(row.tenant_id, row.station_id)).entries
            most = MOST_TOKENS if limit is None else min(limit, MOST_TOKENS)
            entries = None
            if not await lists.has_more_tokens(row, most, self._clock()):
                entries = await self._entries(work, row, Which.ALL, most)
            if entries is None:
                problem = f"a list has at most {most} tokens: name groups that have fewer"
                if most == limit:
                    problem = f"the station stores {limit} tokens, and the list has more"
                entries = await self._entries(work, row, Which.CONFIRMED)
        else:
            entries = await self._entries(work, row, Which.STALE)
        await lists.want(row, entries or (), only=everything, stale_only=not everything)
        row.refresh = bool(problem)
        return problem

    async def _entries(
        self, work: UnitOfWork, row: LocalList, which: Which, most: int | None = None
    ) -> Sequence[Entry] | None:
        """Return the entries that a list should have of some tokens; None if they are more than `most`."""
        lists, now = LocalListRepository(work.session), self._clock()
        entries: list[Entry] = []
        after, has_more = None, True
        while has_more:
            tokens, after = await lists.tokens(row, which, after, now)
            facts: Facts = await read_facts(work, self._services, row.tenant_id, row.station_id, tokens)
            for place, token in enumerate(tokens):
                if place % PAUSE == PAUSE - 1:
                    # A long list must not block the event loop, nor look as if this process stood still.
                    await stay_alive()
                    await asyncio.sleep(0)
                info = wanted_of(token, row.station_id, facts, include_refused=row.include_refused)
                if info is not None:
                    entries.append(Entry(token.lookup, type_of(token.type), token.id_token, info))
            if most is not None and len(entries) > most:
                return None
            has_more = after is not None
        return entries

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
                    raise FailedPrecondition("another sender has claimed the list")
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
        """Claim a list, and return the messages to send; none if nothing differs."""
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
                raise FailedPrecondition(f"the station stores {limits.entries} tokens, and the list has {len(entries)}")
            first = version or max(row.version or 0, row.sent_version) + 1
            messages = messages_of(FULL if full else DIFFERENTIAL, entries, limits, first)
            if target.when_online and len(messages) > 1:
                raise InvalidArgument(
                    "target.when_online", f"must not be set, because the list needs {len(messages)} messages"
                )
            row.claim_id, row.claim_time, row.claim_version = claim_id, now + self._claim_time(target), first
            # If this core ends, another one sends the list when the claim expires.
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
                    # A job that found the list due meanwhile found it claimed.
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
