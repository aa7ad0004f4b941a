"""Detection of outages of the database, at the boundary of the driver.

An exception of a handler is not an outage, whatever its class: its own TimeoutError does not concern the database.
Errors therefore become :exc:`DatabaseUnavailable` when they leave the driver, and nowhere else.

An error about the item's own values (a value does not fit, a constraint is violated) is not an outage. All others are:
a full disk, no memory, no free connection, a read-only server, conflicts of transactions.
"""

import sqlite3
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from citrine_core.errors import DatabaseUnavailable

__all__ = ["is_deadlock", "is_lock_timeout", "is_outage", "judge_errors"]

_OF_VALUES = ("0A", "0B", "21", "22", "23", "24", "25", "2B", "2D", "42", "44", "54", "P0")
"""Classes of SQLSTATE about the statement and its values, which fail the same way next time."""

_OF_SERVER = ("25006", "25P03", "25P04", "42501")
"""Codes in those classes that are about the server after all: it is read-only (failover), it ended an idle
transaction, it revoked our rights."""

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
    """Make the driver of an engine raise outages as DatabaseUnavailable, with the original error as the cause."""
    if not event.contains(engine, "handle_error", _on_error):
        event.listen(engine, "handle_error", _on_error)
        event.listen(engine, "do_connect", _connect)


def is_outage(error: BaseException) -> bool:
    """Return whether an error of a driver means that the database failed, and not the statement.

    Only for errors straight from the driver, original or wrapped by SQLAlchemy.
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
    # The driver refuses unfit values with errors that are ValueErrors as well. The rest means that the
    # connection is unusable.
    return _is_of_driver(raised) and not isinstance(cause, ValueError | TypeError | ArithmeticError | LookupError)


def is_lock_timeout(error: DatabaseUnavailable) -> bool:
    """Return whether a statement waited for a lock for longer than it may."""
    return _state_of(error.__cause__) == "55P03"


def is_deadlock(error: DatabaseUnavailable | DBAPIError) -> bool:
    """Return whether a transaction was ended since it and another one waited for each other."""
    return _state_of(error.__cause__ if isinstance(error, DatabaseUnavailable) else error) == "40P01"


def _state_of(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", ""))


def _is_outage_of_sqlite(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        # The lower byte is the kind; the rest is a detail.
        return code & 0xFF not in _OF_VALUES_SQLITE
    # Raised by Python: the connection is closed, or the type of a value can't be stored.
    return isinstance(error, sqlite3.OperationalError) or "closed" in str(error)


def _is_of_driver(error: BaseException | None) -> bool:
    return type(error).__module__.partition(".")[0] in ("asyncpg", "sqlalchemy")


def _on_error(context: ExceptionContext) -> BaseException | None:
    error = context.original_exception
    # The task was cancelled during a statement. Nothing failed.
    if not isinstance(error, Exception):
        return None
    return DatabaseUnavailable() if context.is_disconnect or is_outage(error) else None


def _connect(dialect: Any, record: object, arguments: Any, options: Any) -> Any:
    """Connect. Any failure is an outage, and not the fault of the caller."""
    try:
        return dialect.connect(*arguments, **options)
    except Exception as error:
        raise DatabaseUnavailable from error
