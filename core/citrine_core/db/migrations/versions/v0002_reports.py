"""What stations answer in several messages: reports of every kind, with their state and their messages."""

from typing import Literal

import sqlalchemy as sa
from alembic import op
from alembic.operations.base import BatchOperations

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"

_KEYS = {
    "report_runs": ["tenant_id", "station_id", "request_id"],
    "report_parts": ["tenant_id", "station_id", "request_id", "seq_no"],
}


def upgrade() -> None:
    """Give reports a kind and a state, and retain their messages. Those that there are report device models."""
    for table, key in _KEYS.items():
        with op.batch_alter_table(table, recreate=_recreate()) as batch:
            batch.add_column(sa.Column("kind", sa.Integer(), nullable=False, server_default="1"))
            batch.drop_constraint(f"pk_{table}", type_="primary")
            batch.create_primary_key(f"pk_{table}", [*key[:2], "kind", *key[2:]])
            batch.alter_column("variables", new_column_name="items")
            if table == "report_runs":
                _add_run_columns(batch)
            else:
                batch.add_column(sa.Column("message", sa.LargeBinary(), nullable=True))
    op.execute(_STATES)
    with op.batch_alter_table("report_runs") as batch:
        for name in ("kind", "state", "status", "problem", "active_time"):
            batch.alter_column(name, server_default=None, nullable=False)
    with op.batch_alter_table("report_parts") as batch:
        batch.alter_column("kind", server_default=None)
    op.create_index(op.f("ix_report_runs_tenant_id_create_time"), "report_runs", ["tenant_id", "create_time"])
    op.create_index(op.f("ix_report_runs_state_active_time"), "report_runs", ["state", "active_time"])


def downgrade() -> None:
    """Forget reports of other kinds, and all messages."""
    op.drop_index(op.f("ix_report_runs_state_active_time"), "report_runs")
    op.drop_index(op.f("ix_report_runs_tenant_id_create_time"), "report_runs")
    for table, key in _KEYS.items():
        op.execute(f"DELETE FROM {table} WHERE kind <> 1")
        with op.batch_alter_table(table, recreate=_recreate()) as batch:
            batch.drop_constraint(f"pk_{table}", type_="primary")
            batch.create_primary_key(f"pk_{table}", key)
            batch.alter_column("items", new_column_name="variables")
            columns = ["message"]
            if table == "report_runs":
                columns = ["state", "status", "problem", "command_id", "answer_time", "finish_time", "active_time"]
            for name in ("kind", *columns):
                batch.drop_column(name)


def _recreate() -> Literal["always", "never"]:
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def _add_run_columns(batch: BatchOperations) -> None:
    batch.add_column(sa.Column("state", sa.Integer(), nullable=False, server_default="1"))
    batch.add_column(sa.Column("status", sa.String(length=50), nullable=False, server_default=""))
    batch.add_column(sa.Column("problem", sa.String(length=255), nullable=False, server_default=""))
    batch.add_column(sa.Column("command_id", sa.String(length=36), nullable=True))
    for name in ("answer_time", "finish_time", "active_time"):
        batch.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))


_STATES = """
UPDATE report_runs SET
    state = CASE
        WHEN last_seq_no IS NOT NULL AND parts = last_seq_no + 1 THEN 3
        WHEN last_seq_no IS NOT NULL THEN 4
        WHEN parts > 0 THEN 2
        ELSE 1
    END,
    answer_time = request_time,
    finish_time = CASE WHEN last_seq_no IS NOT NULL AND parts = last_seq_no + 1 THEN update_time END,
    active_time = COALESCE(update_time, request_time, create_time)
"""
