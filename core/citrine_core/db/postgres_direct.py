"""Statements that go straight to asyncpg; those that were deferred go together, in one round trip."""

from collections.abc import Iterator, Sequence
from typing import Any

from asyncpg import Connection as AsyncpgConnection

from citrine_core.db.direct import Deferred, Direct, Parameters

__all__ = ["DeferringConnection", "PostgresqlDirect"]

Statement = tuple[Deferred, Parameters]

_texts: dict[tuple[Deferred, ...], str] = {}
"""Statements that were executed together, as one text."""


class DeferringConnection(AsyncpgConnection):  # type: ignore[misc]  # has no types
    """A connection that stores deferred statements.

    On each the driver asks once what arrays are, which all bulk writes have, for some 6 ms of the server's time: too
    little to do so by its private methods. Public ones there are only for scalar types.
    """

    __slots__ = ("deferred",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.deferred: list[Statement] = []


class PostgresqlDirect(Direct):
    """Statements for asyncpg, without SQLAlchemy."""

    @property
    def _driver(self) -> DeferringConnection:
        driver: Any = self._connection.connection.driver_connection
        assert isinstance(driver, DeferringConnection)
        return driver

    async def _fetch(self, statement: str, parameters: Parameters) -> Sequence[Sequence[Any]]:
        await self._flush()
        driver = await self._begun()
        rows: Sequence[Sequence[Any]] = await driver.fetch(statement, *parameters)
        return rows

    def _defer(self, statement: Deferred, text: str, parameters: Parameters) -> None:
        self._driver.deferred.append((statement, parameters))

    async def _flush(self) -> None:
        driver = self._driver
        if driver.deferred:
            await self._begun()
            deferred, driver.deferred = driver.deferred, []
            for together in _groups(deferred):
                parameters = [value for _, values in together for value in values]
                await driver.execute(self._text([statement for statement, _ in together]), *parameters)

    async def _begun(self) -> DeferringConnection:
        """Return the driver's connection, within the transaction that SQLAlchemy knows of."""
        adapter: Any = self._connection.connection.dbapi_connection
        if adapter._transaction is None:
            await adapter._start_transaction()
        return self._driver

    def _text(self, statements: Sequence[Deferred]) -> str:
        """Return one statement that executes all. Their order is undefined, which their tables make irrelevant."""
        key = tuple(statements)
        if key not in _texts:
            texts, first = [], 1
            for statement in statements:
                texts.append(statement.text(self._connection, 1, first))
                first += statement.width
            *others, last = texts
            named = ", ".join(f"part{place} AS ({text})" for place, text in enumerate(others))
            _texts[key] = f"WITH {named} {last}" if named else last
        return _texts[key]


def _groups(deferred: Sequence[Statement]) -> Iterator[Sequence[Statement]]:
    """Yield statements that may be executed in any order: each writes a table of its own."""
    group: list[Statement] = []
    for statement in deferred:
        if any(statement[0].table_name == other.table_name for other, _ in group):
            yield group
            group = []
        group.append(statement)
    yield group
