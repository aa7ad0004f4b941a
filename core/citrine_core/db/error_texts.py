"""Errors of the drivers without the values of statements: they are logged, and values may be secrets.

SQLite names no values. PostgreSQL names them in the detail ("Key (id)=(...) already exists"), and it and asyncpg quote
what can't be converted.
"""

import re
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

__all__ = ["conceal_values", "conceal_values_of"]

_VALUES = re.compile(r"\nDETAIL: .*|(?<=argument )(\$\d+[^:]*): .*|: \".*", re.DOTALL)
"""What follows in the text of an error and may be a value."""


def conceal_values_of(engine: Engine) -> None:
    """Have the errors of an engine lose their values before anybody sees them."""
    if not event.contains(engine, "handle_error", _on_error):
        event.listen(engine, "handle_error", _on_error)


def conceal_values(error: BaseException | None) -> None:
    """Remove values from the text of an error, and from those that caused it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        # SQLAlchemy's own errors have a list there, for hints.
        if isinstance(getattr(error, "detail", None), str):
            error.detail = None  # type: ignore[attr-defined]  # of PostgreSQL's errors
        shown = tuple(_VALUES.sub(r"\1", one) if isinstance(one, str) else one for one in error.args)
        if shown != error.args:
            error.args = shown
        if type(error).__module__.startswith("asyncpg.") and isinstance(error, ValueError):
            # Its cause is the conversion of a value, which names it as well.
            error.__cause__ = error.__context__ = None
        error = error.__cause__ or getattr(error, "orig", None)


def _on_error(context: ExceptionContext) -> Any:
    conceal_values(context.original_exception)
    conceal_values(context.sqlalchemy_exception)
