"""Reads keys by the ids that callers present, with one query for all waiting callers."""

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import TypeAlias

from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.repository import KeyRepository

__all__ = ["KeyReader"]

MOST = 500
"""Most keys in one query."""

_Found: TypeAlias = "asyncio.Future[ApiKey | None]"


class KeyReader:
    """Reads keys, one query at a time. Requests during a query are batched into the next one.

    Anybody may present ids. Therefore a caller who tries thousands of them occupies one connection, and causes one
    query for many ids.

    Args:
        unit_of_work: Opens units of work to read keys.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work
        self._wanted: dict[str, _Found] = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key, or None if there is none with this id. Cancellation does not affect other callers.

        Raises:
            DatabaseUnavailable: When the key can't be read now.
            Overloaded: When too many callers wait for the database.
        """
        found = self._wanted.get(key_id)
        if found is None:
            found = self._wanted[key_id] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all(), name="read keys")
        return await asyncio.shield(found)

    async def _read_all(self) -> None:
        try:
            while self._wanted:
                wanted = {key_id: self._wanted.pop(key_id) for key_id in list(islice(self._wanted, MOST))}
                await self._read(wanted)
        finally:
            self._reading = None

    async def _read(self, wanted: Mapping[str, _Found]) -> None:
        try:
            async with self._unit_of_work(read_only=True) as work:
                keys = await KeyRepository(work.session).find_all(wanted)
        except Exception as error:
            for found in wanted.values():
                found.set_exception(error)
                # Marks the exception as retrieved, as no caller may be waiting any more.
                found.exception()
        except BaseException:
            for found in wanted.values():
                found.cancel()
            raise
        else:
            for key_id, found in wanted.items():
                found.set_result(keys.get(key_id))
