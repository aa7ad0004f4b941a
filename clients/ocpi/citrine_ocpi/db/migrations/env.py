"""What Alembic runs: migrations on the connection that `citrine_ocpi.db.upgrade` opened."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from citrine_ocpi.db.base import Table, UtcDateTime

__all__ = ["compare_options"]


def compare_options() -> dict[str, Any]:
    """Return how the tables of a database are compared with those of the code."""
    return {
        "target_metadata": Table.metadata,
        "compare_type": True,
        "compare_server_default": True,
        "render_item": _render_item,
        # The engine begins transactions itself, so that SQLite rolls back what a failed migration created.
        "transactional_ddl": True,
    }


def _render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


# Alembic runs this file under that name; whoever only imports it wants nothing to happen.
if __name__ == "env_py":
    context.configure(connection=context.config.attributes["connection"], **compare_options())
    with context.begin_transaction():
        context.run_migrations()
