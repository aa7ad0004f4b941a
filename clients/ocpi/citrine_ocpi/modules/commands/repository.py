"""What is asked of the table of commands, and written to it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.db.inserts import insert_missing
from citrine_ocpi.modules.commands.tables import CommandRow

__all__ = ["RETENTION", "CommandRepository"]

RETENTION = timedelta(days=2)
"""How long a repetition of a request is known as one."""


class CommandRepository:
    """The table of commands within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: dict[str, Any], now: datetime) -> bool:
        """Store a command, and remove old ones. Return False if it is a repetition.

        One that says the same as an earlier one, whose result is known, takes its place: it came by another request.
        """
        await self.remove_old(now)
        done = _same(row["partner_id"], row["digest"])
        other = (CommandRow.due_time.is_(None), CommandRow.request_id != row["request_id"])
        await self._session.execute(delete(CommandRow).where(*done, *other))
        return bool(await insert_missing(self._session, CommandRow, [row], [CommandRow.command_id]))

    async def remove_old(self, now: datetime) -> None:
        """Remove what is of no use any more."""
        await self._session.execute(delete(CommandRow).where(CommandRow.create_time < now - RETENTION))

    async def remove_of_partner(self, partner_id: str) -> None:
        """Remove all that a partner wanted."""
        await self._session.execute(delete(CommandRow).where(CommandRow.partner_id == partner_id))

    async def is_known(self, partner_id: str, digest: str, request_id: str) -> bool:
        """Return whether a command is a repetition.

        It is one while the same command has no result yet, or where it is the very same request: a driver may want
        the same again as soon as the station has answered.
        """
        repeated = or_(CommandRow.due_time.is_not(None), CommandRow.request_id == request_id)
        query = select(CommandRow.command_id).where(*_same(partner_id, digest), repeated)
        return await self._session.scalar(query) is not None

    async def waiting(self, partner_id: str, commands: Collection[str]) -> Sequence[CommandRow]:
        """Return commands of a partner whose result is not known yet."""
        own = (CommandRow.partner_id == partner_id, CommandRow.command.in_(commands), CommandRow.due_time.is_not(None))
        return (await self._session.scalars(select(CommandRow).where(*own))).all()

    async def was_sent(self, partner_id: str, command: str, place: Mapping[str, Any], since: datetime) -> bool:
        """Return whether a partner wanted something since a time.

        Args:
            partner_id: Of the partner.
            command: What it is stored as.
            place: What its target names, among others.
            since: The time.
        """
        own = (CommandRow.partner_id == partner_id, CommandRow.command == command, CommandRow.create_time >= since)
        rows = await self._session.scalars(select(CommandRow.target).where(*own))
        return any(place.items() <= {**target}.items() for target in rows)

    async def claim(
        self, commands: Collection[str], now: datetime, until: datetime, limit: int
    ) -> Sequence[CommandRow]:
        """Return commands that are to be sent, and let nobody else send them until a time."""
        due = select(CommandRow).where(CommandRow.due_time <= now, CommandRow.command.in_(commands))
        due = due.order_by(CommandRow.due_time).limit(limit)
        rows = (await self._session.scalars(due.with_for_update(skip_locked=True))).all()
        for row in rows:
            row.due_time = until
        return rows

    async def put_off(self, command_id: int, until: datetime) -> None:
        """Have a command sent again at a time, unless its result is known."""
        open_one = (CommandRow.command_id == command_id, CommandRow.due_time.is_not(None))
        await self._session.execute(update(CommandRow).where(*open_one).values(due_time=until))

    async def end(self, command_id: int) -> bool:
        """Store that the result of a command is known. Return False if it was before."""
        open_one = (CommandRow.command_id == command_id, CommandRow.due_time.is_not(None))
        result = await self._session.execute(update(CommandRow).where(*open_one).values(due_time=None))
        return bool(getattr(result, "rowcount", 0))


def _same(partner_id: str, digest: str) -> tuple[ColumnElement[bool], ...]:
    return CommandRow.partner_id == partner_id, CommandRow.digest == digest
