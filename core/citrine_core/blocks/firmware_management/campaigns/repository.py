"""Queries of the campaigns."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, CursorResult, and_, exists, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_core.blocks.firmware_management.campaigns.models import FirmwareCampaign, FirmwareCampaignStation
from citrine_core.blocks.firmware_management.models import FirmwareUpdate
from citrine_core.blocks.firmware_management.updates import ACTIVE
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, begins_with, one_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.encryption import SecretColumn
from citrine_core.errors import NotFound
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.locations.queries import is_in_zone
from citrine_core.resources.stations.queries import is_accepted, list_hardware
from citrine_core.resources.tenants.quotas import Counted

__all__ = ["CAMPAIGNS", "SECRET_LOCATIONS", "CampaignRepository", "Counts", "Progress"]

Counts: TypeAlias = Mapping[int, int]
"""Number of a campaign's stations by state."""

_CAMPAIGNS = FirmwareCampaign.metadata.tables["firmware_campaigns"]
CAMPAIGNS = Counted(QuotaKind.QUOTA_KIND_FIRMWARE_CAMPAIGNS, _CAMPAIGNS)
_STATIONS = FirmwareCampaignStation.metadata.tables["firmware_campaign_stations"]

SECRET_LOCATIONS = SecretColumn(_CAMPAIGNS, "secret_location", ("tenant_id", "campaign_id"))
"""Locations of firmware that have a password."""

_ADD = BulkInsert(_CAMPAIGNS, ignore=True, key=("tenant_id", "campaign_id"), returning=("campaign_id",))
_ADD_STATIONS = BulkInsert(_STATIONS)

_PENDING = pb.FIRMWARE_CAMPAIGN_STATION_STATE_PENDING
_STARTING = pb.FIRMWARE_CAMPAIGN_STATION_STATE_STARTING
_RUNNING = pb.FIRMWARE_CAMPAIGN_STATION_STATE_RUNNING
_FAILED = pb.FIRMWARE_CAMPAIGN_STATION_STATE_FAILED

_UNFINISHED = (_PENDING, _STARTING, _RUNNING)

_AT_WORK = (pb.FIRMWARE_CAMPAIGN_STATE_SCHEDULED, pb.FIRMWARE_CAMPAIGN_STATE_RUNNING)

STEP = 1000
"""Stations that are read in one query."""


class Progress(NamedTuple):
    """What a campaign's next step depends on, which is found without reading the stations that are done or wait."""

    has_pending: bool
    busy: int
    """Stations that update now."""
    failed: int
    """Stations that failed, or the number up to which they were counted if there are more."""


class CampaignRepository:
    """Reads and writes campaigns and their stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Mapping[str, Any], stations: Sequence[Mapping[str, Any]]) -> bool:
        """Store a campaign with its stations; return False if there is one with its id.

        Raises:
            QuotaExceeded: When the tenant may have no more.
        """
        await CAMPAIGNS.check(self._session, row["tenant_id"])
        if not await _ADD.fetch_mappings(self._session, [row]):
            return False
        await _ADD_STATIONS.execute_mappings(self._session, stations)
        return True

    async def get(self, tenant_id: str, campaign_id: str, *, for_update: bool = False) -> FirmwareCampaign:
        """Return a campaign.

        Raises:
            NotFound: When there is none with this id.
        """
        found = await self._session.get(FirmwareCampaign, (tenant_id, campaign_id), with_for_update=for_update or None)
        if found is None:
            raise NotFound("firmware campaign", campaign_id)
        return found

    async def progress(self, campaign: FirmwareCampaign, most_failed: int) -> Progress:
        """Return how far a campaign is.

        Args:
            campaign: The campaign.
            most_failed: Up to which number failed stations are counted.
        """

        def of(*states: int) -> Any:
            return select(literal(1).label("one")).where(
                _STATIONS.c.tenant_id == campaign.tenant_id,
                _STATIONS.c.campaign_id == campaign.campaign_id,
                _STATIONS.c.state.in_(states),
            )

        failed = of(_FAILED).limit(most_failed).subquery("failed")
        row = (
            await self._session.execute(
                select(
                    of(_PENDING).exists(),
                    select(func.count()).select_from(of(_STARTING, _RUNNING).subquery("busy")).scalar_subquery(),
                    select(func.count()).select_from(failed).scalar_subquery(),
                )
            )
        ).one()
        return Progress(bool(row[0]), row[1], row[2])

    async def find_all(self, tenant_id: str, campaign_ids: Collection[str]) -> dict[str, FirmwareCampaign]:
        """Return campaigns by their ids."""
        rows = await self._session.scalars(
            select(FirmwareCampaign).where(
                FirmwareCampaign.tenant_id == tenant_id,
                one_of(FirmwareCampaign.campaign_id, campaign_ids),
            )
        )
        return {row.campaign_id: row for row in rows}

    async def at_work(self) -> Sequence[tuple[str, str]]:
        """Return tenant and id of the campaigns that are scheduled or running, the oldest first."""
        rows = await self._session.execute(
            select(FirmwareCampaign.tenant_id, FirmwareCampaign.campaign_id)
            .where(FirmwareCampaign.state.in_(_AT_WORK))
            .order_by(FirmwareCampaign.create_time)
        )
        return [(row[0], row[1]) for row in rows]

    @staticmethod
    def at_work_since() -> Due:
        """Return the query of when any campaign was created that goes on or is to begin."""
        return select(FirmwareCampaign.create_time).where(FirmwareCampaign.state.in_(_AT_WORK)).limit(1)

    async def list(
        self, tenant_id: str, page: Page, *, state: int, prefix: str = "", created: Span = ANY_TIME
    ) -> Listed[FirmwareCampaign]:
        """Return campaigns in a state (0: any), the latest created first; with a prefix of their ids, by id."""
        key = (FirmwareCampaign.create_time, FirmwareCampaign.campaign_id)
        query = select(FirmwareCampaign).where(FirmwareCampaign.tenant_id == tenant_id)
        query = query.where(*created.of(FirmwareCampaign.create_time))
        if state:
            query = query.where(FirmwareCampaign.state == state)
        if prefix:
            query = query.where(begins_with(FirmwareCampaign.campaign_id, prefix))
            return await page.read(self._session, query, FirmwareCampaign.campaign_id)
        return await page.read(self._session, query, *key, descending=True)

    async def counts(self, tenant_id: str, campaign_ids: Collection[str]) -> dict[str, dict[int, int]]:
        """Return the number of stations in each state, by campaign."""
        found: dict[str, dict[int, int]] = {campaign_id: {} for campaign_id in campaign_ids}
        rows = await self._session.execute(
            select(_STATIONS.c.campaign_id, _STATIONS.c.state, func.count())
            .where(_STATIONS.c.tenant_id == tenant_id, one_of(_STATIONS.c.campaign_id, campaign_ids))
            .group_by(_STATIONS.c.campaign_id, _STATIONS.c.state)
        )
        for campaign_id, state, count in rows:
            found[campaign_id][state] = count
        return found

    async def offline_counts(self, tenant_id: str, campaign_ids: Collection[str]) -> dict[str, int]:
        """Return the number of pending stations that are not connected, by campaign."""
        rows = await self._session.execute(
            select(_STATIONS.c.campaign_id, func.count())
            .where(
                _STATIONS.c.tenant_id == tenant_id,
                one_of(_STATIONS.c.campaign_id, campaign_ids),
                _STATIONS.c.state == _PENDING,
                ~is_connected(_STATIONS.c.tenant_id, _STATIONS.c.station_id),
            )
            .group_by(_STATIONS.c.campaign_id)
        )
        return {row[0]: row[1] for row in rows}

    async def ready(
        self, campaign: FirmwareCampaign, now: datetime, limit: int, after: str, zones: Collection[str] | None
    ) -> Sequence[FirmwareCampaignStation]:
        """Return pending stations that are due, connected, accepted and without another update, locked.

        They are those next to a station's id, in the order of their ids, and in some time zones (None: in any).
        """
        busy = exists().where(
            FirmwareUpdate.tenant_id == FirmwareCampaignStation.tenant_id,
            FirmwareUpdate.station_id == FirmwareCampaignStation.station_id,
            FirmwareUpdate.state.in_(tuple(ACTIVE)),
        )
        of_station = (FirmwareCampaignStation.tenant_id, FirmwareCampaignStation.station_id)
        rows = await self._session.scalars(
            select(FirmwareCampaignStation)
            .where(
                *_of(campaign),
                FirmwareCampaignStation.state == _PENDING,
                FirmwareCampaignStation.station_id > after,
                or_(FirmwareCampaignStation.next_time.is_(None), FirmwareCampaignStation.next_time <= now),
                is_connected(*of_station),
                is_accepted(*of_station),
                ~busy,
                *([] if zones is None else [is_in_zone(*of_station, zones)]),
            )
            .order_by(FirmwareCampaignStation.station_id)
            .limit(limit)
            .with_for_update(of=FirmwareCampaignStation)
        )
        return rows.all()

    async def left_behind(self, campaign: FirmwareCampaign, before: datetime) -> Sequence[FirmwareCampaignStation]:
        """Return stations that were claimed before a time and whose command has not ended, locked."""
        rows = await self._session.scalars(
            select(FirmwareCampaignStation)
            .where(
                *_of(campaign),
                FirmwareCampaignStation.state == _STARTING,
                FirmwareCampaignStation.claim_time < before,
            )
            .order_by(FirmwareCampaignStation.station_id)
            .with_for_update()
        )
        return rows.all()

    async def end_pending(
        self, campaign: FirmwareCampaign, state: pb.FirmwareCampaignStationState.ValueType, reason: str, now: datetime
    ) -> int:
        """Set all pending stations to a final state, and return their number."""
        result = await self._session.execute(
            update(FirmwareCampaignStation)
            .where(*_of(campaign), FirmwareCampaignStation.state == _PENDING)
            .values(state=state, reason=reason, next_time=None, update_time=now)
            .execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount

    async def stations_for_update(
        self, tenant_id: str, keys: Collection[tuple[str, str]]
    ) -> Sequence[FirmwareCampaignStation]:
        """Return stations by campaign and id, locked until the commit."""
        row = FirmwareCampaignStation
        rows = await self._session.scalars(
            select(row)
            .where(row.tenant_id == tenant_id, one_of((row.campaign_id, row.station_id), keys))
            .order_by(row.campaign_id, row.station_id)
            .with_for_update()
        )
        return rows.all()

    async def list_stations(
        self, campaign: FirmwareCampaign, page: Page, *, state: int
    ) -> Listed[tuple[FirmwareCampaignStation, int | None, bool]]:
        """Return stations by their ids, with the state of their latest update and whether they are connected."""
        row = FirmwareCampaignStation
        query = (
            select(row, FirmwareUpdate.state, is_connected(row.tenant_id, row.station_id))
            .outerjoin(FirmwareUpdate, and_(_same(FirmwareUpdate, row), FirmwareUpdate.request_id == row.request_id))
            .where(*_of(campaign))
        )
        if state:
            query = query.where(row.state == state)
        return await page.read_rows(self._session, query, row.station_id)

    async def hardware(
        self, tenant_id: str, station_ids: Collection[str] | None, selector: StationSelector
    ) -> AsyncIterator[tuple[str, ChargingStation]]:
        """Yield the hardware in the last boot of selected stations (of these ids; None: of any), by id."""
        after = ""
        while True:
            rows = await list_hardware(self._session, tenant_id, station_ids, selector, after=after, limit=STEP)
            for row in rows:
                yield row
            if len(rows) < STEP:
                return
            after = rows[-1][0]

    async def forget_station(self, tenant_id: str, station_id: str, now: datetime) -> None:
        """Set a removed station to SKIPPED in all campaigns that have not finished with it."""
        row = FirmwareCampaignStation
        unfinished = (row.tenant_id == tenant_id, row.station_id == station_id, row.state.in_(_UNFINISHED))
        # Campaigns before stations, as everybody locks them.
        campaigns = await self._session.scalars(
            select(FirmwareCampaign)
            .where(
                FirmwareCampaign.tenant_id == tenant_id,
                FirmwareCampaign.campaign_id.in_(select(row.campaign_id).where(*unfinished)),
            )
            .order_by(FirmwareCampaign.campaign_id)
            .with_for_update()
        )
        for campaign in campaigns.all():
            result = await self._session.execute(
                update(row)
                .where(*unfinished, row.campaign_id == campaign.campaign_id)
                .values(
                    state=pb.FIRMWARE_CAMPAIGN_STATION_STATE_SKIPPED,
                    reason="the station was removed",
                    next_time=None,
                    update_time=now,
                )
                .execution_options(synchronize_session=False)
            )
            assert isinstance(result, CursorResult)
            campaign.skipped += result.rowcount


def _of(campaign: FirmwareCampaign) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    row = FirmwareCampaignStation
    return row.tenant_id == campaign.tenant_id, row.campaign_id == campaign.campaign_id


def _same(left: Any, right: Any) -> ColumnElement[bool]:
    return and_(left.tenant_id == right.tenant_id, left.station_id == right.station_id)
