"""What is an outage of the database, judged where the driver raises.

What a handler raises is the handler's, whatever its class: a TimeoutError of its own says nothing of the database. So
errors become :exc:`DatabaseUnavailable` on their way out of the driver, and nowhere else.

An error that says something of the item's own values (it does not fit, it breaks a constraint) is no outage. All
others are: a full disk, no memory, no connection left, a server that only reads, conflicts of transactions.
"""

import sqlite3
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from citrine_core.errors import DatabaseUnavailable

__all__ = ["is_outage", "judge_errors"]

_OF_VALUES = ("0A", "0B", "21", "22", "23", "24", "25", "2B", "2D", "42", "44", "54", "P0")
"""Classes of SQLSTATE that say something of the statement and its values: they fail the same way next time."""

_OF_SERVER = ("25006", "25P03", "25P04", "42501")
"""What in those classes says something of the server after all: it only reads (failover), it ended a transaction that
stood still, it took away our rights."""

_OF_VALUES_SQLITE = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_RANGE,
    }
)


def judge_errors(engine: Engine) -> None:
    """Have outages leave the driver of an engine as DatabaseUnavailable, caused by what the driver raised."""
    if not event.contains(engine, "handle_error", _on_error):
        event.listen(engine, "handle_error", _on_error)
        event.listen(engine, "do_connect", _connect)


def is_outage(error: BaseException) -> bool:
    """Return whether what a driver raised says that the database failed, and not the statement.

    Only for what comes straight from the driver, as it is or wrapped by SQLAlchemy.
    """
    if isinstance(error, DatabaseUnavailable | PoolTimeout):
        return True
    raised: BaseException | None = error
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        raised = error.orig
    if isinstance(raised, sqlite3.Error):
        return _is_outage_of_sqlite(raised)
    cause = raised.__cause__ if raised is not None and raised.__cause__ is not None else raised
    state = getattr(raised, "sqlstate", None) or getattr(cause, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_OF_SERVER) or not str(state).startswith(_OF_VALUES)
    if isinstance(cause, OSError | EOFError | MemoryError):
        return True
    # The driver refuses values that don't fit with errors that are ValueErrors, too; the rest says that the
    # connection is of no use.
    return _is_of_driver(raised) and not isinstance(cause, ValueError | TypeError | ArithmeticError | LookupError)


def _is_outage_of_sqlite(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        # The lower byte is the kind, the rest a detail.
        return code & 0xFF not in _OF_VALUES_SQLITE
    # Raised by Python: the connection is closed, or a value is of no kind that can be stored.
    return isinstance(error, sqlite3.OperationalError) or "closed" in str(error)


def _is_of_driver(error: BaseException | None) -> bool:
    return type(error).__module__.partition(".")[0] in ("asyncpg", "sqlalchemy")


def _on_error(context: ExceptionContext) -> BaseException | None:
    error = context.original_exception
    # A task that is cancelled in the middle of a statement: nothing failed.
    if not isinstance(error, Exception):
        return None
    return DatabaseUnavailable() if context.is_disconnect or is_outage(error) else None


def _connect(dialect: Any, record: object, arguments: Any, options: Any) -> Any:
    """Connect. Whatever goes wrong with that, it is not the fault of who needs the connection."""
    try:
        return dialect.connect(*arguments, **options)
    except Exception as error:
        raise DatabaseUnavailable from error
