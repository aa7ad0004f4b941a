"""Queries into commands for other packages."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWER_REFUSED, COMMAND_STATE_ANSWERED
from citrine_core.db.one_of import one_of
from citrine_core.encryption import Cipher
from citrine_core.resources.commands.models import CommandRow
from citrine_core.resources.commands.repository import SECRETS

__all__ = [
    "CommandEndRow",
    "UnfinishedRow",
    "clear_payload",
    "find_answered",
    "find_ends",
    "find_requester",
    "find_states",
    "find_unfinished",
    "list_unfinished",
]

_TABLE = CommandRow.__table__.c


class CommandEndRow(NamedTuple):
    """How far a command is, or how it ended."""

    command_id: str
    state: int
    """citrine.api.v1.CommandState"""
    payload: str
    """JSON in OCPP spelling, secrets masked."""
    response: str | None
    """The station's answer, JSON in OCPP spelling."""
    error_code: str
    error_description: str
    finish_time: datetime | None
    """None: it has not ended."""
    cancel_time: datetime | None
    """When somebody cancelled it. None: nobody did."""


class UnfinishedRow(NamedTuple):
    """A command that waits for a station or its answer."""

    tenant_id: str
    station_id: str
    command_id: str
    payload: str
    """JSON in OCPP spelling, secrets masked."""
    secret_payload: str | None
    """JSON to send, encrypted, if it differs from `payload`."""


async def find_answered(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str], action: str, since: datetime, limit: int
) -> Sequence[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return station, request and answer, in OCPP spelling, of answered commands of an action, the latest first.

    Args:
        session: Session of the database.
        tenant_id: Tenant of the stations.
        station_ids: The stations.
        action: OCPP action, e.g. "RequestStartTransaction".
        since: Only commands that were made after this time.
        limit: At most this many.
    """
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.payload, _TABLE.response)
        .where(
            _TABLE.tenant_id == tenant_id,
            one_of(_TABLE.station_id, station_ids),
            _TABLE.action == action,
            # A violation of the schema elsewhere in the answer does not invalidate the status.
            or_(_TABLE.state == COMMAND_STATE_ANSWERED, _TABLE.state == COMMAND_STATE_ANSWER_REFUSED),
            _TABLE.create_time > since,
        )
        .order_by(_TABLE.command_id.desc())
        .limit(limit)
    )
    return [(row[0], orjson.loads(row[1]), orjson.loads(row[2] or "{}")) for row in rows]


async def find_ends(session: AsyncSession, tenant_id: str, command_ids: Collection[str]) -> dict[str, CommandEndRow]:
    """Return how far commands are, by id; without those that are not stored."""
    columns = [_TABLE[name] for name in CommandEndRow._fields]
    query = select(*columns).where(_TABLE.tenant_id == tenant_id, one_of(_TABLE.command_id, command_ids))
    return {row[0]: CommandEndRow(*row) for row in await session.execute(query)}


async def find_states(session: AsyncSession, tenant_id: str, command_ids: Collection[str]) -> dict[str, int]:
    """Return the states of commands by id; without those that are not stored."""
    query = select(_TABLE.command_id, _TABLE.state).where(
        _TABLE.tenant_id == tenant_id, one_of(_TABLE.command_id, command_ids)
    )
    return {row[0]: row[1] for row in await session.execute(query)}


async def find_requester(session: AsyncSession, tenant_id: str, command_id: str) -> str:
    """Return who asked for a command; empty if it is not stored any more."""
    query = select(_TABLE.requested_by).where(_TABLE.tenant_id == tenant_id, _TABLE.command_id == command_id)
    return await session.scalar(query) or ""


async def find_unfinished(
    session: AsyncSession, tenant_id: str, station_id: str, action: str
) -> Sequence[dict[str, Any]]:
    """Return the requests, in OCPP spelling, of commands of an action that wait for a station or its answer."""
    rows = await session.scalars(
        select(_TABLE.payload).where(
            _TABLE.tenant_id == tenant_id,
            _TABLE.station_id == station_id,
            _TABLE.action == action,
            _TABLE.finish_time.is_(None),
        )
    )
    return [orjson.loads(row) for row in rows]


async def list_unfinished(
    session: AsyncSession, tenant_id: str, after: tuple[str, str], limit: int
) -> Sequence[UnfinishedRow]:
    """Return commands that wait for a station or its answer, in the order of station and command, behind a key."""
    key = (_TABLE.station_id, _TABLE.command_id)
    query = select(*(_TABLE[name] for name in UnfinishedRow._fields))
    query = query.where(_TABLE.tenant_id == tenant_id, _TABLE.finish_time.is_(None), tuple_(*key) > after)
    return [UnfinishedRow(*row) for row in await session.execute(query.order_by(*key).limit(limit))]


async def clear_payload(row: UnfinishedRow, cipher: Cipher) -> str:
    """Return the request of a command, with what is secret in it, as JSON in OCPP spelling.

    Raises:
        SecretUnreadable: When it can't be decrypted.
    """
    if row.secret_payload is None:
        return row.payload
    return await cipher.decrypt(row.secret_payload, SECRETS.context(row.tenant_id, row.command_id))
