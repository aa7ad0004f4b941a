"""Ids of tokens are the same with separators between their bytes and without; reservations are asked for again."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from alembic import op

from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0018"
down_revision = "0017"

_TYPES = ("iso14443", "iso15693", "macaddress")
_SEPARATORS = ":-. "

_TOKENS = ("tokens", ("tenant_id",), "lookup", "type")
_LISTS = ("local_list_entries", ("tenant_id", "station_id"), "lookup", "type")
_OTHERS = (
    ("transactions", "id_token_lookup", "id_token_type"),
    ("tariff_assignments", "id_token_lookup", "id_token_type"),
)


def upgrade() -> None:
    """Compare by the bytes alone, what is stored too."""
    with op.batch_alter_table("authorization_settings") as settings:
        settings.add_column(sa.Column("exact_token_ids", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("reservations") as reservations:
        reservations.add_column(sa.Column("resends", sa.SmallInteger(), nullable=False, server_default="0"))
    for name, lookup, kind in _OTHERS:
        table = _table(name, lookup, kind)
        op.execute(
            table.update()
            .where(_is_of_bytes(table.c[kind]), _has_separator(table.c[lookup]))
            .values({lookup: _compact(table.c[lookup])})
        )
    for name, owner, lookup, kind in (_TOKENS, _LISTS):
        _compact_keys(name, owner, lookup, kind)
    _change_reservations(compact=True)


def downgrade() -> None:
    """Compare as the older version does: by what was written, in lower case."""
    for name, lookup, kind in (*_OTHERS, *((name, lookup, kind) for name, _, lookup, kind in (_TOKENS, _LISTS))):
        table = _table(name, lookup, kind, "id_token")
        op.execute(
            table.update()
            .where(_is_of_bytes(table.c[kind]), _has_separator(table.c.id_token))
            .values({lookup: sa.func.lower(table.c.id_token)})
        )
    _change_reservations(compact=False)
    with op.batch_alter_table("reservations") as reservations:
        reservations.drop_column("resends")
    with op.batch_alter_table("authorization_settings") as settings:
        settings.drop_column("exact_token_ids")


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column, sa.String()) for column in columns))


def _is_of_bytes(kind: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.func.lower(kind).in_(_TYPES)


def _has_separator(text: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.or_(*(text.contains(each, autoescape=True) for each in _SEPARATORS))


def _compact(text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Return a text without separators; one of separators alone stays."""
    stripped = text
    for each in _SEPARATORS:
        stripped = sa.func.replace(stripped, each, "")
    return sa.case((stripped == "", text), else_=stripped)


def _compact_keys(name: str, owner: Sequence[str], lookup: str, kind: str) -> None:
    """Change the keys of rows; where one of the same bytes is there already, the row stays as it is."""
    bind = op.get_bind()
    table = _table(name, *owner, lookup, kind)
    key = (*owner, lookup, kind)
    of_bytes = _is_of_bytes(table.c[kind])
    rows = bind.execute(
        sa.select(*(table.c[each] for each in key)).where(of_bytes, _has_separator(table.c[lookup])).order_by(*key)
    ).all()
    for row in rows:
        values = row._asdict()
        wanted = {**values, lookup: values[lookup].translate(str.maketrans("", "", _SEPARATORS))}
        taken = bind.scalar(sa.select(sa.func.count()).select_from(table).where(*_equal(table, wanted.items())))
        if wanted[lookup] and not taken:
            bind.execute(table.update().where(*_equal(table, values.items())).values({lookup: wanted[lookup]}))


def _equal(table: sa.TableClause, values: Iterable[tuple[str, str]]) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in values]


def _change_reservations(*, compact: bool) -> None:
    """Change what finds reservations; of their tokens type and spelling are within the request."""
    bind = op.get_bind()
    table = sa.table(
        "reservations",
        sa.column("id", sa.BigInteger()),
        sa.column("id_token_lookup", sa.String()),
        sa.column("request", sa.LargeBinary()),
    )
    for number, lookup, request in bind.execute(sa.select(table)).all():
        token = ReserveNowRequest.FromString(request).id_token
        spelled = token.id_token.lower() if token.id_token.isascii() else token.id_token
        wanted = (spelled.translate(str.maketrans("", "", _SEPARATORS)) or spelled) if compact else spelled
        if token.type.lower() in _TYPES and wanted != lookup:
            bind.execute(table.update().where(table.c.id == number).values(id_token_lookup=wanted))
