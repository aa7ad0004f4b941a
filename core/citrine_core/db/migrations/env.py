"""What Alembic runs: migrations on the connection that `citrine_core.db.upgrade` opened, or on one of its own."""

import asyncio
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from citrine_core.db.base import UtcDateTime
from citrine_core.db.engine import create_engine
from citrine_core.db.partitions import is_partition
from citrine_core.db.tables import metadata, own_tables

__all__ = ["compare_options"]


def compare_options() -> dict[str, Any]:
    """Return how the tables of a database are compared with the models."""
    return {
        "target_metadata": metadata(),
        "compare_type": True,
        "compare_server_default": True,
        "include_object": _include_object,
        "render_item": _render_item,
        # Our engine begins transactions itself, so that SQLite rolls back what a failed migration created.
        "transactional_ddl": True,
    }


def _include_object(item: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    # Tables of plug-ins are no concern of ours, and partitions come and go.
    return kind != "table" or (name in own_tables() and not is_partition(name))


def _render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def _run(connection: Connection) -> None:
    done = context.config.attributes.get("step_done")
    context.configure(connection=connection, on_version_apply=done, **compare_options())
    with context.begin_transaction():
        context.run_migrations()


async def _run_alone() -> None:
    engine = create_engine(context.get_x_argument(as_dictionary=True)["database"], limited=False)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


# Alembic runs this file under that name; whoever only imports it wants nothing to happen.
if __name__ == "env_py":
    if "connection" in context.config.attributes:
        _run(context.config.attributes["connection"])
    else:
        asyncio.run(_run_alone())
