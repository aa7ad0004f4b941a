"""Queries of checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, case, func, literal, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import transactions_pb2 as pb
from citrine_core.blocks.transactions.checks.models import TransactionCheck
from citrine_core.blocks.transactions.models import Transaction
from citrine_core.db import Due, database_of, earliest
from citrine_core.db.bulk import BulkInsert, BulkUpsert, given
from citrine_core.resources.connections.queries import SESSIONS

__all__ = ["FIRST_RETRY", "CheckKey", "CheckRepository", "Question"]

_CHECKS = TransactionCheck.metadata.tables["transaction_checks"]
_TRANSACTIONS = Transaction.metadata.tables["transactions"]

CheckKey = tuple[str, str, str]
"""Tenant, station and transaction."""

_KEY = ("tenant_id", "station_id", "transaction_id")

_SCHEDULE = BulkUpsert(
    _CHECKS,
    (*_KEY, "reason", "asks", "due_time", "problem"),
    _KEY,
    ("reason", "asks"),
    changes={"due_time": func.coalesce(_CHECKS.c.due_time, given(_CHECKS, "due_time"))},
)
_ADD = BulkInsert(_CHECKS, ignore=True, key=_KEY, returning=_KEY)

FIRST_RETRY = timedelta(minutes=1)
"""Time from the first question to the second; it doubles each time."""

MOST_ASKS = 8
"""Largest number of questions for one reason. The last is sent about two hours after the first."""


@dataclass(frozen=True, slots=True)
class Question:
    """One GetTransactionStatus to send."""

    tenant_id: str
    station_id: str
    transaction_id: str
    reason: int


class CheckRepository:
    """Checks of transactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def schedule(self, reasons: Mapping[CheckKey, int], due_time: datetime) -> None:
        """Schedule checks of transactions at a time, or leave an earlier time that is set.

        Args:
            reasons: citrine.api.v1.TransactionCheck.Reason of each.
            due_time: The time.
        """
        rows = [(*key, reason, 0, due_time, "") for key, reason in sorted(reasons.items())]
        await _SCHEDULE.execute(self._session, rows)

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of a time since which a transaction may need a check: any that is open may."""
        columns = _TRANSACTIONS.c
        is_open = columns.end_time.is_(None), columns.closed_time.is_(None)
        check = select(func.min(_CHECKS.c.due_time)).where(_CHECKS.c.due_time.is_not(None))
        return earliest(select(columns.update_time).where(*is_open).limit(1), check)

    async def find_silent(
        self, now: datetime, delay: timedelta, silence: timedelta | None, limit: int
    ) -> dict[CheckKey, int]:
        """Return open transactions of connected stations that need a check, each with the reason.

        Args:
            now: The time.
            delay: Time that a station has after a connect or boot to report on the transaction.
            silence: How long a transaction may have no event. None: for ever.
            limit: Return at most this many.
        """
        transactions, connections, checks = _TRANSACTIONS.c, SESSIONS.c, _CHECKS.c
        last_news = func.coalesce(checks.ask_time, transactions.update_time)
        reconnected = and_(
            transactions.update_time < connections.open_time,
            connections.open_time <= now - delay,
            or_(checks.ask_time.is_(None), checks.ask_time < connections.open_time),
        )
        booted = and_(
            transactions.orphaned.is_(True),
            transactions.update_time <= now - delay,
            or_(checks.ask_time.is_(None), checks.ask_time < transactions.update_time),
        )
        over = and_(
            transactions.over_time <= now - delay,
            or_(checks.ask_time.is_(None), checks.ask_time < transactions.over_time),
        )
        conditions = [reconnected, booted, over]
        if silence is not None:
            conditions.append(and_(transactions.update_time < now - silence, last_news < now - silence))
        rows = await self._session.execute(
            select(
                *(_TRANSACTIONS.c[name] for name in _KEY),
                or_(reconnected, booted).label("is_back"),
                transactions.over_time,
            )
            .select_from(_TRANSACTIONS)
            .join(SESSIONS, _same_station())
            .outerjoin(_CHECKS, _same_transaction())
            .where(
                transactions.end_time.is_(None),
                transactions.closed_time.is_(None),
                # Versions without numbers have no such question either.
                transactions.unnumbered.is_(False),
                connections.is_open.is_(True),
                checks.due_time.is_(None),
                or_(*conditions),
            )
            .limit(limit)
        )
        return {
            (row.tenant_id, row.station_id, row.transaction_id): pb.TransactionCheck.REASON_BACK
            if row.is_back
            else pb.TransactionCheck.REASON_OVER
            if row.over_time is not None
            else pb.TransactionCheck.REASON_SILENT
            for row in rows
        }

    async def is_any_due(self, now: datetime) -> bool:
        """Return whether a check of a connected station is due."""
        return (await self._session.execute(_due(now).limit(1))).first() is not None

    async def claim(self, now: datetime, limit: int) -> list[Question]:
        """Claim due questions for this core, and schedule their next try in case they are not answered.

        Questions that became unnecessary meanwhile are dropped.
        """
        query = _due(now).order_by(_CHECKS.c.due_time).limit(limit)
        rows = (await self._session.execute(database_of(self._session).claim(query, of=_CHECKS))).all()
        if not rows:
            return []
        changes, questions = [], []
        for row in rows:
            is_needed = _is_needed(row)
            asks = row.asks + 1 if is_needed else row.asks
            again = is_needed and asks < MOST_ASKS
            changes.append(
                {
                    **{f"b_{name}": getattr(row, name) for name in _KEY},
                    "b_asks": asks,
                    "b_ask_time": now if is_needed else row.ask_time,
                    "b_due_time": now + FIRST_RETRY * 2 ** (asks - 1) if again else None,
                }
            )
            if is_needed:
                questions.append(Question(row.tenant_id, row.station_id, row.transaction_id, row.reason))
        await (await self._session.connection()).execute(
            update(_CHECKS)
            .where(*(_CHECKS.c[name] == bindparam(f"b_{name}") for name in _KEY))
            .values(asks=bindparam("b_asks"), ask_time=bindparam("b_ask_time"), due_time=bindparam("b_due_time")),
            changes,
        )
        return questions

    async def answered(
        self, key: CheckKey, ongoing: bool | None, messages_in_queue: bool, now: datetime
    ) -> Row[Any] | None:
        """Store a station's answer on a transaction, and return the transaction; None if it does not exist.

        It is asked again only if messages are queued.
        """
        transaction = await self._find_transaction(key)
        if transaction is None:
            return None
        answer = {
            "answer_time": now,
            "ongoing": ongoing,
            "messages_in_queue": messages_in_queue,
            "problem": "",
        }
        again = now + FIRST_RETRY if messages_in_queue and _is_needed(transaction) else None
        row = {
            **dict(zip(_KEY, key, strict=True)),
            "reason": pb.TransactionCheck.REASON_REQUESTED,
            "asks": 1,
            "ask_time": now,
            "due_time": again,
            **answer,
        }
        if await _ADD.fetch_mappings(self._session, [row]):
            return transaction
        due_time: Any = null()
        if again is not None:
            later = func.coalesce(_CHECKS.c.due_time, literal(again, _CHECKS.c.due_time.type))
            due_time = case((_CHECKS.c.asks < MOST_ASKS, later), else_=None)
        await self._session.execute(update(_CHECKS).where(*_is(_CHECKS, key)).values(**answer, due_time=due_time))
        return transaction

    async def failed(self, key: CheckKey, problem: str, due_time: datetime | None, *, counts: bool) -> None:
        """Store why a question was not answered.

        Args:
            key: The transaction.
            problem: The reason.
            due_time: Earliest time of the next question. None: there is none.
            counts: False if the question was never sent, so that it does not count.
        """
        values: dict[str, Any] = {"problem": problem[:255]}
        if due_time is None:
            values["due_time"] = None
        elif not counts:
            values |= {"due_time": due_time, "asks": case((_CHECKS.c.asks > 0, _CHECKS.c.asks - 1), else_=0)}
        await self._session.execute(update(_CHECKS).where(*_is(_CHECKS, key)).values(**values))

    async def goes_on(self, key: CheckKey) -> None:
        """Clear the marks that a transaction is orphaned, or proven to be over."""
        await self._session.execute(
            update(_TRANSACTIONS)
            .where(*_is(_TRANSACTIONS, key))
            .values(orphaned=False, over_time=None, settle_due_time=None)
        )

    async def _find_transaction(self, key: CheckKey) -> Row[Any] | None:
        query = select(_TRANSACTIONS).where(*_is(_TRANSACTIONS, key)).with_for_update()
        return (await self._session.execute(query)).one_or_none()


def _due(now: datetime) -> Select[Any]:
    columns = ("end_time", "closed_time", "start_time", "seq_nos", "first_seq_no", "last_seq_no", "unnumbered")
    return (
        select(_CHECKS, *(_TRANSACTIONS.c[name] for name in columns))
        .select_from(_CHECKS)
        .join(_TRANSACTIONS, _same_transaction())
        .join(SESSIONS, _same_station())
        .where(_CHECKS.c.due_time <= now, SESSIONS.c.is_open.is_(True))
    )


def _is_needed(row: Row[Any]) -> bool:
    """Return whether more events of a transaction can still arrive."""
    if row.end_time is None and row.closed_time is None:
        return True
    if row.unnumbered:
        return False
    return row.start_time is None or bool(row.seq_nos <= row.last_seq_no - row.first_seq_no)


def _same_transaction() -> Any:
    return and_(*(_CHECKS.c[name] == _TRANSACTIONS.c[name] for name in _KEY))


def _same_station() -> Any:
    return and_(*(SESSIONS.c[name] == _TRANSACTIONS.c[name] for name in ("tenant_id", "station_id")))


def _is(table: Any, key: CheckKey) -> Sequence[Any]:
    return [table.c[name] == value for name, value in zip(_KEY, key, strict=True)]
