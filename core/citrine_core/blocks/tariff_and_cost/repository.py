"""Queries of the tariffs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine_core.blocks.tariff_and_cost.models import ANY_LABELLED, StoredTariff, TariffAssignment, TariffVersion
from citrine_core.clock import utc_now
from citrine_core.db import Listed, Page, Span, UnitOfWork, begins_with, one_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.changes import change_time, changed_within
from citrine_core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.locations.queries import Place
from citrine_core.resources.stations.tags import digest_of_labels, texts_of_labels
from citrine_core.resources.tenants.quotas import Counted
from citrine_core.resources.tokens import lookups_of

__all__ = ["TARIFFS", "LookedAssignments", "TariffRepository", "VersionKey", "end_assignments"]

TARIFFS = Counted(
    QuotaKind.QUOTA_KIND_TARIFFS, StoredTariff.metadata.tables["tariffs"], StoredTariff.delete_time.is_(None)
)


class VersionKey(NamedTuple):
    """A version of a tariff, as it applies at a station."""

    tariff_id: str
    version: int
    time_zone: str = ""
    """Zone of the location of the station, which counts where the tariff names none. Empty: UTC."""


MOST_LABELLED = 2000
"""Most assignments with labels among which a page finds those with some of them."""

TariffAndVersion = tuple[StoredTariff, TariffVersion]

_ADD = BulkInsert(StoredTariff.metadata.tables["tariffs"], ignore=True, key=("tenant_id", "tariff_id"))
_ASSIGNMENTS = TariffAssignment.metadata.tables["tariff_assignments"]
_VERSIONS = TariffVersion.metadata.tables["tariff_versions"]

_IS_UNSTAMPED = StoredTariff.update_time < func.coalesce(
    StoredTariff.delete_time,
    select(_VERSIONS.c.create_time)
    .where(
        _VERSIONS.c.tenant_id == StoredTariff.tenant_id,
        _VERSIONS.c.tariff_id == StoredTariff.tariff_id,
        _VERSIONS.c.version == StoredTariff.version,
    )
    .scalar_subquery(),
)

_SUBJECT = (
    "tenant_id",
    "id_token_lookup",
    "group_id",
    "station_id",
    "evse_id",
    "location_id",
    "station_group",
    "station_labels",
    "id_token_type",
    "tariff_id",
)
"""Columns that are equal in two equivalent assignments."""


@dataclass(frozen=True, slots=True)
class LookedAssignments:
    """Which assignments are looked for. A field that is empty restricts nothing."""

    tariff_id: str = ""
    station_id: str = ""
    location_id: str = ""
    station_group: str = ""
    station_labels: Mapping[str, str] = field(default_factory=dict)
    group_id: str = ""
    id_token: str = ""
    """In any spelling, of any type."""
    prefix: str = ""
    """What their ids begin with."""
    changed: Span | None = None
    """When they last changed."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions, but for the prefix and the time."""
        names = ("tariff_id", "station_id", "location_id", "station_group", "group_id")
        found = [_ASSIGNMENTS.c[name] == getattr(self, name) for name in names if getattr(self, name)]
        if self.station_labels:
            text = _ASSIGNMENTS.c.station_labels
            found.append(_ASSIGNMENTS.c.station_id == ANY_LABELLED)
            # LIKE would take no notice of case on SQLite.
            found += [func.replace(text, label, "") != text for label in texts_of_labels(self.station_labels)]
        if self.id_token:
            found.append(_ASSIGNMENTS.c.id_token_lookup.in_(lookups_of(self.id_token)))
        return found


class TariffRepository:
    """Reads and writes tariffs, their versions and their assignments within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(
        self, tenant_id: str, tariff_id: str, *, version: int = 0, for_update: bool = False
    ) -> TariffAndVersion:
        """Return a tariff and one version of it, by default the current one.

        Raises:
            NotFound: When there is none with this id, or it has no such version.
        """
        tariff = await self._session.get(StoredTariff, (tenant_id, tariff_id), with_for_update=for_update or None)
        if tariff is None or (tariff.delete_time is not None and not version):
            raise NotFound("tariff", tariff_id)
        found = await self._session.get(TariffVersion, (tenant_id, tariff_id, version or tariff.version))
        if found is None:
            raise NotFound(f"version {version} of tariff", tariff_id)
        return tariff, found

    async def list(
        self, tenant_id: str, page: Page, *, changed: Span | None = None, with_deleted: bool = False
    ) -> Listed[TariffAndVersion]:
        """Return tariffs and their current versions by id, or by the time of the last change where that is a filter."""
        query = (
            select(StoredTariff, TariffVersion)
            .join(
                TariffVersion,
                (TariffVersion.tenant_id == StoredTariff.tenant_id)
                & (TariffVersion.tariff_id == StoredTariff.tariff_id)
                & (TariffVersion.version == StoredTariff.version),
            )
            .where(StoredTariff.tenant_id == tenant_id)
        )
        if not with_deleted:
            query = query.where(StoredTariff.delete_time.is_(None))
        if changed is not None:
            query = query.where(*await changed_within(self._session, StoredTariff.update_time, *changed))
            return await page.read_rows(self._session, query, StoredTariff.update_time, StoredTariff.tariff_id)
        return await page.read_rows(self._session, query, StoredTariff.tariff_id)

    async def list_versions(self, tenant_id: str, page: Page, tariff_id: str) -> Listed[TariffVersion]:
        """Return versions of a tariff, the latest first."""
        table = TariffVersion
        query = select(table).where(table.tenant_id == tenant_id, table.tariff_id == tariff_id)
        return await page.read(self._session, query, table.version, descending=True)

    async def add(self, version: TariffVersion) -> StoredTariff:
        """Store a new tariff. A tariff that was deleted, even with its tenant, is restored with its next version.

        Raises:
            AlreadyExists: When there is one of this id.
            QuotaExceeded: When the tenant may have no more.
        """
        await TARIFFS.check(self._session, version.tenant_id)
        key = {"tenant_id": version.tenant_id, "tariff_id": version.tariff_id}
        versions = TariffVersion
        of_tariff = (versions.tenant_id == version.tenant_id, versions.tariff_id == version.tariff_id)
        latest = await self._session.scalar(select(func.max(versions.version)).where(*of_tariff))
        times = dict.fromkeys(("create_time", "update_time", "delete_time"), version.create_time)
        row = {**key, "version": latest or 0, **times}
        await _ADD.execute_mappings(self._session, [row])
        tariff = await self._session.get(StoredTariff, tuple(key.values()), with_for_update=True)
        if tariff is None or tariff.delete_time is None:
            raise AlreadyExists("tariff", version.tariff_id)
        tariff.delete_time, tariff.create_time = None, version.create_time
        await self.add_version(tariff, version)
        return tariff

    async def add_version(self, tariff: StoredTariff, version: TariffVersion) -> None:
        """Make a version the current one."""
        tariff.version = version.version = tariff.version + 1
        self._session.add(version)
        await self._session.flush()

    async def remove(self, tariff: StoredTariff, time: datetime) -> None:
        """Delete a tariff; its versions are retained.

        Raises:
            FailedPrecondition: While it is assigned.
        """
        table = TariffAssignment
        where = (table.tenant_id == tariff.tenant_id, table.tariff_id == tariff.tariff_id, _goes_on(time))
        if await self._session.scalar(select(exists().where(*where))):
            raise FailedPrecondition(f"tariff {tariff.tariff_id} is assigned")
        tariff.delete_time = time

    async def has_unstamped(self) -> bool:
        """Return whether any tariff changed after its `update_time`: a core of before that column did it."""
        return bool(await self._session.scalar(select(exists().where(_IS_UNSTAMPED))))

    async def stamp(self, time: datetime) -> None:
        """Let all such tariffs have changed at a time."""
        changed = update(StoredTariff).where(_IS_UNSTAMPED).values(update_time=time)
        await self._session.execute(changed.execution_options(synchronize_session=False))

    async def assign(self, row: Mapping[str, Any]) -> TariffAssignment:
        """Store an assignment, or return the equivalent one that exists.

        The caller must have locked the tariff, so that nobody else stores the same assignment concurrently.
        """
        table, now = TariffAssignment, row["create_time"]
        same = [_ASSIGNMENTS.c[name] == row[name] for name in _SUBJECT]
        end = row["to_time"]
        same.append(table.to_time.is_(None) if end is None else table.to_time == end)
        start = row["from_time"]
        if start is None:
            same.append(table.from_time.is_(None) | (table.from_time <= now))
        else:
            same.append(table.from_time == start)
        found = (await self._session.scalars(select(table).where(*same).order_by(table.id).limit(1))).one_or_none()
        if found is None:
            found = TariffAssignment(**row, update_time=await change_time(self._session, utc_now))
            self._session.add(found)
            await self._session.flush()
        return found

    async def get_assignment(self, tenant_id: str, assignment_id: str) -> TariffAssignment:
        """Return an assignment.

        Raises:
            NotFound: When there is none of this id.
        """
        table = TariffAssignment
        query = select(table).where(table.tenant_id == tenant_id, table.assignment_id == assignment_id)
        found: TariffAssignment | None = await self._session.scalar(query)
        if found is None:
            raise NotFound("tariff assignment", assignment_id)
        return found

    async def list_assignments(
        self, tenant_id: str, page: Page, looked: LookedAssignments, *, open_at: datetime | None
    ) -> Listed[TariffAssignment]:
        """Return assignments in the order of their creation; of their ids if a prefix is given; or of their changes.

        Args:
            tenant_id: Tenant of the assignments.
            page: The page to return.
            looked: Which of them.
            open_at: Only assignments that end after this time. None: all.
        """
        table = TariffAssignment
        query = select(table).where(table.tenant_id == tenant_id, *looked.conditions())
        if open_at is not None:
            query = query.where(_goes_on(open_at))
        if looked.prefix:
            query = query.where(begins_with(table.assignment_id, looked.prefix))
        if looked.changed is not None:
            query = query.where(*await changed_within(self._session, table.update_time, *looked.changed))
            return await page.read(self._session, query, table.update_time, table.id)
        if looked.prefix:
            return await page.read(self._session, query, table.assignment_id)
        if looked.station_labels:
            return await self._list_by_labels(tenant_id, page, query)
        if looked.id_token:
            # SQLite would walk through all assignments in this order, to sort the few that are meant no more.
            rows = (await self._session.scalars(page.within(query, table.id + 0))).all()
            return page.close(rows, lambda row: (row.id,))
        return await page.read(self._session, query, table.id)

    async def _list_by_labels(
        self, tenant_id: str, page: Page, query: Select[TariffAssignment]
    ) -> Listed[TariffAssignment]:
        """Return what a query finds among the next assignments with labels, of which no index knows each label."""
        table, after = TariffAssignment, page.key(TariffAssignment.id)
        labelled = select(table.id).where(table.tenant_id == tenant_id, table.station_id == ANY_LABELLED)
        if after is not None:
            labelled = labelled.where(table.id > after[0])
        last = await self._session.scalar(labelled.order_by(table.id).offset(MOST_LABELLED - 1).limit(1))
        if last is not None:
            query = query.where(table.id <= last)
        rows = (await self._session.scalars(page.within(query, table.id))).all()
        found, token = page.close(rows, lambda row: (row.id,))
        return found, token if token or last is None else page.token((last,))

    async def unassign(
        self, tenant_id: str, assignment_id: str, time: datetime | None, now: datetime
    ) -> TariffAssignment:
        """End an assignment at a time, and return it; None: now.

        Raises:
            NotFound: When there is none with this id, or it has ended.
            InvalidArgument: When the time is past, or not after its start.
        """
        if time is not None and time <= now:
            raise InvalidArgument("valid_to", "must be in the future, or unset for now")
        table = TariffAssignment
        query = select(table).where(table.tenant_id == tenant_id, table.assignment_id == assignment_id, _goes_on(now))
        found = (await self._session.scalars(query.with_for_update())).one_or_none()
        if found is None:
            raise NotFound("assignment", assignment_id)
        if time is not None and found.from_time is not None and time <= found.from_time:
            raise InvalidArgument("valid_to", "must be after valid_from")
        found.to_time, found.update_time = time or now, await change_time(self._session, utc_now)
        return found

    async def find_assignments(
        self,
        tenant_id: str,
        stations: Collection[str],
        lookups: Collection[str],
        groups: Collection[str],
        *,
        places: Collection[Place],
        first: datetime,
    ) -> Sequence[Any]:
        """Return the assignments that may apply to stations, tokens and groups at a time or later, in one query."""
        station_groups = {group for place in places for group in place.groups}
        labels = {digest_of_labels({key: value}) for place in places for key, value in place.labels.items()}
        table = _ASSIGNMENTS.c
        query = select(_ASSIGNMENTS).where(
            table.tenant_id == tenant_id,
            one_of(table.id_token_lookup, {"", *lookups}),
            one_of(table.group_id, {"", *groups}),
            one_of(table.station_id, {"", ANY_LABELLED, *stations}),
            one_of(table.location_id, {"", *(place.location_id for place in places)}),
            one_of(table.station_group, {"", *station_groups}),
            one_of(table.label_digest, {"", *labels}),
            table.to_time.is_(None) | (table.to_time > first),
        )
        return (await self._session.execute(query)).all()

    async def find_versions(self, tenant_id: str, tariffs: Collection[str], since: datetime) -> Sequence[Any]:
        """Return the versions of tariffs that were current at a time or later, without definitions, in one query."""
        table, older = _VERSIONS.c, _VERSIONS.alias().c
        at_the_time = (
            select(func.max(older.version))
            .where(older.tenant_id == tenant_id, older.tariff_id == table.tariff_id, older.create_time <= since)
            .scalar_subquery()
        )
        query = select(table.tariff_id, table.version, table.valid_from, table.valid_to, table.create_time).where(
            table.tenant_id == tenant_id,
            one_of(table.tariff_id, tariffs),
            table.version >= func.coalesce(at_the_time, 0),
        )
        return (await self._session.execute(query)).all()

    async def find_definitions(self, tenant_id: str, keys: Collection[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        """Return the definitions of versions of tariffs."""
        table = _VERSIONS.c
        rows = await self._session.execute(
            select(table.tariff_id, table.version, table.definition).where(
                table.tenant_id == tenant_id, one_of((table.tariff_id, table.version), keys)
            )
        )
        return {(row[0], row[1]): row[2] for row in rows}


async def end_assignments(work: UnitOfWork, tenant_id: str, station_id: str, now: datetime) -> None:
    """End the assignments to a station. They still apply to its earlier transactions."""
    table = TariffAssignment
    where = (table.tenant_id == tenant_id, table.station_id == station_id, _goes_on(now))
    changed = await change_time(work.session, utc_now)
    await work.session.execute(update(table).where(*where).values(to_time=now, update_time=changed))


def _goes_on(time: datetime) -> ColumnElement[bool]:
    """Return the condition that an assignment did not end until a time."""
    return or_(TariffAssignment.to_time.is_(None), TariffAssignment.to_time > time)
