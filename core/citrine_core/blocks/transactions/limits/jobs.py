"""The job that checks limits, and makes stations stop transactions that reached theirs (F03.FR.01)."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from google.protobuf.duration_pb2 import Duration
from sqlalchemy import Row

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1.authorization_pb2 import (
    LOST_AUTHORIZATION_GO_ON,
    LOST_AUTHORIZATION_STOP,
    LOST_AUTHORIZATION_UNSPECIFIED,
)
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.tokens_pb2 import TokenRules, TokenStatus
from citrine.ocpp.v2.remote_control_pb2 import RequestStopTransactionRequest
from citrine_core.background import Apart
from citrine_core.blocks.authorization import SettingsDirectory
from citrine_core.blocks.tariff_and_cost.queries import RunningTotals
from citrine_core.blocks.transactions.limits.credit import spending
from citrine_core.blocks.transactions.limits.events import Change, publish_changes
from citrine_core.blocks.transactions.limits.repository import OF_TOKEN, UNSTOPPED, LimitRepository, TransactionKey
from citrine_core.blocks.transactions.limits.throttling import ThrottleRepository
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError
from citrine_core.resources.connections import ConnectionRepository
from citrine_core.resources.tokens import Token, TokenRepository, find_suspended
from citrine_core.resources.usage_limits import Limit
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["INTERVAL", "LimitChecks"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=5)
"""Interval of the job."""

CHECK_TIME = timedelta(seconds=10)
"""Time between checks of one transaction."""

RETRY_TIME = timedelta(minutes=1)
"""Lease of the core that asks a station to stop, after which any core may ask again; it doubles each time."""

MOST_ATTEMPTS = 5

MANY = 200
"""Largest number of limits checked in one database transaction."""

AT_ONCE = 16
"""Largest number of stations asked concurrently."""

TIMEOUT = Duration(seconds=30)
"""Time that a station has to answer."""

WHO = "transaction limits"

_GOING_ON = (pb.LIMIT_STATE_ACTIVE, pb.LIMIT_STATE_EXCEEDED)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Facts:
    """Facts on the transactions of one tenant."""

    totals: Mapping[TransactionKey, Decimal]
    tokens: Mapping[tuple[str, str], Token]
    spent: Mapping[tuple[str, str], Mapping[TransactionKey, Decimal]]
    connected: set[str]
    lost_authorization: int
    suspended: Collection[tuple[str, str]]
    """Parties that are suspended, by country and party."""
    throttles: Mapping[TransactionKey, pb.ThrottleState.ValueType]
    """States of the throttles that exist."""


class LimitChecks:
    """Checks limits. One core stops a transaction: it claims the row before it asks the station.

    Args:
        services: All of them.
        wake_throttles: Called after the commit if a transaction must be throttled or released.
    """

    def __init__(self, services: Services, wake_throttles: Callable[[], None]) -> None:
        self._services = services
        self._wake_throttles = wake_throttles
        self._settings = SettingsDirectory.of(services)
        self._totals = RunningTotals()
        self._apart: Apart[tuple[str, str, str]] = Apart(WHO)
        self._advancing: Apart[tuple[str, str, str]] = Apart(WHO)

    async def run(self) -> None:
        """Check due limits, and ask stations to stop transactions that reached theirs."""
        found = True
        while found:
            stops: list[dict[str, Any]] = []
            try:
                await self._claim(stops)
            except Exception:
                # What is committed is asked for once.
                await self._ask(stops)
                raise
            await self._ask(stops)
            found = bool(stops)

    async def _ask(self, stops: Sequence[Mapping[str, Any]]) -> None:
        limit = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for row in stops:
                key = (row["tenant_id"], row["station_id"], row["transaction_id"])
                tasks.create_task(self._apart.run(key, self._stop, row, limit), name="stop a transaction")

    async def _claim(self, stops: list[dict[str, Any]]) -> None:
        """Advance due limits to their next states, and add the transactions to stop whose states are committed."""
        now = self._services.clock()
        async with self._services.unit_of_work(read_only=True) as work:
            due = await LimitRepository(work.session).find_due(now, MANY)

        async def advance(keys: Sequence[tuple[str, str, str]]) -> None:
            stops.extend(await self._advance(keys, now))

        failed = await self._advancing.run_together(due, advance)
        if failed:
            async with self._services.unit_of_work() as work:
                for key in failed:
                    await LimitRepository(work.session).postpone(key, now, now + self._advancing.pause_of(key))
                await work.commit()

    async def _advance(self, keys: Sequence[tuple[str, str, str]], now: datetime) -> list[dict[str, Any]]:
        stops = []
        async with self._services.unit_of_work() as work:
            limits = LimitRepository(work.session)
            rows = await limits.claim(now, keys)
            changed: list[dict[str, Any]] = []
            for tenant_id in sorted({row.tenant_id for row in rows}):
                of_tenant = [row for row in rows if row.tenant_id == tenant_id]
                facts = await self._facts(work, tenant_id, of_tenant, now)
                published: list[Change] = []
                for row in of_tenant:
                    change = dict(row._mapping) | _next(row, facts, now)
                    changed.append(change)
                    if change["attempts"] > row.attempts:
                        stops.append(change)
                    if change["state"] not in (row.state, pb.LIMIT_STATE_OVER):
                        throttle = facts.throttles.get(_key_of(row), pb.THROTTLE_STATE_UNSPECIFIED)
                        is_released = throttle and change["state"] in _GOING_ON
                        published.append((change, pb.THROTTLE_STATE_RELEASING if is_released else throttle))
                await publish_changes(work, tenant_id, published)
                await self._throttle(work, tenant_id, of_tenant, changed[-len(of_tenant) :], now)
            await limits.change_all(changed)
            await work.commit()
        return stops

    async def _throttle(
        self,
        work: UnitOfWork,
        tenant_id: str,
        rows: Sequence[Row[Any]],
        changes: Sequence[Mapping[str, Any]],
        now: datetime,
    ) -> None:
        """Throttle transactions that are asked to stop once more, and release those that may continue."""
        asked = [pair for pair in zip(rows, changes, strict=True) if pair[0].attempts]
        again = [_key_of(row) for row, change in asked if change["attempts"] > row.attempts]
        go_on = [_key_of(row) for row, change in asked if change["state"] in _GOING_ON]
        throttles = ThrottleRepository(work.session)
        await throttles.want(tenant_id, again, now)
        is_released = await throttles.release(tenant_id, go_on, now)
        if again or is_released:
            work.after_commit(self._wake_throttles)

    async def _facts(self, work: UnitOfWork, tenant_id: str, rows: Sequence[Row[Any]], now: datetime) -> _Facts:
        if not self._settings.loaded:
            await self._settings.load(work.session)
        settings = self._settings.find(tenant_id)
        keys = {(row.station_id, row.transaction_id) for row in rows if row.max_cost is not None or row.prepaid}
        named = {_token_of(row) for row in rows if row.tx_id_token is not None and (row.prepaid or row.watches_token)}
        tokens = await TokenRepository(work.session).find_all(tenant_id, named)
        throttles = await ThrottleRepository(work.session).find_all(
            tenant_id, {_key_of(row) for row in rows if row.attempts}
        )
        sessions = await ConnectionRepository(work.session).find_all(tenant_id, {row.station_id for row in rows})
        return _Facts(
            await self._totals.find(work, tenant_id, keys, now) if keys else {},
            tokens,
            await spending(work, tenant_id, [one for one in tokens.values() if one.prepaid is not None]),
            {station_id for station_id, session in sessions.items() if session.is_open},
            settings.lost_authorization if settings is not None else LOST_AUTHORIZATION_UNSPECIFIED,
            await find_suspended(work.session, tenant_id, tokens.values()),
            {key: row.state for key, row in throttles.items()},
        )

    async def _stop(self, row: Mapping[str, Any], limit: asyncio.Semaphore) -> None:
        name = pb.LimitReason.Name(row["reason"]).removeprefix("LIMIT_REASON_").lower()
        target = CommandTarget(station_id=row["station_id"], timeout=TIMEOUT, reason=f"{WHO}: {name}")
        request = RequestStopTransactionRequest(transaction_id=row["transaction_id"])
        async with limit:
            try:
                await self._services.commands.send(system_caller(row["tenant_id"], WHO), target, request)
            except CoreError as error:
                # It is asked again when the row is due. The handlers store how the command ended.
                logger.info(
                    "a station did not stop a transaction", extra={"station_id": row["station_id"], "error": str(error)}
                )


def _next(row: Row[Any], facts: _Facts, now: datetime) -> dict[str, Any]:
    """Return the changed columns of a due limit."""
    if row.tx_end_time is not None or row.tx_closed_time is not None:
        over = pb.LIMIT_STATE_OVER if row.state == pb.LIMIT_STATE_ACTIVE else row.state
        return {"state": over, "due_time": None, "update_time": now}
    if row.state in (*UNSTOPPED, pb.LIMIT_STATE_STOPPED) and _counts_no_more(row, facts, now):
        again = {"state": pb.LIMIT_STATE_ACTIVE, "reason": 0, "reach_time": None, "attempts": 0, "problem": ""}
        return again | {"due_time": _next_check(row, now), "update_time": now}
    if row.state in (pb.LIMIT_STATE_FAILED, pb.LIMIT_STATE_THROTTLED):
        return {"due_time": None}
    if row.state == pb.LIMIT_STATE_STOPPED and row.station_id not in facts.connected:
        # It agreed to stop. The end may wait in its queue.
        return {"due_time": now + CHECK_TIME}
    is_asked = row.state in (pb.LIMIT_STATE_STOPPING, pb.LIMIT_STATE_STOPPED)
    reason = row.reason if is_asked else _reached(row, facts, now)
    if not reason:
        return {"due_time": _next_check(row, now)}
    goes_on = reason in OF_TOKEN and facts.lost_authorization == LOST_AUTHORIZATION_GO_ON
    found = {"reason": reason, "reach_time": row.reach_time or now, "update_time": now}
    if goes_on:
        # Checked further, because another limit may be reached.
        return found | {"state": pb.LIMIT_STATE_EXCEEDED, "due_time": _next_check(row, now)}
    if row.station_id not in facts.connected:
        return found | {"state": pb.LIMIT_STATE_STOPPING, "due_time": now + CHECK_TIME}
    if row.attempts >= MOST_ATTEMPTS:
        is_throttled = facts.throttles.get(_key_of(row)) == pb.THROTTLE_STATE_ACCEPTED
        return found | {"state": pb.LIMIT_STATE_THROTTLED if is_throttled else pb.LIMIT_STATE_FAILED, "due_time": None}
    due_time = now + RETRY_TIME * 2**row.attempts
    return found | {"state": pb.LIMIT_STATE_STOPPING, "attempts": row.attempts + 1, "due_time": due_time}


def _counts_no_more(row: Row[Any], facts: _Facts, now: datetime) -> bool:
    """Return whether a transaction that had to stop because of its token may continue: paid, or authorised again."""
    if row.reason not in OF_TOKEN or (row.reason == pb.LIMIT_REASON_CREDIT and _key_of(row) not in facts.totals):
        return False
    return not _reached(row, facts, now)


def _key_of(row: Row[Any]) -> TransactionKey:
    return row.station_id, row.transaction_id


def _reached(row: Row[Any], facts: _Facts, now: datetime) -> int:
    """Return which limit was reached, 0 for none; those that always stop precede those that depend on the tenant."""
    key, limit = (row.station_id, row.transaction_id), Limit.of(row)
    total = facts.totals.get(key)
    if limit.cost is not None and total is not None and total >= limit.cost:
        return pb.LIMIT_REASON_COST
    if limit.energy_wh is not None and (row.tx_energy_wh or 0.0) >= limit.energy_wh:
        return pb.LIMIT_REASON_ENERGY
    if limit.time is not None and now - _start_of(row) >= limit.time:
        return pb.LIMIT_REASON_TIME
    token = facts.tokens.get(_token_of(row)) if row.tx_id_token is not None else None
    if row.prepaid and token is not None and token.prepaid is not None and total is not None:
        spent = facts.spent.get((token.lookup, token.type), {})
        others = sum((cost for other, cost in spent.items() if other != key), Decimal(0))
        if total >= Decimal(token.prepaid) - others:
            return pb.LIMIT_REASON_CREDIT
    if row.watches_token and facts.lost_authorization == LOST_AUTHORIZATION_STOP and _is_blocked(token, facts, now):
        return pb.LIMIT_REASON_TOKEN
    return 0


def _is_blocked(token: Token | None, facts: _Facts, now: datetime) -> bool:
    if token is None:
        return True
    accepted = token.status in (TokenStatus.TOKEN_STATUS_ACCEPTED, TokenStatus.TOKEN_STATUS_UNSPECIFIED)
    expired = token.expire_time is not None and token.expire_time <= now
    suspended = (token.country_code, token.party_id) in facts.suspended
    unfit = not accepted or not token.valid or suspended or expired
    return unfit or (token.rules is not None and TokenRules.FromString(token.rules).no_credit)


def _start_of(row: Row[Any]) -> datetime:
    """Return when a transaction began, by the clock that it is billed by (E16.FR.09)."""
    heard = _EPOCH + timedelta(microseconds=row.tx_sequence)
    is_known = row.tx_start_time is not None and row.tx_clock_skew_ms is None
    return min(row.tx_start_time, heard) if is_known else heard


def _next_check(row: Row[Any], now: datetime) -> datetime:
    limit = Limit.of(row)
    if limit.time is None:
        return now + CHECK_TIME
    end = _start_of(row) + limit.time
    return min(now + CHECK_TIME, end) if end > now else now + CHECK_TIME


def _token_of(row: Row[Any]) -> tuple[str, str]:
    return (row.tx_id_token, row.tx_id_token_type or "")
