"""Queries of limits of transactions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.transactions.limits.models import TransactionLimit
from citrine_core.blocks.transactions.models import Transaction
from citrine_core.db import Due, Listed, Page, database_of, one_of
from citrine_core.db.bulk import BulkInsert, BulkUpdate, BulkUpsert
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens import type_of
from citrine_core.resources.tokens.queries import tokens_of_party

__all__ = ["KEY", "OF_TOKEN", "UNSTOPPED", "LimitRepository", "TokenId", "TransactionKey", "new_row"]

_LIMITS = TransactionLimit.metadata.tables["transaction_limits"]
_TRANSACTIONS = Transaction.metadata.tables["transactions"]

KEY = ("tenant_id", "station_id", "transaction_id")

TransactionKey = tuple[str, str]
"""Station and transaction."""

TokenId = tuple[str, str]
"""Lookup and type of a token."""

_CHANGING = ("state", "reason", "reach_time", "attempts", "due_time", "problem", "update_time")
_CHANGE = BulkUpdate(_LIMITS, _CHANGING, KEY)
_ADD = BulkInsert(_LIMITS, ignore=True, key=KEY)
_PUT = BulkUpsert(_LIMITS, key=KEY)
_WATCH_TOKENS = BulkUpsert(_LIMITS, key=KEY, overwrite=("watches_token", "due_time"))

_OF_TRANSACTION = (
    "sequence",
    "evse_id",
    "start_time",
    "end_time",
    "closed_time",
    "energy_wh",
    "clock_skew_ms",
    "id_token",
    "id_token_type",
    "id_token_lookup",
)

OF_TOKEN = (int(pb.LIMIT_REASON_TOKEN), int(pb.LIMIT_REASON_CREDIT))
"""Reasons for which the tenant decides whether charging continues, and that a change of the token may remove."""

UNSTOPPED = (int(pb.LIMIT_STATE_STOPPING), int(pb.LIMIT_STATE_FAILED), int(pb.LIMIT_STATE_THROTTLED))
"""States in which the station was or will be asked to stop, and has not agreed."""

_SAME = and_(*(_LIMITS.c[name] == _TRANSACTIONS.c[name] for name in KEY))


def new_row(tenant_id: str, key: TransactionKey, now: datetime, **values: Any) -> dict[str, Any]:
    """Return the row of a limit that was not reached, with all columns."""
    row = {
        "tenant_id": tenant_id,
        "station_id": key[0],
        "transaction_id": key[1],
        "max_cost": None,
        "max_energy_wh": None,
        "max_seconds": None,
        "prepaid": False,
        "watches_token": False,
        "state": int(pb.LIMIT_STATE_ACTIVE),
        "reason": 0,
        "reach_time": None,
        "attempts": 0,
        "due_time": now,
        "problem": "",
        "set_by": "",
        "update_time": now,
    }
    return row | values


class LimitRepository:
    """Limits of transactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(self, tenant_id: str, keys: Collection[TransactionKey]) -> dict[TransactionKey, Row[Any]]:
        """Return the limits of those transactions that have one."""
        if not keys:
            return {}
        columns = (_LIMITS.c.station_id, _LIMITS.c.transaction_id)
        rows = await self._session.execute(
            select(_LIMITS).where(_LIMITS.c.tenant_id == tenant_id, one_of(columns, keys))
        )
        return {(row.station_id, row.transaction_id): row for row in rows}

    async def find_for_update(self, tenant_id: str, key: TransactionKey) -> Row[Any] | None:
        """Return the limit of a transaction, locked until the commit; None if there is none."""
        where = [_LIMITS.c[name] == value for name, value in zip(KEY, (tenant_id, *key), strict=True)]
        return (await self._session.execute(select(_LIMITS).where(*where).with_for_update())).one_or_none()

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        state: int = 0,
        stations: StationSelector | None = None,
    ) -> Listed[Row[Any]]:
        """Return limits, of the latest transactions first."""
        query = (
            select(_LIMITS, _TRANSACTIONS.c.sequence).join(_TRANSACTIONS, _SAME).where(_LIMITS.c.tenant_id == tenant_id)
        )
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, _LIMITS.c.station_id, stations))
        if station_id:
            query = query.where(_LIMITS.c.station_id == station_id)
        if state:
            query = query.where(_LIMITS.c.state == state)
        key = (_TRANSACTIONS.c.sequence, _LIMITS.c.station_id, _LIMITS.c.transaction_id)
        return await page.read_rows(self._session, query, *key, descending=True)

    async def add_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store limits of transactions that have none. Existing limits are not changed."""
        await _ADD.execute_mappings(self._session, rows)

    async def put(self, row: Mapping[str, Any]) -> None:
        """Insert or replace a limit."""
        await _PUT.execute_mappings(self._session, [row])

    async def watch_tokens(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make transactions due now, because their tokens changed. Their limits are preserved."""
        await _WATCH_TOKENS.execute_mappings(self._session, rows)

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a limit is next due."""
        return select(func.min(_LIMITS.c.due_time)).where(_LIMITS.c.due_time.is_not(None))

    async def find_due(self, now: datetime, limit: int) -> Sequence[tuple[str, str, str]]:
        """Return the keys of limits that are due, the earliest due first."""
        due = _LIMITS.c.due_time <= now
        query = select(*(_LIMITS.c[name] for name in KEY)).where(due).order_by(_LIMITS.c.due_time).limit(limit)
        return [(row[0], row[1], row[2]) for row in await self._session.execute(query)]

    async def claim(self, now: datetime, keys: Collection[tuple[str, str, str]]) -> Sequence[Row[Any]]:
        """Claim those of the limits that are still due; return them with columns of their transactions."""
        columns = (_TRANSACTIONS.c[name].label(f"tx_{name}") for name in _OF_TRANSACTION)
        query = (
            select(_LIMITS, *columns)
            .join(_TRANSACTIONS, _SAME)
            .where(_LIMITS.c.due_time <= now, one_of([_LIMITS.c[name] for name in KEY], keys))
            .order_by(_LIMITS.c.due_time)
        )
        return (await self._session.execute(database_of(self._session).claim(query, of=_LIMITS))).all()

    async def postpone(self, key: tuple[str, str, str], now: datetime, until: datetime) -> None:
        """Have a limit be due later, if it is due."""
        same = [_LIMITS.c[name] == value for name, value in zip(KEY, key, strict=True)]
        due = _LIMITS.c.due_time <= now
        await self._session.execute(update(_LIMITS).where(*same, due).values(due_time=until))

    async def change_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write changed columns of limits."""
        names = (*_CHANGING, *KEY)
        await _CHANGE.execute(self._session, [tuple(row[name] for name in names) for row in rows])

    async def open_of_tokens(self, tenant_id: str, tokens: Collection[TokenId]) -> set[TransactionKey]:
        """Return the open transactions of tokens."""
        columns = _TRANSACTIONS.c
        rows = await self._session.execute(
            select(columns.station_id, columns.transaction_id, columns.id_token_lookup, columns.id_token_type).where(
                columns.tenant_id == tenant_id,
                one_of(columns.id_token_lookup, {lookup for lookup, _ in tokens}),
                Transaction.is_open(),
            )
        )
        return {(row[0], row[1]) for row in rows if (row[2], type_of(row[3] or "")) in tokens}

    async def open_of_owner(self, tenant_id: str, party: tuple[str, str]) -> set[TransactionKey]:
        """Return the open transactions of tokens of a party, given by country and party."""
        columns, tokens = _TRANSACTIONS.c, tokens_of_party(tenant_id, party).subquery()
        rows = await self._session.execute(
            select(columns.station_id, columns.transaction_id, columns.id_token_type, tokens.c.type)
            .join(tokens, tokens.c.lookup == columns.id_token_lookup)
            .where(columns.tenant_id == tenant_id, Transaction.is_open())
        )
        return {(row[0], row[1]) for row in rows if type_of(row[2] or "") == row[3]}

    async def make_unstopped_due(self, tenant_id: str, keys: Collection[TransactionKey], now: datetime) -> bool:
        """Make those transactions due that must stop because of their tokens; return whether there is any."""
        changed = await self._session.execute(
            update(_LIMITS)
            .where(_LIMITS.c.tenant_id == tenant_id, one_of((_LIMITS.c.station_id, _LIMITS.c.transaction_id), keys))
            .where(_LIMITS.c.state.in_(UNSTOPPED), _LIMITS.c.reason.in_(OF_TOKEN))
            .values(due_time=now)
            .returning(_LIMITS.c.station_id)
        )
        return bool(changed.all())

    async def mark_unannounced(self, tenant_id: str, key: TransactionKey) -> None:
        """Mark the limit to be sent with the answer to the station's next message (E16.FR.02)."""
        where = [_TRANSACTIONS.c[name] == value for name, value in zip(KEY, (tenant_id, *key), strict=True)]
        await self._session.execute(update(_TRANSACTIONS).where(*where).values(limit_untold=True))

    async def list_of_tokens(self, tenant_id: str, since: Mapping[TokenId, int]) -> dict[TransactionKey, TokenId]:
        """Return the transactions of tokens from a sequence on, each with its token."""
        columns = _TRANSACTIONS.c
        rows = await self._session.execute(
            select(
                *(columns.station_id, columns.transaction_id, columns.sequence),
                *(columns.id_token_lookup, columns.id_token_type),
            ).where(
                columns.tenant_id == tenant_id,
                one_of(columns.id_token_lookup, {lookup for lookup, _ in since}),
                columns.sequence >= min(since.values()),
            )
        )
        found: dict[TransactionKey, TokenId] = {}
        for station_id, transaction_id, sequence, lookup, type_name in rows:
            token = (lookup, type_of(type_name or ""))
            if token in since and sequence >= since[token]:
                found[station_id, transaction_id] = token
        return found
