"""Reads each row in which a person is named, as an object, without what it says of others."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.struct_pb2 import Struct

from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.persons.hiding import without_others
from citrine_core.resources.persons.places import Place, places
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["export_rows"]

AT_ONCE = 500
"""Rows that are read at a time."""

_SECRET = re.compile(r"secret|password|credential|hash|digest")
"""Columns that are shown to nobody, or say nothing to anybody."""


async def export_rows(
    unit_of_work: UnitOfWorkFactory, tenant_id: str, person: Person
) -> AsyncIterator[tuple[str, Struct]]:
    """Yield the table and the content of each row in which a person is named."""
    for place in places():
        after, rows_left = "", True
        while rows_left:
            async with unit_of_work(read_only=True) as work:
                rows = await place.read(work.session, tenant_id, after, AT_ONCE, whole=True)
            for row in rows:
                # Rows may be large, and of a group there may be thousands of ids.
                await asyncio.sleep(0)
                if place.replaced(row, person):
                    yield place.name, _shown(place, row, person)
            rows_left = len(rows) == AT_ONCE
            after = place.key_of(rows[-1]) if rows else ""


def _shown(place: Place, row: Any, person: Person) -> Struct:
    columns = {}
    for name in [column.name for column in place.table.columns]:
        value = getattr(row, name)
        if value is not None and not _SECRET.search(name):
            content = place.contents.get(name)
            columns[name] = value if content is None or not value else content.shown(value, place.kind_of(row, content))
    shown = Struct()
    shown.update(_plain(without_others(columns, person)))
    return shown


def _plain(value: Any) -> Any:
    """Return a value in the types of JSON, in which a number has 53 bits."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value
