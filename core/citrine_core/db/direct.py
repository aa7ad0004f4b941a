"""Statements that go straight to the driver, below SQLAlchemy, and those that wait for the next one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import greenlet_spawn

from citrine_core.db.error_texts import conceal_values
from citrine_core.db.outages import is_outage
from citrine_core.errors import DatabaseUnavailable

__all__ = ["Deferred", "Direct", "Parameters", "connection_of", "remember_connection"]

Parameters = Sequence[Any]
"""Parameters of a statement, by position, as the driver expects them."""


class Deferred(Protocol):
    """A statement that may be executed together with others."""

    @property
    def table_name(self) -> str:
        """The one table that it reads and writes."""
        ...

    @property
    def width(self) -> int:
        """Parameters of one row."""
        ...

    def text(self, connection: Connection, rows: int, first: int = 1) -> str:
        """Return the text for so many rows, whose first parameter has this number."""
        ...


class Direct(ABC):
    """The driver's connection behind one of SQLAlchemy, for the statements of the hot path.

    SQLAlchemy takes longer for a statement than a database for most of them, so these go around it. Its listeners for
    statements are called as ever.

    Invariants:

    - Deferred statements are executed in their order, before the next statement of the connection, whoever executes
      it, and before the commit. A rollback drops them.
    - An error of a deferred statement is raised by whatever executes it: the next statement, or the commit.
    - Errors are those that SQLAlchemy raises: DatabaseUnavailable for outages, else a DBAPIError.

    It belongs to the task that uses the connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: str, parameters: Parameters) -> Sequence[Sequence[Any]]:
        """Execute a statement and return all its rows."""
        self._announce(statement, parameters)
        try:
            rows = await self._fetch(statement, parameters)
        except BaseException as error:
            await self._fail(statement, error)
        for listener in self._connection.dispatch.after_cursor_execute:
            listener(self._connection, None, statement, parameters, None, False)
        return rows

    def defer(self, statement: Deferred, executions: Iterable[tuple[int, Parameters]]) -> None:
        """Have a statement executed with the next one.

        Args:
            statement: What to execute.
            executions: For each execution the number of rows, and all their parameters.
        """
        before = None
        for rows, parameters in executions:
            text = statement.text(self._connection, rows)
            if text != before:
                self._announce(text, parameters)
            self._defer(statement, text, parameters)
            before = text

    async def flush(self) -> None:
        """Execute the deferred statements now."""
        try:
            await self._flush()
        except BaseException as error:
            await self._fail("", error)

    @abstractmethod
    async def _fetch(self, statement: str, parameters: Parameters) -> Sequence[Sequence[Any]]:
        """Execute what was deferred, then the statement."""

    @abstractmethod
    def _defer(self, statement: Deferred, text: str, parameters: Parameters) -> None:
        """Store a statement with the driver's connection."""

    @abstractmethod
    async def _flush(self) -> None:
        """Execute what was deferred."""

    def _announce(self, statement: str, parameters: Parameters) -> None:
        for listener in self._connection.dispatch.before_cursor_execute:
            listener(self._connection, None, statement, parameters, None, False)

    async def _fail(self, statement: str, error: BaseException) -> NoReturn:
        """Raise what SQLAlchemy raises for an error of the driver."""
        if not isinstance(error, Exception):
            # Cancelled in the middle of a statement: nobody knows what the connection does.
            await greenlet_spawn(self._connection.invalidate)
            raise error
        dialect, dbapi_connection = self._connection.dialect, self._connection.connection.dbapi_connection
        known = _translated(dbapi_connection, error)
        conceal_values(known)
        if dialect.is_disconnect(known, dbapi_connection, None):  # type: ignore[arg-type]  # of an adapter
            await greenlet_spawn(self._connection.invalidate)
            raise DatabaseUnavailable from error
        if is_outage(known):
            raise DatabaseUnavailable from error
        raise DBAPIError.instance(
            statement or "deferred", None, known, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
        ) from error


def _translated(dbapi_connection: Any, error: Exception) -> Exception:
    """Return an error of the driver as the class that SQLAlchemy's adapter has for it."""
    try:
        dbapi_connection._handle_exception(error)
    except Exception as translated:
        return translated
    return error


_KEY = "citrine connection"


async def connection_of(session: AsyncSession) -> Connection:
    """Return the connection of a session's transaction, which is begun if need be."""
    found: Connection | None = session.info.get(_KEY)
    # A session begins a savepoint when it is asked for its connection within one.
    if found is None or session.in_nested_transaction():
        found = (await session.connection()).sync_connection
        assert found is not None
    return found


def remember_connection(session: AsyncSession, connection: Connection) -> None:
    """Say that a session will have no other connection: to ask it costs as much as some statements."""
    session.info[_KEY] = connection
