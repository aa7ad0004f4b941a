"""Queries about remote starts for other packages."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.remote_control_pb2 import REMOTE_START_STATE_ACCEPTED
from citrine_core.blocks.remote_control.models import RemoteStart
from citrine_core.resources.tokens import lookup_of

__all__ = ["has_accepted_of"]

_TABLE = RemoteStart.__table__.c


async def has_accepted_of(session: AsyncSession, tenant_id: str, lookups: Collection[str], since: datetime) -> bool:
    """Return whether a station that accepted one of some tokens since a time may still begin its transaction."""
    accepted = _TABLE.tenant_id == tenant_id, _TABLE.state == int(REMOTE_START_STATE_ACCEPTED)
    query = select(_TABLE.id_token, _TABLE.id_token_type).where(*accepted, _TABLE.create_time > since)
    return any(lookup_of(row[0], row[1]) in lookups for row in await session.execute(query))
