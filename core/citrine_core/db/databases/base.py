"""The interface to what differs between the databases."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import Column, Connection, Dialect, FromClause, Select, Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db.databases.change_times import ChangeTimes
from citrine_core.db.databases.order import OutboxOrder
from citrine_core.db.notices import Notices

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    from citrine_core.db.direct import Direct

__all__ = ["Database", "Insert", "LockedQuery", "QueryT", "selected"]

QueryT = TypeVar("QueryT", bound=Select[Any])

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"


class Database(ABC):
    """One kind of database."""

    has_one_writer: bool
    """Whether a transaction that writes excludes all others from its start: then there is nothing to lock."""

    has_partitions: bool
    """Whether tables that grow without end are partitioned by time."""

    builds_indexes_late: bool
    """Whether a table can be written while an index of it is built, outside of a transaction."""

    lanes: int
    """Batches that are worth handling at the same time."""

    row_address: str
    """Expression for the address of a row, which every table has."""

    first_parameter: str
    """The first parameter of a statement of the driver."""

    outbox_order: OutboxOrder
    """How far the outbox may be read."""

    change_times: ChangeTimes
    """Which time changes have, and up to which time they may be read."""

    to_time: Callable[[datetime | None], Any] | None
    """What binds a time in UTC as the driver expects it; None: as SQLAlchemy's own type does."""

    from_time: Callable[[Any], datetime | None] | None
    """What makes a time of what the driver returns; None: as SQLAlchemy's own type does."""

    @abstractmethod
    def lock(self, query: QueryT, *order: Any) -> QueryT:
        """Have a query lock its rows until the commit, in an order.

        The order must be the same wherever rows of a table are locked, or two transactions can wait for each other.
        """

    @abstractmethod
    def claim(self, query: QueryT, of: FromClause | None = None) -> QueryT:
        """Have a query lock its rows until the commit, without those that others have locked.

        Args:
            query: A join, or of one table.
            of: The table whose rows are locked; None for all of the query.
        """

    @abstractmethod
    def insert(self, table: Table) -> Insert:
        """Return an INSERT that knows ON CONFLICT."""

    rows_at_once: int | None
    """Rows of one execution of a bulk statement; None: any number, with the same text."""

    @abstractmethod
    def values(self, columns: Sequence[Column[Any]], rows: int, dialect: Dialect, first: int = 1) -> str:
        """Return a table of values, with parameters of the driver.

        Args:
            columns: Columns of the table, which get the names column1, column2 and so on.
            rows: How many rows it has.
            dialect: Knows the types.
            first: Number of the first parameter.
        """

    @abstractmethod
    def parameters(self, columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Return the parameters of a table of values, of its values by column."""

    @abstractmethod
    def direct(self, connection: Connection) -> "Direct":
        """Return the driver's connection behind one of SQLAlchemy."""

    @abstractmethod
    def select_keys(self, kinds: Sequence[str], parameter: str, names: Sequence[str] = ()) -> str:
        """Return a SELECT of the keys that a parameter holds as JSON: a list of lists.

        Its estimate of their number is small, whatever it is, so that an index is used for the keys.

        Args:
            kinds: Types of the columns: `text`, `integer`, `bigint` or `timestamptz`.
            parameter: The parameter, as the statement writes it.
            names: Of the columns. Empty: they have none.
        """

    @abstractmethod
    def is_at(self, parameter: str) -> str:
        """Return the condition that a row is at one of the addresses that a parameter holds as JSON, in a list."""

    @abstractmethod
    def rehearsal(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Have what is written within the block go to the disk, although it is not committed."""

    @abstractmethod
    async def find_problem(self, engine: AsyncEngine) -> str | None:
        """Return why cores can't work with the connections of an engine; None: they can.

        Raises:
            DBAPIError: When the database refuses.
            OSError: When it can't be reached.
        """

    @abstractmethod
    async def limit_lock_waits(self, connection: AsyncConnection, seconds: float) -> None:
        """Have statements of the transaction wait for locks of others for so long at most."""

    @abstractmethod
    async def try_lock(self, connection: AsyncConnection, key: int) -> bool:
        """Lock a key until the end of the transaction; return False if another transaction has it."""

    @abstractmethod
    def notices(self, engine: AsyncEngine) -> Notices:
        """Return what notifies the cores on a database of one another's commits."""

    @abstractmethod
    async def lock_schema(self, connection: AsyncConnection, key: int) -> None:
        """Wait until no other transaction that locked the schema by this key is under way, and exclude others."""


class LockedQuery:
    """A query that is built once, and locks its rows where that means something.

    Args:
        query: Without order.
        order: Columns by which the rows are locked, everywhere the same.
    """

    def __init__(self, query: Select[Any], *order: Any) -> None:
        self._query = query
        self._order = order
        self._built: dict[Database, Select[Any]] = {}

    def on(self, database: Database) -> Select[Any]:
        """Return the query for a database."""
        built = self._built.get(database)
        if built is None:
            built = self._built[database] = database.lock(self._query, *self._order)
        return built


def selected(expressions: Sequence[str], names: Sequence[str]) -> str:
    """Return the list of a SELECT, with names where there are any."""
    if names:
        expressions = [f"{one} AS {name}" for one, name in zip(expressions, names, strict=True)]
    return ", ".join(expressions)
