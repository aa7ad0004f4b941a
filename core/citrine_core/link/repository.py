"""Queries of the link: the write probe."""

import random
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db.bulk import BulkInsert
from citrine_core.events import OutboxRepository
from citrine_core.link.models import Probe

__all__ = ["write_probe"]

_ADD = BulkInsert(Probe.metadata.tables[Probe.__tablename__], ("id", "probe_time"))


async def write_probe(session: AsyncSession, now: datetime) -> None:
    """Write what a message writes, and remove it, so that the commit shows whether the database can commit.

    Each probe has a row of its own: a core that stands still with one must not have the probes of others wait.
    """
    probe_id = random.randrange(1, 2**31)
    await _ADD.execute(session, [(probe_id, now)])
    await OutboxRepository(session).rehearse(now)
    await session.execute(delete(Probe).where(Probe.id == probe_id))
