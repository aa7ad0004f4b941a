"""Tags of stations: their labels and groups."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from sqlalchemy import Row, Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.db import Listed, Page, begins_with, one_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.errors import InvalidArgument
from citrine_core.resources.stations.models import StationGroup, StationLabel
from citrine_core.rpc import check_length, check_pattern

__all__ = [
    "StationTags",
    "Tags",
    "check_groups",
    "check_labels",
    "digest_of_labels",
    "read_labels",
    "texts_of_labels",
    "write_labels",
]

MOST = 32
"""Labels of a station, and groups."""

_LABELS = StationLabel.metadata.tables["station_labels"]
_GROUPS = StationGroup.metadata.tables["station_groups"]
_ADD_LABELS = BulkInsert(_LABELS, ("tenant_id", "station_id", "label_key", "label_value"))
_ADD_GROUPS = BulkInsert(_GROUPS, ("tenant_id", "station_id", "group_name"))

_KEY = re.compile(r"[a-z0-9._/-]{1,63}")
_GROUP = re.compile(r"[A-Za-z0-9._/-]{1,63}")


@dataclass(frozen=True, slots=True)
class Tags:
    """Labels and groups of one station, in their order."""

    labels: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)


class StationTags:
    """Reads and writes labels and groups of stations."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, Tags]:
        """Return the labels and groups of those of the stations that have any."""
        found: dict[str, Tags] = {}
        connection = await self._session.connection()
        labels, groups = _LABELS.c, _GROUPS.c
        rows = await connection.execute(
            select(labels.station_id, labels.label_key, labels.label_value)
            .where(labels.tenant_id == tenant_id, one_of(labels.station_id, set(station_ids)))
            .order_by(labels.station_id, labels.label_key)
        )
        for station_id, key, value in rows:
            found.setdefault(station_id, Tags()).labels[key] = value
        of_groups = await connection.execute(
            select(groups.station_id, groups.group_name)
            .where(groups.tenant_id == tenant_id, one_of(groups.station_id, set(station_ids)))
            .order_by(groups.station_id, groups.group_name)
        )
        for station_id, name in of_groups:
            found.setdefault(station_id, Tags()).groups.append(name)
        return found

    async def list_groups(self, tenant_id: str, page: Page, *, prefix: str) -> Listed[Row[str, int]]:
        """Return the groups of a tenant whose names begin with a prefix, with the number of their stations."""
        name = _GROUPS.c.group_name
        query = select(name, func.count()).where(_GROUPS.c.tenant_id == tenant_id).group_by(name)
        if prefix:
            query = query.where(begins_with(name, prefix))
        return await page.read_rows(self._session, query, name)

    async def list_labels(self, tenant_id: str, page: Page, *, key: str, prefix: str) -> Listed[Row[str, str, int]]:
        """Return the labels of a tenant, with the number of their stations.

        Args:
            tenant_id: The tenant.
            page: The page to return.
            key: Only of this key. "": of any.
            prefix: Only of keys that begin so.
        """
        columns = (_LABELS.c.label_key, _LABELS.c.label_value)
        query = select(*columns, func.count()).where(_LABELS.c.tenant_id == tenant_id).group_by(*columns)
        if key:
            query = query.where(_LABELS.c.label_key == key)
        if prefix:
            query = query.where(begins_with(_LABELS.c.label_key, prefix))
        return await page.read_rows(self._session, query, *columns)

    async def replace_labels(self, tenant_id: str, station_id: str, labels: Mapping[str, str]) -> None:
        """Give a station these labels and no others. The caller has locked the station."""
        await self._remove(_LABELS, tenant_id, station_id)
        await _ADD_LABELS.execute(self._session, [(tenant_id, station_id, *label) for label in sorted(labels.items())])

    async def replace_groups(self, tenant_id: str, station_id: str, groups: Iterable[str]) -> None:
        """Put a station into these groups and no others. The caller has locked the station."""
        await self._remove(_GROUPS, tenant_id, station_id)
        await _ADD_GROUPS.execute(self._session, [(tenant_id, station_id, name) for name in sorted(set(groups))])

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the labels and groups of a station."""
        await self._remove(_LABELS, tenant_id, station_id)
        await self._remove(_GROUPS, tenant_id, station_id)

    async def _remove(self, table: Table, tenant_id: str, station_id: str) -> None:
        await self._session.execute(
            delete(table).where(table.c.tenant_id == tenant_id, table.c.station_id == station_id)
        )


def write_labels(labels: Mapping[str, str]) -> str:
    """Return labels as text that is equal for equal labels; "" if there are none."""
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False) if labels else ""


def texts_of_labels(labels: Mapping[str, str]) -> list[str]:
    """Return what each of the labels is in the text of any labels that have it, and in no other text."""
    # A quotation mark within a key or value has a backslash before it, so that none of these begins or ends there.
    return [write_labels({key: value})[1:-1] for key, value in labels.items()]


def read_labels(text: str) -> dict[str, str]:
    """Return the labels that `write_labels` wrote."""
    labels: dict[str, str] = json.loads(text) if text else {}
    return labels


def digest_of_labels(labels: Mapping[str, str]) -> str:
    """Return 32 characters in place of labels, which fit into any index; "" if there are none."""
    return blake2b(write_labels(labels).encode(), digest_size=16).hexdigest() if labels else ""


def check_labels(name: str, labels: Mapping[str, str], most: int = MOST) -> None:
    """Refuse invalid labels.

    Raises:
        InvalidArgument: When there are too many, or a key or a value is invalid.
    """
    if len(labels) > most:
        raise InvalidArgument(name, f"must have at most {most} labels")
    for key, value in sorted(labels.items()):
        check_pattern(name, key, _KEY, "of keys with 1 to 63 characters of a-z 0-9 . _ / -")
        check_length(f"{name}[{key!r}]", value, 255)


def check_groups(name: str, groups: Collection[str], most: int = MOST) -> None:
    """Refuse invalid groups.

    Raises:
        InvalidArgument: When there are too many, or a name is invalid.
    """
    if len(groups) > most:
        raise InvalidArgument(name, f"must have at most {most} groups")
    for position, group in enumerate(groups):
        check_pattern(f"{name}[{position}]", group, _GROUP, "1 to 63 characters of A-Z a-z 0-9 . _ / -")
