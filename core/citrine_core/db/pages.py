"""Keyset pagination: pages are read by key, never by offset; each token is bound to one request."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

import orjson
from sqlalchemy import BigInteger, Column, ColumnElement, Integer, Row, Select, TypeDecorator, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from citrine_core.db.base import Model
from citrine_core.errors import InvalidArgument

__all__ = ["Listed", "Page"]

KeyValue = str | int | datetime

KeyColumn: TypeAlias = InstrumentedAttribute[Any] | Column[Any]
"""A column by which a list is ordered: text, an integer or a time, and never NULL."""

Order: TypeAlias = KeyColumn | ColumnElement[Any]
"""The same, or an expression of one."""

Element = TypeVar("Element")
Elements = TypeVarTuple("Elements")

Listed: TypeAlias = tuple[Sequence[Element], str]
"""The rows of a page, and the token of the next one, which is empty on the last page."""

MOST_BYTES = 2_000_000
"""Most bytes of texts and contents in the rows of a page that has more than one: by default, clients of gRPC accept no
response of more than 4 MiB, and JSON is shown in up to twice its bytes."""

_ONE_WRONG = "is not a next_page_token of this request"


class Page:
    """One requested page of a list. It has fewer rows than requested where they are large (MOST_BYTES)."""

    def __init__(self, size: int, after: tuple[KeyValue, ...] | None = None, digest: str = "") -> None:
        self.size = size
        """Largest number of rows."""
        # Any: the types are those of the key, which the repository defines.
        self.after: tuple[Any, ...] | None = after
        """Key of the last row of the previous page. None on the first page."""
        self._digest = digest

    @classmethod
    def of_token(cls, token: str, size: int, digest: str) -> "Page":
        """Return the page of a token; the first page if the token is empty.

        Args:
            token: As made by `close`.
            size: Largest number of rows.
            digest: Digest that is the same for all pages of this list, and different for other lists.

        Raises:
            InvalidArgument: When the token is not of this list.
        """
        return cls(size, _unpack_all(token, digest) if token else None, digest)

    def behind(self, after: tuple[KeyValue, ...] | None) -> "Page":
        """Return this page with another start key."""
        return Page(self.size, after, self._digest)

    async def read(
        self,
        session: AsyncSession,
        query: Select[Element, *tuple[Any, ...]],
        *key: KeyColumn,
        descending: bool = False,
    ) -> Listed[Element]:
        """Return this page of a query of one entity.

        Args:
            session: The session to read by.
            query: The query, without an order.
            key: Columns by which the list is ordered, together unique.
            descending: Whether the largest key comes first.

        Raises:
            InvalidArgument: When the token has another number of values than the key.
        """
        rows = (await session.scalars(self.within(query, *key, descending=descending))).all()
        return self.close(rows, lambda row: tuple(getattr(row, column.key) for column in key))

    async def read_rows(
        self, session: AsyncSession, query: Select[*Elements], *key: KeyColumn, descending: bool = False
    ) -> Listed[Row[*Elements]]:
        """Return this page of a query of several entities or columns, as `read` does for one entity."""
        rows = (await session.execute(self.within(query, *key, descending=descending))).all()
        return self.close(rows, lambda row: tuple(_value(row, column) for column in key))

    def key(self, *columns: Order) -> tuple[Any, ...] | None:
        """Return the key of the last row of the previous page; None on the first page.

        Raises:
            InvalidArgument: When the token's values do not fit these columns.
        """
        after = self.after
        if after is not None and not (len(after) == len(columns) and all(map(_fits, columns, after))):
            raise InvalidArgument("page_token", _ONE_WRONG)
        return after

    def within(self, query: Select[*Elements], *key: Order, descending: bool = False) -> Select[*Elements]:
        """Return a query for the rows of this page, in order, with one more if there is a next page."""
        after = self.key(*key)
        if after is not None:
            place: ColumnElement[Any] = tuple_(*key) if len(key) > 1 else key[0].expression
            last = after if len(key) > 1 else after[0]
            query = query.where(place < last if descending else place > last)
        return query.order_by(*(column.desc() if descending else column for column in key)).limit(self.size + 1)

    def close(self, rows: Sequence[Element], key: Callable[[Element], tuple[KeyValue, ...]]) -> Listed[Element]:
        """Return the rows of the page and the next token, for a list that can't use `read`.

        Args:
            rows: The rows after `after`, in order. One more than `size` shows that there is a next page.
            key: Returns the key of a row, which becomes `after` of the next page.
        """
        size = min(self.size, _fitting(rows))
        if len(rows) <= size:
            return rows, ""
        shown = rows[:size]
        return shown, self.token(key(shown[-1]))

    def token(self, after: tuple[KeyValue, ...]) -> str:
        """Return the token of the page that begins behind a key."""
        content = orjson.dumps([self._digest, *map(_pack, after)])
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _fitting(rows: Sequence[Any]) -> int:
    """Return how many of the rows fit in a page; at least one."""
    total = 0
    for place, row in enumerate(rows):
        total += _bytes_of(row)
        if total > MOST_BYTES and place:
            return place
    return max(len(rows), 1)


def _bytes_of(value: object) -> int:
    """Return the size of the texts and contents of a row, an entity or a value."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, tuple | Row):
        return sum(map(_bytes_of, value))
    return sum(map(_bytes_of, vars(value).values())) if isinstance(value, Model) else 0


def _value(row: Row[*tuple[Any, ...]], column: KeyColumn) -> KeyValue:
    if isinstance(column, InstrumentedAttribute):
        for entity in row:
            if isinstance(entity, column.parent.class_):
                return getattr(entity, column.key)  # type: ignore[no-any-return]
    return row._mapping[column]  # type: ignore[no-any-return]


def _unpack_all(token: str, digest: str) -> tuple[KeyValue, ...]:
    try:
        content = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        if not isinstance(content, list) or len(content) < 2 or content[0] != digest:
            raise InvalidArgument("page_token", _ONE_WRONG)
        return tuple(_unpack(value) for value in content[1:])
    except (ValueError, OverflowError, binascii.Error) as error:
        raise InvalidArgument("page_token", _ONE_WRONG) from error


def _fits(column: Order, value: KeyValue) -> bool:
    """Return whether a value fits the type of a column."""
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if not isinstance(value, kind.python_type):
        return False
    # A number with too many bits is an error to the database, not merely a large one.
    is_short = isinstance(kind, Integer) and not isinstance(kind, BigInteger)
    return not is_short or not isinstance(value, int) or -(2**31) <= value < 2**31


def _pack(value: KeyValue) -> object:
    return {"time": value.astimezone(UTC).isoformat()} if isinstance(value, datetime) else value


def _unpack(value: object) -> KeyValue:
    match value:
        case str() if "\0" not in value:
            return value
        case bool():
            pass
        case int() if -(2**63) <= value < 2**63:
            return value
        case {"time": str(text)}:
            return datetime.fromisoformat(text).astimezone(UTC)
    raise ValueError("not a value of a key")
