"""What partners are not shown since OCPI can't say it: a bounded list for the operator."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, Text, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table
from citrine_ocpi.db.inserts import insert_missing

__all__ = ["MOST", "LeftOutRepository", "LeftOutRow", "Subject"]

MOST = 1000
"""Objects on the list: the oldest go first."""

LONGEST_NAME = 300
LONGEST_REASON = 500


@dataclass(frozen=True)
class Subject:
    """What is left out."""

    module: str
    """Of OCPI, whose object it would be."""
    name: str
    """What it would be made of, as "transaction/CS-1/T-1"."""


class LeftOutRow(Table):
    """An object that a partner is not shown, although it would be."""

    __tablename__ = "left_out"

    module: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), primary_key=True)
    partner_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Empty: it is shown to no partner."""
    reason: Mapped[str] = mapped_column(Text)
    first_time: Mapped[datetime]
    last_time: Mapped[datetime] = mapped_column(index=True)
    times: Mapped[int]
    """How often it was tried."""


class LeftOutRepository:
    """The table of what is left out, within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, subject: Subject, partner_id: str, reason: str, now: datetime) -> None:
        """Store that an object is left out, and why. Where there are too many, the oldest go."""
        key = {"module": subject.module, "name": subject.name[:LONGEST_NAME], "partner_id": partner_id}
        values = {"reason": reason[:LONGEST_REASON], "last_time": now}
        row = {**key, **values, "first_time": now, "times": 1}
        if await insert_missing(self._session, LeftOutRow, [row], [LeftOutRow.name]):
            await self._trim()
            return
        same = [getattr(LeftOutRow, name) == value for name, value in key.items()]
        await self._session.execute(update(LeftOutRow).where(*same).values(**values, times=LeftOutRow.times + 1))

    async def _trim(self) -> None:
        excess = (await self._session.scalar(select(func.count()).select_from(LeftOutRow)) or 0) - MOST
        if excess > 0:
            key = (LeftOutRow.module, LeftOutRow.name, LeftOutRow.partner_id)
            oldest = await self._session.execute(select(*key).order_by(LeftOutRow.last_time).limit(excess))
            gone = delete(LeftOutRow).where(tuple_(*key).in_([tuple(row) for row in oldest]))
            await self._session.execute(gone.execution_options(synchronize_session=False))

    async def subjects(self) -> set[Subject]:
        """Return all objects that are left out."""
        rows = await self._session.execute(select(LeftOutRow.module, LeftOutRow.name).distinct())
        return {Subject(module, name) for module, name in rows}

    async def remove(self, subject: Subject) -> None:
        """Store that an object is shown again to all who may see it."""
        same = (LeftOutRow.module == subject.module, LeftOutRow.name == subject.name[:LONGEST_NAME])
        await self._session.execute(delete(LeftOutRow).where(*same))

    async def remove_but(
        self, partner_id: str, module: str, names: Collection[str] | None, but: Collection[str]
    ) -> None:
        """Store that a partner is shown again what was left out for it.

        Args:
            partner_id: Of the partner.
            module: Whose objects are looked at.
            names: Those that are looked at. None: all.
            but: Those that are still left out.
        """
        gone = [LeftOutRow.partner_id == partner_id, LeftOutRow.module == module, LeftOutRow.name.not_in([*but])]
        if names is not None:
            gone.append(LeftOutRow.name.in_([*names]))
        await self._session.execute(delete(LeftOutRow).where(*gone))

    async def remove_before(self, time: datetime) -> None:
        """Remove what was left out last before a time."""
        await self._session.execute(delete(LeftOutRow).where(LeftOutRow.last_time < time))

    async def remove_of_partner(self, partner_id: str) -> None:
        """Remove what is left out for a partner alone."""
        await self._session.execute(delete(LeftOutRow).where(LeftOutRow.partner_id == partner_id))

    async def list_some(self, partner_id: str = "", module: str = "", limit: int = 0) -> Sequence[LeftOutRow]:
        """Return what is left out, the latest first.

        Args:
            partner_id: For this partner, alone or with all others. Empty: for any.
            module: Only of this one. Empty: of any.
            limit: At most so many. 0: all.
        """
        query = select(LeftOutRow).order_by(LeftOutRow.last_time.desc(), LeftOutRow.module, LeftOutRow.name)
        if partner_id:
            query = query.where(LeftOutRow.partner_id.in_(["", partner_id]))
        if module:
            query = query.where(LeftOutRow.module == module)
        return (await self._session.scalars(query.limit(limit) if limit else query)).all()
