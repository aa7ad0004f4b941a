"""The job that erases persons: it waits for what needs their ids, and then replaces them, table by table."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from citrine.api.v1 import persons_pb2 as pb
from citrine.events.v1.events_pb2 import Event, PersonErased
from citrine_core.background import defect, is_outage
from citrine_core.db import UnitOfWork
from citrine_core.resources.audit import AuditRepository
from citrine_core.resources.persons.fields import ANY
from citrine_core.resources.persons.messages import replace_in_json, replace_in_pairs
from citrine_core.resources.persons.models import ErasureRow
from citrine_core.resources.persons.needs import find_need
from citrine_core.resources.persons.places import Place, places
from citrine_core.resources.persons.pseudonyms import Identity, Person
from citrine_core.resources.persons.repository import ErasureRepository
from citrine_core.services import Services

__all__ = ["INTERVAL", "Erasing", "pack_ids", "person_of"]

INTERVAL = timedelta(seconds=5)
"""Shortest interval of the job."""

PAUSE = timedelta(seconds=30)
"""Time until it is looked again whether the ids are still needed."""

PATIENCE = timedelta(days=30)
"""How long an erasure waits at most: the law wants it within a month."""

AUDIT = "audit_records"
"""The last table: records are changed in a way of their own."""

FORMAT = "2 "
"""What the stored ids begin with, so that cores of a release before this one can't read them: as JSON it is broken.

They fail before they write anything, and so leave alone what they would do by other rules. It changes whenever a
release knows more places or ids than the one before it.
"""

AT_ONCE = 500
"""Rows that are read, and changed, in one transaction of the database."""


def person_of(row: ErasureRow) -> Person:
    """Return the person of an erasure that is not finished."""
    ids, pseudonyms = _ids_of(row), orjson.loads(row.pseudonyms)
    return Person([Identity(value, new, *rest) for (value, *rest), new in zip(ids, pseudonyms, strict=True)])


def pack_ids(ids: Sequence[Sequence[str]]) -> str:
    """Return ids, each with its kind and type, as an erasure stores them."""
    return FORMAT + orjson.dumps(ids).decode()


def _ids_of(row: ErasureRow) -> Sequence[Sequence[str]]:
    """Return the ids, each with its kind and type. Releases before stored JSON alone, and at first without these."""
    return [(one, ANY, "") if isinstance(one, str) else one for one in orjson.loads(row.ids.removeprefix(FORMAT))]


class _Slice(NamedTuple):
    place: Place
    rows: Sequence[Any]


class Erasing:
    """Goes on with all erasures that are due, each by one core, slice by slice."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        # By erasure that waits: operations and commands with secrets that don't name the person.
        self._cleared: dict[str, set[str]] = {}
        self._retained = {"charge_records"} if services.settings.erasure_retains_charge_records else set()

    async def run(self) -> None:
        """Go on with all that are due."""
        async with self._unit_of_work(read_only=True) as work:
            due = await ErasureRepository(work.session).list_due(self._clock())
        for tenant_id, erasure_id in due:
            try:
                if await self._may_begin(tenant_id, erasure_id):
                    while await self._go_on(tenant_id, erasure_id):
                        pass
            except Exception as error:
                if is_outage(error):
                    raise
                # The others go on. This one is tried again later.
                defect("erasures of persons", error)
                await self._postpone(tenant_id, erasure_id)

    async def _postpone(self, tenant_id: str, erasure_id: str) -> None:
        async with self._unit_of_work() as work:
            row = await ErasureRepository(work.session).get(tenant_id, erasure_id, for_update=True)
            if row.next_time is not None:
                row.next_time = self._clock() + PAUSE
            await work.commit()

    async def _may_begin(self, tenant_id: str, erasure_id: str) -> bool:
        async with self._unit_of_work(read_only=True) as work:
            row = await ErasureRepository(work.session).get(tenant_id, erasure_id)
        now, need = self._clock(), ""
        if row.state == pb.ERASURE_STATE_WAITING and now < row.create_time + PATIENCE:
            cleared = self._cleared.setdefault(erasure_id, set())
            need = await find_need(self._services, tenant_id, orjson.loads(row.lookups), person_of(row), cleared, now)
        if not need:
            self._cleared.pop(erasure_id, None)
        async with self._unit_of_work() as work:
            row = await ErasureRepository(work.session).get(tenant_id, erasure_id, for_update=True)
            if row.state == pb.ERASURE_STATE_WAITING:
                row.waits_for = need[:255]
                if need:
                    row.next_time = now + PAUSE
                else:
                    row.state = pb.ERASURE_STATE_RUNNING
            total, ids = len(self._places()) + 1, pack_ids(_ids_of(row))
            if row.state == pb.ERASURE_STATE_RUNNING and (row.tables_total, row.ids) != (total, ids):
                # It begins; or this release knows other tables, or other ids in them, than the one that began it.
                row.ids = ids
                row.tables_done, row.tables_total, row.table_name, row.after_key = 0, total, "", ""
            may_begin = row.state == pb.ERASURE_STATE_RUNNING
            await work.commit()
        return may_begin

    async def _go_on(self, tenant_id: str, erasure_id: str) -> bool:
        """Do the next slice; return False once all is done."""
        async with self._unit_of_work(read_only=True) as work:
            row = await ErasureRepository(work.session).get(tenant_id, erasure_id)
            if row.state != pb.ERASURE_STATE_RUNNING:
                return False
            position = _position(row)
            slice_ = await self._read(work, row)
        # Rows may be large: nobody waits for a transaction of the database meanwhile, nor for the event loop.
        changes = await _changes_of(slice_, person_of(row)) if slice_ is not None else []
        async with self._unit_of_work() as work:
            row = await ErasureRepository(work.session).get(tenant_id, erasure_id, for_update=True)
            if row.state != pb.ERASURE_STATE_RUNNING:
                return False
            if _position(row) != position:
                # Another core is at it as well.
                return True
            if slice_ is not None:
                await _erase(work, row, slice_, changes)
            elif row.tables_done < row.tables_total:
                await self._erase_from_audit(work, row)
            else:
                _finish(row, self._clock())
                work.emit(Event(tenant_id=tenant_id, person_erased=PersonErased(erasure_id=erasure_id)))
            await work.commit()
        return row.state == pb.ERASURE_STATE_RUNNING

    async def _read(self, work: UnitOfWork, row: ErasureRow) -> _Slice | None:
        """Return the next rows; None if all tables but the audit are done."""
        left = self._places()[row.tables_done :]
        if not left:
            return None
        place = left[0]
        after = row.after_key if row.table_name == place.name else ""
        return _Slice(place, await place.read(work.session, row.tenant_id, after, AT_ONCE))

    async def _erase_from_audit(self, work: UnitOfWork, row: ErasureRow) -> None:
        after = row.after_key if row.table_name == AUDIT else ""
        audit = AuditRepository(work.session)
        person = person_of(row)

        def replaced(about: str, request: str) -> tuple[str, str]:
            return replace_in_pairs(about, person), replace_in_json(request, person)

        ids, changed = await audit.erase(row.tenant_id, after, AT_ONCE, replaced)
        row.changed_rows += changed
        if len(ids) == AT_ONCE:
            row.table_name, row.after_key = AUDIT, ids[-1]
        else:
            row.tables_done += 1

    def _places(self) -> Sequence[Place]:
        return [place for place in places() if place.name not in self._retained]


async def _changes_of(slice_: _Slice, person: Person) -> Sequence[Mapping[str, Any]]:
    """Return what changes of each row; other tasks go on in between."""
    changes = []
    for one in slice_.rows:
        changes.append(slice_.place.replaced(one, person))
        await asyncio.sleep(0)
    return changes


async def _erase(work: UnitOfWork, row: ErasureRow, slice_: _Slice, changes: Sequence[Mapping[str, Any]]) -> None:
    place, rows = slice_.place, slice_.rows
    if row.table_name != place.name:
        row.table_name, row.after_key = place.name, ""
    is_left = False
    for one, changed in zip(rows, changes, strict=True):
        if changed and await place.change(work.session, one, changed):
            row.changed_rows += 1
        elif changed:
            is_left = True
    if is_left:
        # Somebody changed one of them meanwhile: all are read again; those that are done have no id any more.
        return
    if len(rows) == AT_ONCE:
        row.after_key = place.key_of(rows[-1])
    else:
        row.tables_done += 1


def _position(row: ErasureRow) -> tuple[int, int, str, str]:
    """Return how far an erasure is."""
    return row.state, row.tables_done, row.table_name, row.after_key


def _finish(row: ErasureRow, now: datetime) -> None:
    row.state, row.finish_time, row.next_time = pb.ERASURE_STATE_FINISHED, now, None
    row.ids = row.lookups = "[]"
    row.table_name = row.after_key = ""
