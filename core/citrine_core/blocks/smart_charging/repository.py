"""Queries of functional block K."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter

from sqlalchemy import ColumnElement, Row, and_, case, delete, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.types_pb2 import CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE as TX
from citrine_core.blocks.provisioning import ReportedVariable
from citrine_core.blocks.provisioning.queries import find_variables
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit, Negotiation, ProfileQuery, ProfileRecord
from citrine_core.blocks.transactions.queries import find_open, has_ended, latest_of_start
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, UnitOfWork, earliest
from citrine_core.db.bulk import BulkInsert
from citrine_core.errors import NotFound
from citrine_core.resources.stations.queries import lock_station
from citrine_core.resources.stations.selection import stations_selected

__all__ = [
    "ChargingContextRepository",
    "NegotiationRepository",
    "OpenTransaction",
    "ProfileRepository",
    "forget_charging",
]

_PROFILES = ProfileRecord.metadata.tables["charging_profiles"]
_PROFILE_COLUMNS = tuple(column.name for column in _PROFILES.columns if column.name != "id")
_profile_columns = attrgetter(*_PROFILE_COLUMNS)
_ADD_PROFILES = BulkInsert(_PROFILES, _PROFILE_COLUMNS)

LARGEST_ID = 2**31 - 1

_ACTIVE = (pb.CHARGING_PROFILE_STATE_WANTED, pb.CHARGING_PROFILE_STATE_ACCEPTED)
_PASSED_INTO = (pb.CHARGING_PROFILE_STATE_ENDED, pb.CHARGING_PROFILE_STATE_EXPIRED)
"""States in which a profile is before that is stored."""
_SENDING = (pb.CHARGING_NEGOTIATION_STATE_PENDING, pb.CHARGING_NEGOTIATION_STATE_SENT)
_UNFINISHED = (*_SENDING, pb.CHARGING_NEGOTIATION_STATE_AWAITING_CLIENT)


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has not ended."""

    transaction_id: str
    evse_id: int | None
    energy_wh: float | None
    orphaned: bool
    """True: its station has booted since, and has not reported it again."""
    charging_state: int | None = None
    """citrine.ocpp.v2.ChargingStateEnum"""
    remote_start_id: int | None = None


def _of_ended_transaction() -> ColumnElement[bool]:
    return and_(
        ProfileRecord.purpose == TX,
        has_ended(ProfileRecord.tenant_id, ProfileRecord.station_id, ProfileRecord.transaction_id),
    )


def _state_at(now: datetime) -> ColumnElement[int]:
    """Return the state of a profile at a time, whether or not that is stored yet."""
    is_active = ProfileRecord.state.in_(_ACTIVE)
    return case(
        (and_(is_active, _of_ended_transaction()), pb.CHARGING_PROFILE_STATE_ENDED),
        (and_(is_active, ProfileRecord.valid_to <= now), pb.CHARGING_PROFILE_STATE_EXPIRED),
        else_=ProfileRecord.state,
    )


class ProfileRepository:
    """Reads and writes the record of charging profiles within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: ProfileRecord | ProfileQuery) -> None:
        """Store a new row."""
        self._session.add(row)

    async def add_all(self, rows: Sequence[ProfileRecord]) -> None:
        """Store new profiles in one statement, which does not return their ids."""
        await _ADD_PROFILES.execute(self._session, [_profile_columns(row) for row in rows])

    async def remove(self, row: ProfileRecord | ProfileQuery) -> None:
        """Remove a row."""
        await self._session.delete(row)

    async def get(self, record_id: int) -> ProfileRecord | None:
        """Return a profile, locked until the commit; None if there is none."""
        return await self._session.get(ProfileRecord, record_id, with_for_update=True)

    async def get_with_state(self, tenant_id: str, record_id: int, now: datetime) -> Row[ProfileRecord, int]:
        """Return a profile and its state now.

        Raises:
            NotFound: When there is none of this id.
        """
        query = select(ProfileRecord, _state_at(now)).where(ProfileRecord.tenant_id == tenant_id)
        found = (await self._session.execute(query.where(ProfileRecord.id == record_id))).one_or_none()
        if found is None:
            raise NotFound("charging profile record", record_id)
        return found

    async def find_active(self, tenant_id: str, station_id: str, now: datetime) -> Sequence[ProfileRecord]:
        """Return the profiles that are installed on a station or being sent, in the order in which they were set."""
        rows = await self._session.scalars(
            select(ProfileRecord)
            .where(
                ProfileRecord.tenant_id == tenant_id,
                ProfileRecord.station_id == station_id,
                _state_at(now).in_(_ACTIVE),
            )
            .order_by(ProfileRecord.id)
        )
        return rows.all()

    async def find_possible(self, tenant_id: str, station_id: str, now: datetime) -> Sequence[ProfileRecord]:
        """Return the profiles that a station has or may have, in the order in which they were set, locked."""
        rows = await self._session.scalars(
            select(ProfileRecord)
            .where(
                ProfileRecord.tenant_id == tenant_id,
                ProfileRecord.station_id == station_id,
                or_(
                    _state_at(now).in_(_ACTIVE),
                    and_(
                        ProfileRecord.state == pb.CHARGING_PROFILE_STATE_FAILED,
                        ProfileRecord.uncertain,
                        not_(_of_ended_transaction()),
                        or_(ProfileRecord.valid_to.is_(None), ProfileRecord.valid_to > now),
                    ),
                ),
            )
            .order_by(ProfileRecord.id)
            .with_for_update(of=ProfileRecord)
        )
        return rows.all()

    async def find_records(self, record_ids: Collection[int]) -> Sequence[ProfileRecord]:
        """Return records by their ids."""
        return (await self._session.scalars(select(ProfileRecord).where(ProfileRecord.id.in_(record_ids)))).all()

    async def find_for_update(
        self,
        tenant_id: str,
        station_id: str,
        *,
        profile_ids: Collection[int] | None = None,
        states: Collection[int] = _ACTIVE,
    ) -> Sequence[ProfileRecord]:
        """Return profiles of a station in some states, locked until the commit."""
        query = select(ProfileRecord).where(
            ProfileRecord.tenant_id == tenant_id,
            ProfileRecord.station_id == station_id,
            ProfileRecord.state.in_(states),
        )
        if profile_ids is not None:
            query = query.where(ProfileRecord.profile_id.in_(profile_ids))
        # All transactions lock in the same order, so that two can't deadlock.
        return (await self._session.scalars(query.order_by(ProfileRecord.id).with_for_update())).all()

    async def free_profile_id(self, tenant_id: str, station_id: str) -> int:
        """Return an id that no profile of a station ever had; if all are used, one that none has now."""
        of_station = (
            ProfileRecord.tenant_id == tenant_id,
            ProfileRecord.station_id == station_id,
            ProfileRecord.profile_id > 0,
        )
        highest = await self._session.scalar(select(func.max(ProfileRecord.profile_id)).where(*of_station))
        if (highest or 0) < LARGEST_ID:
            return (highest or 0) + 1
        used = set(
            await self._session.scalars(
                select(ProfileRecord.profile_id).where(*of_station, ProfileRecord.state.in_(_ACTIVE))
            )
        )
        return next(number for number in range(1, LARGEST_ID) if number not in used)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        now: datetime,
        *,
        station_id: str,
        evse_id: int | None,
        transaction_id: str,
        state: int,
        profile_id: int | None,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[tuple[ProfileRecord, int]]:
        """Return profiles with their states now, the latest first.

        Those stored in the asked state, and the few stored as active that are in it by now, have an index each.
        """
        row = ProfileRecord
        query = select(row, _state_at(now)).where(row.tenant_id == tenant_id, *created.of(row.create_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, ProfileRecord.station_id, stations))
        if station_id:
            query = query.where(ProfileRecord.station_id == station_id)
        if evse_id is not None:
            query = query.where(ProfileRecord.evse_id == evse_id)
        if transaction_id:
            query = query.where(ProfileRecord.transaction_id == transaction_id)
        if profile_id is not None:
            query = query.where(ProfileRecord.profile_id == profile_id)
        key = (row.create_time, row.id) if created.is_bounded else (row.id,)
        if not state:
            return await page.read_rows(self._session, query, *key, descending=True)
        stored = query.where(row.state == state, *([_state_at(now) == state] if state in _ACTIVE else []))
        found = list(await self._session.execute(page.within(stored, *key, descending=True)))
        if state in _PASSED_INTO:
            query = query.where(ProfileRecord.state.in_(_ACTIVE), _state_at(now) == state)
            # SQLite would go through all profiles in this order, to sort the few of these no more.
            found += await self._session.execute(page.within(query, *key[:-1], row.id + 0, descending=True))
        names = [column.key for column in key]
        found.sort(key=lambda shown: [getattr(shown[0], name) for name in names], reverse=True)
        return page.close(found[: page.size + 1], lambda shown: tuple(getattr(shown[0], name) for name in names))

    @staticmethod
    def live_since() -> Due:
        """Return the query of a time since which a profile may be over, or a report of profiles be forgotten."""
        active = select(ProfileRecord.create_time).where(ProfileRecord.state.in_(_ACTIVE)).limit(1)
        return earliest(active, select(ProfileQuery.create_time).limit(1))

    async def find_over(self, now: datetime, started_before: datetime, limit: int) -> Sequence[ProfileRecord]:
        """Return profiles of all tenants that are stored as active and are not any more, locked; other cores skip them.

        Args:
            now: The current time.
            started_before: Profiles of older remote starts without a transaction have ended, too.
            limit: Most profiles to return.
        """
        rows = await self._session.scalars(
            select(ProfileRecord)
            .where(
                ProfileRecord.state.in_(_ACTIVE),
                or_(
                    _state_at(now).not_in(_ACTIVE),
                    and_(ProfileRecord.state == pb.CHARGING_PROFILE_STATE_WANTED, ProfileRecord.wanted_until <= now),
                    and_(
                        ProfileRecord.remote_start_id.is_not(None),
                        ProfileRecord.transaction_id.is_(None),
                        ProfileRecord.create_time < started_before,
                    ),
                ),
            )
            .order_by(ProfileRecord.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=ProfileRecord)
        )
        return rows.all()

    async def find_transactions_of_starts(self) -> Sequence[tuple[ProfileRecord, str]]:
        """Return profiles of RequestStartTransactions whose transaction has become known, with its id."""
        row = ProfileRecord
        begun = latest_of_start(row.tenant_id, row.station_id, row.remote_start_id)
        rows = await self._session.execute(
            select(ProfileRecord, begun)
            .where(
                ProfileRecord.state.in_(_ACTIVE),
                ProfileRecord.transaction_id.is_(None),
                ProfileRecord.remote_start_id.is_not(None),
                begun.is_not(None),
            )
            .order_by(ProfileRecord.id)
            .limit(500)
        )
        return [(found[0], found[1]) for found in rows if found[1] is not None]

    async def find_query(self, tenant_id: str, station_id: str, request_id: int) -> ProfileQuery | None:
        """Return the query of a report of profiles, locked until the commit; None if there is none."""
        return await self._session.get(ProfileQuery, (tenant_id, station_id, request_id), with_for_update=True)

    async def drop_queries(self, before: datetime) -> None:
        """Remove queries whose report was never completed."""
        await self._session.execute(delete(ProfileQuery).where(ProfileQuery.create_time < before))


class ChargingContextRepository:
    """Reads data of other blocks about a station."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, tenant_id: str, station_id: str) -> bool:
        """Lock the profiles of a station until the commit; return False if there is no such station."""
        return await lock_station(self._session, tenant_id, station_id)

    async def variables(self, tenant_id: str, station_id: str) -> Sequence[ReportedVariable]:
        """Return the variables about smart charging and EVSEs in a station's device model."""
        # Part 2 spells the component in two ways.
        names = ("smartchargingctrlr", "smartchargingctrl", "evse")
        return await find_variables(self._session, tenant_id, station_id, names)

    async def open_transactions(self, tenant_id: str, station_id: str) -> Sequence[OpenTransaction]:
        """Return the open transactions of a station, the latest first."""
        return [OpenTransaction(*found) for found in await find_open(self._session, tenant_id, station_id)]


class NegotiationRepository:
    """Reads and writes negotiations with vehicles within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: Negotiation) -> None:
        """Store a new negotiation."""
        self._session.add(row)

    async def find_latest(self, tenant_id: str, station_id: str, transaction_id: str) -> Negotiation | None:
        """Return the latest negotiation of a transaction, locked until the commit."""
        row = Negotiation
        query = select(row).where(
            row.tenant_id == tenant_id, row.station_id == station_id, row.transaction_id == transaction_id
        )
        return (await self._session.scalars(query.order_by(row.id.desc()).limit(1).with_for_update())).one_or_none()

    async def find_unfinished(self, tenant_id: str, station_id: str) -> Sequence[Negotiation]:
        """Return the unfinished negotiations of a station, locked until the commit."""
        row = Negotiation
        query = select(row).where(row.tenant_id == tenant_id, row.station_id == station_id, row.state.in_(_UNFINISHED))
        return (await self._session.scalars(query.order_by(row.id).with_for_update())).all()

    async def needs_of(
        self, tenant_id: str, station_id: str, transaction_ids: Collection[str]
    ) -> Sequence[Negotiation]:
        """Return the negotiations of transactions that have needs, the oldest first."""
        row = Negotiation
        query = select(row).where(
            row.tenant_id == tenant_id,
            row.station_id == station_id,
            row.transaction_id.in_(transaction_ids),
            row.needs.is_not(None),
        )
        return (await self._session.scalars(query.order_by(row.id))).all()

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of the time at which a schedule is next to be sent, or counts as lost."""
        row = Negotiation
        return earliest(*(select(func.min(row.due_time)).where(row.state == state) for state in _SENDING))

    async def claim_due(self, now: datetime) -> Negotiation | None:
        """Claim, until the commit, a negotiation whose schedule must be sent now."""
        row = Negotiation
        query = select(row).where(row.state.in_(_SENDING), row.due_time <= now).order_by(row.due_time).limit(1)
        return (await self._session.scalars(query.with_for_update(skip_locked=True))).one_or_none()

    async def get(self, negotiation_id: int) -> Negotiation:
        """Return a negotiation, which must exist, locked until the commit."""
        return await self._session.get_one(Negotiation, negotiation_id, with_for_update=True)

    async def postpone(self, negotiation_id: int, due_time: datetime) -> None:
        """Set a later due time of a negotiation that waits for its answer."""
        row = Negotiation
        await self._session.execute(
            update(row)
            .where(row.id == negotiation_id, row.state == pb.CHARGING_NEGOTIATION_STATE_SENT)
            .values(due_time=due_time)
        )

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        transaction_id: str,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[Negotiation]:
        """Return negotiations, the latest first."""
        row = Negotiation
        query = select(row).where(row.tenant_id == tenant_id, *created.of(row.create_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, Negotiation.station_id, stations))
        if station_id:
            query = query.where(Negotiation.station_id == station_id)
        if transaction_id:
            query = query.where(Negotiation.transaction_id == transaction_id)
        key = (row.create_time, row.id) if created.is_bounded else (row.id,)
        return await page.read(self._session, query, *key, descending=True)


async def forget_charging(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the profiles, limits, capacities and negotiations of a station."""
    for table in (ProfileRecord, ProfileQuery, ExternalLimit, Capacity, Negotiation):
        await work.session.execute(delete(table).where(table.tenant_id == tenant_id, table.station_id == station_id))
