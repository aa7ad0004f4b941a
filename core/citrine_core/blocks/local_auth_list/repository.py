"""Queries of functional block D; each reads or writes a whole list."""

import enum
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, and_, case, delete, exists, func, literal, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.provisioning_pb2 import ATTRIBUTE_ENUM_ACTUAL, VariableCharacteristics
from citrine_core.blocks.local_auth_list.messages import Entry, Limits
from citrine_core.blocks.local_auth_list.models import LocalList, LocalListEntry
from citrine_core.blocks.provisioning.queries import find_variables
from citrine_core.db import ANY_TIME, Listed, Page, Span
from citrine_core.db.bulk import BulkInsert, BulkUpsert
from citrine_core.errors import NotFound
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.stations.queries import BOOTS, is_station
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens import Token, lookup_of, type_of
from citrine_core.resources.tokens.queries import find_of_keys, find_tokens, has_more_tokens

__all__ = ["Counts", "LocalListRepository", "TokenPage", "Which"]

_LISTS = LocalList.metadata.tables["local_lists"]
_ENTRIES = LocalListEntry.metadata.tables["local_list_entries"]
_KEY = ("tenant_id", "station_id", "lookup", "type")
_NAMES = (*_KEY, "id_token", "wanted", "held", "stale")

_MANY = 100
"""Most tokens that are marked in each list."""

SOON = timedelta(seconds=5)
"""How long after a change of more tokens lists are due: more of them are likely to follow."""

PAGE = 1000
"""Tokens that are read at a time."""

_ADD_LIST = BulkInsert(_LISTS, ignore=True, key=("tenant_id", "station_id"))
_SET_STALE = BulkUpsert(_ENTRIES, (*_KEY, "id_token", "stale"), _KEY, ("stale",))
_SET_WANTED = BulkUpsert(_ENTRIES, _NAMES, _KEY, ("id_token", "wanted", "stale"))
_SET_HELD = BulkUpsert(_ENTRIES, _NAMES, _KEY, ("held",))
_SET_BOTH = BulkUpsert(_ENTRIES, _NAMES, _KEY, ("id_token", "wanted", "held", "stale"))


class Counts(NamedTuple):
    """Numbers of entries of a list."""

    entries: int
    """Tokens that the station should have."""
    differences: int
    """Tokens whose wanted and confirmed entries differ."""


class Which(enum.Enum):
    """The tokens that are looked at when the wanted entries of a list are computed."""

    ALL = 1
    """All that may belong to it."""
    CONFIRMED = 2
    """Those that the station has."""
    STALE = 3
    """Those with stale entries."""


class TokenPage(NamedTuple):
    """Some of the tokens that may belong to a list."""

    tokens: Sequence[Token]
    last: tuple[str, str] | None
    """The key behind which the next page begins. None: there is none."""


class LocalListRepository:
    """Reads and writes the local lists of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, tenant_id: str, station_id: str) -> LocalList:
        """Return the list of a station; a new one, not stored, if it has none.

        Raises:
            NotFound: When there is no such station.
        """
        found = await self._session.get(LocalList, (tenant_id, station_id))
        if found is not None:
            return found
        if not await is_station(self._session, tenant_id, station_id):
            raise NotFound("station", station_id)
        return LocalList(**_new(tenant_id, station_id))

    async def lock(self, tenant_id: str, station_id: str) -> LocalList:
        """Return the list of a station, locked until the commit. If it has none, one is stored."""
        await _ADD_LIST.execute_mappings(self._session, [_new(tenant_id, station_id)])
        found = await self._session.get(
            LocalList, (tenant_id, station_id), with_for_update=True, populate_existing=True
        )
        assert found is not None
        return found

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        state: int = 0,
        version: int | None = None,
        confirmed: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[LocalList]:
        """Return lists in the order of their stations; of a time by that, the latest confirmed first."""
        row = LocalList
        query = select(row).where(row.tenant_id == tenant_id, *confirmed.of(row.confirm_time))
        if state:
            query = query.where(row.state == state)
        if version is not None:
            query = query.where(row.version == version)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        if confirmed.is_bounded:
            return await page.read(self._session, query, row.confirm_time, row.station_id, descending=True)
        return await page.read(self._session, query, row.station_id)

    async def list_entries(
        self, tenant_id: str, page: Page, station_id: str, *, differences_only: bool = False
    ) -> Listed[LocalListEntry]:
        """Return entries in the order of their ids and types."""
        query = select(LocalListEntry).where(
            LocalListEntry.tenant_id == tenant_id, LocalListEntry.station_id == station_id
        )
        if differences_only:
            query = query.where(LocalListEntry.wanted.is_distinct_from(LocalListEntry.held))
        return await page.read(self._session, query, LocalListEntry.lookup, LocalListEntry.type)

    async def counts(self, tenant_id: str, station_id: str) -> Counts:
        """Return the numbers of entries of a list."""
        columns = _ENTRIES.c
        row = (
            await self._session.execute(
                select(
                    func.count(columns.wanted),
                    func.count().filter(columns.wanted.is_distinct_from(columns.held)),
                ).where(*_of(tenant_id, station_id))
            )
        ).one()
        return Counts(row[0], row[1])

    async def differs(self, tenant_id: str, station_id: str) -> bool:
        """Return whether a station's wanted and confirmed entries differ."""
        columns = _ENTRIES.c
        query = select(exists().where(*_of(tenant_id, station_id), columns.wanted.is_distinct_from(columns.held)))
        return bool(await self._session.scalar(query))

    async def limits(self, tenant_id: str, station_id: str) -> Limits:
        """Return the limits of a station's local list, from its device model."""
        rows = await find_variables(self._session, tenant_id, station_id, ["localauthlistctrlr"])
        actual = [row for row in rows if row.attribute == ATTRIBUTE_ENUM_ACTUAL]
        found = {row.variable.lower(): (row.value, row.characteristics) for row in actual}
        most = VariableCharacteristics.FromString(found.get("entries", ("", None))[1] or b"")
        return Limits(
            _number(found.get("itemspermessage")),
            _number(found.get("bytespermessage")),
            int(most.max_limit) if most.HasField("max_limit") and most.max_limit >= 1 else None,
        )

    async def tokens(self, row: LocalList, which: Which, after: tuple[str, str] | None, now: datetime) -> TokenPage:
        """Return the next tokens behind a key that may belong to a list, without those that surely don't."""
        if which is Which.ALL:
            usable_at = None if row.include_refused else now
            tokens = await find_tokens(self._session, row.tenant_id, _groups_of(row), after, PAGE, usable_at=usable_at)
            return TokenPage(tokens, (tokens[-1].lookup, tokens[-1].type) if len(tokens) == PAGE else None)
        columns = _ENTRIES.c
        key = (columns.lookup, columns.type)
        is_one = columns.stale if which is Which.STALE else columns.held.is_not(None)
        query = select(*key).where(*_of(row.tenant_id, row.station_id), is_one).order_by(*key).limit(PAGE)
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*after))
        keys = [(found[0], found[1]) for found in await self._session.execute(query)]
        tokens = await find_of_keys(self._session, row.tenant_id, _groups_of(row), keys)
        return TokenPage(tokens, keys[-1] if len(keys) == PAGE else None)

    async def has_more_tokens(self, row: LocalList, most: int, now: datetime) -> bool:
        """Return whether more tokens than so many surely belong to a list, without reading them."""
        usable_at = None if row.include_refused else now
        return await has_more_tokens(self._session, row.tenant_id, _groups_of(row), most, usable_at=usable_at)

    async def want(self, row: LocalList, entries: Sequence[Entry], *, only: bool, stale_only: bool = False) -> None:
        """Set wanted entries of a list.

        Args:
            row: The list.
            entries: The wanted entries.
            only: True: no other token is wanted.
            stale_only: True: other tokens with stale entries are not wanted; the remaining entries don't change.
        """
        if only or stale_only:
            others = [_ENTRIES.c.stale] if stale_only else []
            await self._session.execute(
                update(_ENTRIES).where(*_of(row.tenant_id, row.station_id), *others).values(wanted=None, stale=False)
            )
        key = (row.tenant_id, row.station_id)
        rows = [(*key, one.lookup, one.type, one.id_token, one.info, None, False) for one in entries]
        await _SET_WANTED.execute(self._session, rows)
        await self._sweep(row)

    async def unwant(self, row: LocalList, lookup: str, type_name: str) -> bool:
        """Set that a list should not have a token; return False if it neither should have it nor has it."""
        columns = _ENTRIES.c
        result = await self._session.execute(
            update(_ENTRIES)
            .where(
                *_of(row.tenant_id, row.station_id),
                columns.lookup == lookup,
                columns.type == type_name,
                or_(columns.wanted.is_not(None), columns.held.is_not(None)),
            )
            .values(wanted=None)
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]  # of a cursor

    async def confirm(self, row: LocalList, entries: Sequence[Entry], *, full: bool, wanted: bool) -> None:
        """Record entries that a station confirmed.

        Args:
            row: The list.
            entries: The entries that were sent.
            full: True: the station has no other entries.
            wanted: True: the wanted entries were not stored before, and become the confirmed ones.
        """
        if full:
            values = {"held": None, "wanted": None} if wanted else {"held": None}
            await self._session.execute(update(_ENTRIES).where(*_of(row.tenant_id, row.station_id)).values(**values))
        key = (row.tenant_id, row.station_id)
        rows = [(*key, one.lookup, one.type, one.id_token, one.info, one.info, False) for one in entries]
        if wanted:
            await _SET_BOTH.execute(self._session, rows)
        else:
            # A missing row was swept, because its token is not wanted. It is stored again: the station has it now.
            gone = [(*values[:5], None, *values[6:]) for values in rows]
            await _SET_HELD.execute(self._session, gone)
        await self._sweep(row)

    async def to_send(self, row: LocalList, *, full: bool) -> Sequence[Entry]:
        """Return the entries to send: all wanted entries, or those that differ from the confirmed ones."""
        columns = _ENTRIES.c
        which = columns.wanted.is_not(None) if full else columns.wanted.is_distinct_from(columns.held)
        rows = await self._session.execute(
            select(columns.lookup, columns.type, columns.id_token, columns.wanted)
            .where(*_of(row.tenant_id, row.station_id), which)
            .order_by(columns.lookup, columns.type)
        )
        return [Entry(*found) for found in rows]

    async def tokens_changed(self, tenant_id: str, keys: Collection[tuple[str, str]], now: datetime) -> bool:
        """Mark tokens as stale in all lists that are kept in step; return False if none of them is due by that.

        Where many change at a time, as with an import, all tokens of these lists are compared a little later, and
        once for the pages of tokens that come one after another.
        """
        in_step = (_LISTS.c.tenant_id == tenant_id, _LISTS.c.keep_in_step)
        if len(keys) > _MANY:
            await self._session.execute(update(_LISTS).where(*in_step).values(next_time=_soon(now), refresh=True))
            return False
        result = await self._session.execute(update(_LISTS).where(*in_step).values(next_time=now))
        if not result.rowcount:  # type: ignore[attr-defined]  # of a cursor
            return False
        for id_token, type_name in keys:
            source = select(
                _LISTS.c.tenant_id,
                _LISTS.c.station_id,
                literal(lookup_of(id_token, type_name)),
                literal(type_of(type_name)),
                literal(id_token),
                true(),
            ).where(*in_step)
            await _SET_STALE.execute_select(self._session, source)
        return True

    async def all_tokens_changed(self, tenant_id: str, now: datetime) -> timedelta | None:
        """Have all tokens of lists that are kept in step compared, once for the changes that come one after another.

        Returns:
            How long it is until then. None: there is no such list.
        """
        in_step = (_LISTS.c.tenant_id == tenant_id, _LISTS.c.keep_in_step)
        result = await self._session.execute(update(_LISTS).where(*in_step).values(next_time=_soon(now), refresh=True))
        return SOON if result.rowcount else None  # type: ignore[attr-defined]  # of a cursor

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, str, datetime | None]]:
        """Return tenant, station and boot time of due lists that no sender has claimed, of connected stations."""
        boots, lists = BOOTS.c, _LISTS.c
        same = and_(boots.tenant_id == lists.tenant_id, boots.station_id == lists.station_id)
        rows = await self._session.execute(
            select(lists.tenant_id, lists.station_id, boots.boot_time)
            .join_from(_LISTS, BOOTS, same)
            .where(
                is_connected(lists.tenant_id, lists.station_id),
                or_(lists.claim_time.is_(None), lists.claim_time <= now),
                or_(
                    lists.next_time <= now,
                    # A station may have lost its list when it booted.
                    and_(lists.keep_in_step, lists.check_time < boots.boot_time),
                ),
            )
            .order_by(lists.next_time)
            .limit(limit)
        )
        return [(tenant_id, station_id, boot_time) for tenant_id, station_id, boot_time in rows]

    async def postpone(self, tenant_id: str, station_id: str, until: datetime) -> None:
        """Have a list be due later, also one that is due by a boot; the station is then asked for its version."""
        await self._session.execute(
            update(_LISTS)
            .where(_LISTS.c.tenant_id == tenant_id, _LISTS.c.station_id == station_id)
            .values(next_time=until, check_time=None)
        )

    async def extend_claim(self, tenant_id: str, station_id: str, claim_id: str, until: datetime) -> bool:
        """Extend the claim on a list; return False if another sender has claimed it."""
        result = await self._session.execute(
            update(_LISTS)
            .where(_LISTS.c.tenant_id == tenant_id, _LISTS.c.station_id == station_id, _LISTS.c.claim_id == claim_id)
            .values(claim_time=until)
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]  # of a cursor

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove a station's list and its entries."""
        for table in (_ENTRIES, _LISTS):
            await self._session.execute(
                delete(table).where(table.c.tenant_id == tenant_id, table.c.station_id == station_id)
            )

    async def _sweep(self, row: LocalList) -> None:
        columns = _ENTRIES.c
        nothing = (columns.wanted.is_(None), columns.held.is_(None), columns.stale.is_(False))
        await self._session.execute(delete(_ENTRIES).where(*_of(row.tenant_id, row.station_id), *nothing))


def _of(tenant_id: str, station_id: str) -> tuple[Any, Any]:
    return (_ENTRIES.c.tenant_id == tenant_id, _ENTRIES.c.station_id == station_id)


def _groups_of(row: LocalList) -> Sequence[str]:
    return [group.lower() for group in orjson.loads(row.group_ids)]


def _soon(now: datetime) -> ColumnElement[datetime]:
    """Return when a list is due after a change that others are likely to follow."""
    column = _LISTS.c.next_time
    at_once, soon = (literal(time, column.type) for time in (now, now + SOON))
    # What is due earlier, as by a token that was just blocked, does not wait for what follows. If it is due already, a
    # sender may be at it, who sees by another time that it is due again.
    return case((column <= at_once, at_once), (column < soon, column), else_=soon)


def _number(found: tuple[str | None, Any] | None) -> int | None:
    text = (found[0] if found else None) or ""
    return int(text) if text.isascii() and text.isdigit() and int(text) else None


def _new(tenant_id: str, station_id: str) -> Mapping[str, Any]:
    return {
        "tenant_id": tenant_id,
        "station_id": station_id,
        "keep_in_step": False,
        "group_ids": "[]",
        "include_refused": False,
        "state": 0,
        "version": None,
        "sent_version": 0,
        "refresh": False,
        "claim_id": None,
        "claim_time": None,
        "claim_version": 0,
        "attempts": 0,
        "next_time": None,
        "check_time": None,
        "confirm_time": None,
        "problem": "",
    }
