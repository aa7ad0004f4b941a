"""Queries of the configurations and of the progress of stations with them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, bindparam, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine_core.db import Due, Listed, Page, Span, one_of
from citrine_core.db.bulk import BulkUpsert
from citrine_core.db.changes import changed_within
from citrine_core.db.one_of import one_of_packed, pack
from citrine_core.db.violations import breaks_foreign_key
from citrine_core.errors import AlreadyExists, FailedPrecondition, NotFound
from citrine_core.resources.configurations.choices import Choices, Selector
from citrine_core.resources.configurations.models import Configuration, ConfigurationSelector, Provisioning
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.locations.queries import Place, find_places, retain_location
from citrine_core.resources.stations.queries import may_be_sent_to, names_configuration
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.stations.tags import digest_of_labels, read_labels
from citrine_core.resources.tenants.quotas import Counted

__all__ = [
    "CONFIGURATIONS",
    "ConfigurationRepository",
    "DueStation",
    "ProvisioningRepository",
    "has_provisioning",
    "has_selectors",
]

CONFIGURATIONS = Counted(QuotaKind.QUOTA_KIND_CONFIGURATIONS, Configuration.metadata.tables["configurations"])

_PUT = BulkUpsert(Provisioning.metadata.tables["provisionings"], key=("tenant_id", "station_id"))

_FIND_FOR_UPDATE = (
    select(Provisioning)
    .where(Provisioning.tenant_id == bindparam("tenant_id"), one_of_packed((Provisioning.station_id,), "stations"))
    # All transactions lock in the same order, so that two can't deadlock.
    .order_by(Provisioning.station_id)
    .with_for_update()
)

_SELECTORS = select(
    ConfigurationSelector.vendor,
    ConfigurationSelector.model,
    ConfigurationSelector.location_id,
    ConfigurationSelector.station_group,
    ConfigurationSelector.station_labels,
    ConfigurationSelector.configuration_id,
).where(ConfigurationSelector.tenant_id == bindparam("tenant_id"))


def has_selectors(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the tenant of a station has configurations that are chosen by selectors."""
    return exists().where(ConfigurationSelector.tenant_id == tenant_id)


def has_provisioning(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that there is progress of the station of two columns."""
    return exists().where(Provisioning.tenant_id == tenant_id, Provisioning.station_id == station_id)


class ConfigurationRepository:
    """Reads and writes configurations and their selectors within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: str, configuration_id: str, *, for_update: bool = False) -> Configuration:
        """Return a configuration.

        Raises:
            NotFound: When there is none of this id.
        """
        found = await self._session.get(
            Configuration, (tenant_id, configuration_id), with_for_update=for_update or None
        )
        if found is None:
            raise NotFound("configuration", configuration_id)
        return found

    async def find_all(self, tenant_id: str, ids: Collection[str]) -> dict[str, Configuration]:
        """Return those of the configurations that exist, by id."""
        if not ids:
            return {}
        rows = await self._session.scalars(
            select(Configuration).where(
                Configuration.tenant_id == tenant_id, one_of(Configuration.configuration_id, ids)
            )
        )
        return {row.configuration_id: row for row in rows}

    async def list(self, tenant_id: str, page: Page, *, changed: Span | None = None) -> Listed[Configuration]:
        """Return configurations in the order of their ids, or of their changes where these are limited in time."""
        query = select(Configuration).where(Configuration.tenant_id == tenant_id)
        if changed is not None:
            query = query.where(*await changed_within(self._session, Configuration.update_time, *changed))
            return await page.read(self._session, query, Configuration.update_time, Configuration.configuration_id)
        return await page.read(self._session, query, Configuration.configuration_id)

    async def choices(self, tenant_id: str) -> Choices:
        """Return the selectors of a tenant, for stations without a chosen configuration."""
        rows = await (await self._session.connection()).execute(_SELECTORS, {"tenant_id": tenant_id})
        return Choices((Selector(*selector), configuration_id) for *selector, configuration_id in rows)

    async def places(self, tenant_id: str, choices: Choices, station_ids: Collection[str]) -> dict[str, Place]:
        """Return where stations stand, as far as the choice depends on it; it takes a statement only then."""
        return await find_places(self._session, tenant_id, station_ids) if choices.by_place and station_ids else {}

    async def add(self, row: Configuration) -> None:
        """Store a new configuration.

        Raises:
            AlreadyExists: When there is one of this id.
            NotFound: When the tenant is gone.
            QuotaExceeded: When the tenant may have no more.
        """
        await CONFIGURATIONS.check(self._session, row.tenant_id)
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if breaks_foreign_key(error):
                raise NotFound("tenant", row.tenant_id) from error
            raise AlreadyExists("configuration", row.configuration_id) from error

    async def put_selectors(self, tenant_id: str, configuration_id: str, selectors: Sequence[Selector]) -> None:
        """Store the selectors of a configuration.

        Raises:
            AlreadyExists: When another configuration has one of the selectors.
            NotFound: When one names a location that does not exist.
        """
        for location_id in sorted({one.location_id for one in selectors} - {""}):
            await retain_location(self._session, tenant_id, location_id)
        selector = ConfigurationSelector
        await self._session.execute(
            delete(selector).where(selector.tenant_id == tenant_id, selector.configuration_id == configuration_id)
        )
        for one in selectors:
            row = selector(tenant_id=tenant_id, configuration_id=configuration_id, **asdict(one))
            row.labels_digest = digest_of_labels(read_labels(one.station_labels))
            self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise AlreadyExists("configuration", "with one of these selectors") from error

    async def remove(self, row: Configuration) -> None:
        """Remove a configuration.

        Raises:
            FailedPrecondition: When it was chosen for a station.
        """
        if await names_configuration(self._session, row.tenant_id, row.configuration_id):
            raise FailedPrecondition(f"configuration {row.configuration_id} is that of a station")
        await self.put_selectors(row.tenant_id, row.configuration_id, [])
        await self._session.delete(row)


@dataclass(frozen=True)
class DueStation:
    """A station whose next step is due."""

    tenant_id: str
    station_id: str
    state: int
    next_time: datetime | None


class ProvisioningRepository:
    """Reads and writes the progress of stations with their configuration within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: Provisioning) -> None:
        """Store the progress of a station that had none."""
        self._session.add(row)

    async def remove(self, row: Provisioning) -> None:
        """Remove the progress of a station."""
        await self._session.delete(row)

    async def find(self, tenant_id: str, station_id: str) -> Provisioning | None:
        """Return the progress of a station, or None if it never began."""
        return await self._session.get(Provisioning, (tenant_id, station_id))

    async def find_for_update(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, Provisioning]:
        """Return the progress of stations, locked until the commit."""
        values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in station_ids)}
        rows = await self._session.scalars(_FIND_FOR_UPDATE, values)
        return {row.station_id: row for row in rows}

    async def find_all(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, Provisioning]:
        """Return the progress of stations."""
        rows = await self._session.scalars(
            select(Provisioning).where(
                Provisioning.tenant_id == tenant_id, one_of(Provisioning.station_id, station_ids)
            )
        )
        return {row.station_id: row for row in rows}

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        states: Collection[int],
        configuration_id: str,
        stations: StationSelector | None = None,
    ) -> Listed[Provisioning]:
        """Return the progress of stations, by station; filtered by what is given."""
        query = select(Provisioning).where(Provisioning.tenant_id == tenant_id)
        if states:
            query = query.where(Provisioning.state.in_(states))
        if configuration_id:
            query = query.where(Provisioning.configuration_id == configuration_id)
        if stations is not None:
            after = page.key(Provisioning.station_id)
            behind = None if after is None else after[0]
            query = query.where(*stations_selected(tenant_id, Provisioning.station_id, stations, behind))
        return await page.read(self._session, query, Provisioning.station_id)

    async def put_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Start the configuration of stations, and replace their previous progress."""
        await _PUT.execute_mappings(self._session, rows)

    async def ask_to_boot(self, tenant_id: str, station_id: str, now: datetime, *, anew: bool) -> None:
        """Schedule the request of another BootNotification from a station.

        Args:
            tenant_id: Tenant of the station.
            station_id: The station, which is Pending.
            now: When to send the request.
            anew: Whether to apply its configuration then, unless that was completed already.
        """
        row = (await self.find_for_update(tenant_id, [station_id])).get(station_id)
        if row is None:
            row = Provisioning(
                tenant_id=tenant_id,
                station_id=station_id,
                configuration_id="",
                digest="",
                start_time=now,
                results=b"",
                problem="",
            )
            self._session.add(row)
        elif anew and row.state not in (pb.PROVISIONING_STATE_DONE, pb.PROVISIONING_STATE_CHECKING):
            row.digest = ""
        row.state = pb.PROVISIONING_STATE_BOOTING
        row.next_time = row.update_time = now
        row.attempts, row.finish_time = 0, None

    @staticmethod
    @cache
    def next_due() -> Due:
        """Return the query of the time at which the next step of a connected station is due."""
        row = Provisioning
        may_go_on = is_connected(row.tenant_id, row.station_id), may_be_sent_to(row.tenant_id, row.station_id)
        return select(row.next_time).where(row.next_time.is_not(None), *may_go_on).order_by(row.next_time).limit(1)

    async def due(self, now: datetime, limit: int) -> Sequence[DueStation]:
        """Return connected stations to which may be sent, and whose next step is due; the longest due first."""
        row = Provisioning
        result = await self._session.execute(
            select(row.tenant_id, row.station_id, row.state, row.next_time)
            .where(
                row.next_time <= now,
                is_connected(row.tenant_id, row.station_id),
                may_be_sent_to(row.tenant_id, row.station_id),
            )
            .order_by(row.next_time)
            .limit(limit)
        )
        return [DueStation(*each) for each in result]

    async def claim(self, due: DueStation, lease: datetime) -> bool:
        """Claim a step for this core until the lease ends; return False if another core claimed it first."""
        table = Provisioning.__table__.c
        result = await self._session.execute(
            update(Provisioning)
            .where(
                table.tenant_id == due.tenant_id,
                table.station_id == due.station_id,
                table.state == due.state,
                table.next_time == due.next_time,
            )
            .values(next_time=lease, attempts=Provisioning.attempts + 1)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount == 1

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the progress of a station by its id."""
        await self._session.execute(
            delete(Provisioning).where(Provisioning.tenant_id == tenant_id, Provisioning.station_id == station_id)
        )
