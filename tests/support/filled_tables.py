"""Tables of PostgreSQL with rows of others, so many that a query which reads all of them is seen in its plan."""

from collections.abc import Collection, Iterable

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db.tables import metadata

__all__ = ["ROWS", "fill"]

ROWS = 5_000

_FIRST = 10
"""Number of the first row: tests call their own stations by lower ones."""


async def fill(engine: AsyncEngine, names: Collection[str]) -> None:
    """Write rows of as many other stations into each table, beside those that there are, and count them (ANALYZE)."""
    tables = [table for table in metadata().sorted_tables if table.name in names]
    async with engine.begin() as connection:
        # Rows of anything refer to nothing.
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in _inserts(tables):
            await connection.execute(text(statement.replace("::", "\\:\\:")))
    async with engine.begin() as connection:
        for table in tables:
            await connection.execute(text(f"ANALYZE {table.name}"))


def _inserts(tables: Iterable[Table]) -> Iterable[str]:
    for table in tables:
        needed = [one.name for one in table.c if not one.nullable and one.server_default is None]
        rows = f"SELECT {', '.join(_value(table, one) for one in needed)}"
        numbers = f"generate_series({_FIRST}, {ROWS + _FIRST - 1}) AS n"
        yield f"INSERT INTO {table.name} ({', '.join(needed)}) {rows} FROM {numbers} ON CONFLICT DO NOTHING"


def _value(table: Table, name: str) -> str:
    if name == "tenant_id":
        return "'default'"
    kind = table.c[name].type
    match str(kind.compile()).split("(")[0].split(" ")[0]:
        case "DATETIME" | "TIMESTAMP":
            return "now()"
        case "BOOLEAN":
            return "true"
        case "BLOB" | "BYTEA":
            return "''::bytea"
        case "VARCHAR" | "TEXT":
            return f"left('CS-' || n, {getattr(kind, 'length', None) or 100})"
        case _:
            return "n"
