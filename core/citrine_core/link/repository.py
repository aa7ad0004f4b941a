"""Queries of the link: the write probe."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import upsert
from citrine_core.link.models import Probe

__all__ = ["write_probe"]


async def write_probe(session: AsyncSession, now: datetime) -> None:
    """Write something, so that its commit tells whether the database can commit."""
    await upsert(session, Probe.metadata.tables["probe"], [{"id": 1, "probe_time": now}], ("id",))
