"""Queries of the dispatcher."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Database, UnitOfWork, database_of
from citrine_core.db.bulk import BulkInsert, BulkUpdate
from citrine_core.db.direct_query import DirectQuery
from citrine_core.db.one_of import one_of, one_of_packed, pack
from citrine_core.dispatch.models import AnsweredCall, HandledMessage

__all__ = [
    "AnsweredCalls",
    "CallKey",
    "HandledMessages",
    "NewestCall",
    "find_handled",
    "forget_answered_call",
]

Key = tuple[str, str]
"""Station and digest of the business key."""

_ADD = BulkInsert(
    HandledMessage.metadata.tables["handled_messages"], ("tenant_id", "station_id", "digest", "reply", "handle_time")
)


_HANDLED = HandledMessage.metadata.tables["handled_messages"].c
_FIND_HANDLED = select(_HANDLED.station_id, _HANDLED.digest, _HANDLED.reply).where(
    _HANDLED.tenant_id == bindparam("tenant_id"),
    one_of_packed((_HANDLED.station_id, _HANDLED.digest), "keys"),
)


def find_handled(database: Database) -> Select[Any]:
    """Return the query for stored replies, with the parameters `tenant_id` and `keys`."""
    return _FIND_HANDLED


_HANDLED_ONES = DirectQuery(find_handled)


class HandledMessages:
    """Replies to deduplicated messages, by business key."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(
        self, tenant_id: str, keys: Collection[Key], rows: Iterable[Sequence[Any]] | None = None
    ) -> dict[Key, bytes]:
        """Return the stored replies of these messages.

        Args:
            tenant_id: Tenant of the stations.
            keys: Keys of the messages.
            rows: Result of `find_handled` in this transaction, for these keys among others. None: it was not executed.
        """
        if rows is None:
            rows = await _HANDLED_ONES.fetch(self._session, {"tenant_id": tenant_id, "keys": pack(keys)})
        return {(station_id, digest): bytes(reply) for station_id, digest, reply in rows}

    async def add_all(self, tenant_id: str, replies: Mapping[Key, bytes], handle_time: datetime) -> None:
        """Store replies to what was not handled before.

        Raises:
            IntegrityError: When another core handled one of the messages meanwhile. The caller must roll back, or
                the message would have its effect twice. The next try finds the reply of the other core.
        """
        # Sorted, so that two cores can't deadlock.
        rows = [(tenant_id, *key, reply, handle_time) for key, reply in sorted(replies.items())]
        await _ADD.execute(self._session, rows)

    async def remove_before(self, time: datetime, limit: int) -> bool:
        """Delete at most so many old replies; return False if there were none."""
        table = HandledMessage.metadata.tables["handled_messages"]
        key = table.primary_key.columns
        old = select(*key).where(table.c.handle_time < time).limit(limit)
        result = await (await self._session.connection()).execute(delete(table).where(tuple_(*key).in_(old)))
        return result.rowcount > 0


class CallKey(NamedTuple):
    """Identity of a call, given by its edge."""

    tenant_id: str
    station_id: str
    epoch: int
    call_id: int

    @property
    def station(self) -> tuple[str, str]:
        """Tenant and station, the key of the row."""
        return (self.tenant_id, self.station_id)


class NewestCall(NamedTuple):
    """The newest call of a station."""

    key: CallKey
    answer: bytes | None
    """citrine.edge.v1.Downstream. None: the response of its action in which nothing is set."""


class AnsweredCalls:
    """The newest call of each station, with its answer."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim_all(self, calls: Collection[CallKey]) -> set[tuple[str, str]]:
        """Store calls, at most one per station; return the stations whose call was not stored before.

        Waits for transactions of other cores that claimed a call of one of the stations, and sees what they committed.
        All rows stay locked until the transaction ends, whether the call was stored before or not.
        """
        connection = await self._session.connection()
        # Sorted, so that two cores can't deadlock.
        packed = pack(tuple(call) for call in sorted(calls))
        rows: Sequence[Any] = (await connection.exec_driver_sql(_claim(database_of(connection)), (packed,))).all()
        return {(tenant_id, station_id) for tenant_id, station_id in rows}

    async def find_all(self, stations: Collection[tuple[str, str]]) -> dict[tuple[str, str], NewestCall]:
        """Return the newest calls of stations, by tenant and station."""
        table = AnsweredCall.__table__.c
        rows = await (await self._session.connection()).execute(
            select(table.tenant_id, table.station_id, table.epoch, table.call_id, table.answer).where(
                one_of((table.tenant_id, table.station_id), stations)
            )
        )
        newest = {}
        for tenant_id, station_id, epoch, call_id, answer in rows:
            key = CallKey(tenant_id, station_id, epoch, call_id)
            newest[key.station] = NewestCall(key, None if answer is None else bytes(answer))
        return newest

    async def store_answers(self, answers: Mapping[tuple[str, str], bytes]) -> None:
        """Store the answers to calls that this transaction claimed, by tenant and station."""
        await _ANSWER.execute(self._session, [(answer, *station) for station, answer in sorted(answers.items())])


_ANSWER = BulkUpdate(AnsweredCall.metadata.tables["answered_calls"], ("answer",), ("tenant_id", "station_id"))


@cache
def _claim(database: Database) -> str:
    # The calls are one parameter, so that the statement is the same for any number of them.
    return f"""
        INSERT INTO answered_calls (tenant_id, station_id, epoch, call_id)
        {database.select_keys(("text", "text", "bigint", "bigint"), database.first_parameter)}
        ON CONFLICT (tenant_id, station_id)
        DO UPDATE SET epoch = excluded.epoch, call_id = excluded.call_id, answer = NULL
        WHERE (excluded.epoch, excluded.call_id) > (answered_calls.epoch, answered_calls.call_id)
        RETURNING tenant_id, station_id
    """


async def forget_answered_call(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the newest call of a station."""
    await work.session.execute(
        delete(AnsweredCall).where(AnsweredCall.tenant_id == tenant_id, AnsweredCall.station_id == station_id)
    )
