"""Which locations a partner sees, where an operator says it: some by name, or those of stations with some tags."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, String, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Table
from citrine_ocpi.published.tags import LONGEST_TAG, is_group

__all__ = ["FilterChangeRow", "LocationFilter", "LocationFilters", "PartnerLocationRow", "PartnerTagRow"]


class PartnerLocationRow(Table):
    """A location that a partner sees. A partner without any sees what is published to it."""

    __tablename__ = "partner_locations"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36), primary_key=True)


class PartnerTagRow(Table):
    """A tag of the stations that a partner sees. A partner without any sees all stations of its locations."""

    __tablename__ = "partner_tags"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(LONGEST_TAG), primary_key=True)


class FilterChangeRow(Table):
    """A partner that sees other locations than before, and has not been sent them yet."""

    __tablename__ = "partner_filter_changes"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    change_time: Mapped[datetime]


@dataclass(frozen=True)
class LocationFilter:
    """What a partner sees of locations."""

    location_ids: frozenset[str] | None = None
    """Those alone, published or not. None: those that are published to it."""
    tags: frozenset[str] = frozenset()
    """Of stations: one of the groups, and all of the labels. Empty: of all stations."""

    def passes(self, tags: Collection[str]) -> bool:
        """Return whether an EVSE is seen, by the tags of its station."""
        groups = {one for one in self.tags if is_group(one)}
        return (not groups or not groups.isdisjoint(tags)) and self.tags - groups <= {*tags}


class LocationFilters:
    """The tables of what partners see of locations within a transaction."""

    def __init__(self, session: AsyncSession, clock: Clock = utc_now) -> None:
        self._session = session
        self._clock = clock

    async def all(self) -> Mapping[str, LocationFilter]:
        """Return the filter of each partner that has one."""
        ids: dict[str, set[str]] = {}
        tags: dict[str, set[str]] = {}
        for row in await self._session.scalars(select(PartnerLocationRow)):
            ids.setdefault(row.partner_id, set()).add(row.location_id)
        for tag in await self._session.scalars(select(PartnerTagRow)):
            tags.setdefault(tag.partner_id, set()).add(tag.tag)
        return {one: _filter(ids.get(one, ()), tags.get(one, ())) for one in ids.keys() | tags.keys()}

    async def of(self, partner_id: str) -> LocationFilter:
        """Return the filter of a partner."""
        ids = select(PartnerLocationRow.location_id).where(PartnerLocationRow.partner_id == partner_id)
        tags = select(PartnerTagRow.tag).where(PartnerTagRow.partner_id == partner_id)
        return _filter((await self._session.scalars(ids)).all(), (await self._session.scalars(tags)).all())

    async def has_tags(self) -> bool:
        """Return whether any partner sees stations by their tags."""
        return bool(await self._session.scalar(select(exists().where(PartnerTagRow.tag != ""))))

    async def set(self, partner_id: str, location_ids: Collection[str], tags: Collection[str] = ()) -> None:
        """Say what a partner sees from now on. It is sent what differs a little later.

        Args:
            partner_id: Of the partner.
            location_ids: Of all locations that it sees. Empty: those that are published to it.
            tags: Of the stations that it sees. Empty: all.
        """
        for table in (PartnerLocationRow, PartnerTagRow):
            await self._session.execute(delete(table).where(table.partner_id == partner_id))
        self._session.add_all(PartnerLocationRow(partner_id=partner_id, location_id=one) for one in {*location_ids})
        self._session.add_all(PartnerTagRow(partner_id=partner_id, tag=one) for one in {*tags})
        await self._session.merge(FilterChangeRow(partner_id=partner_id, change_time=self._clock()))

    async def changes(self) -> Mapping[str, datetime]:
        """Return the partners that see other locations than they were sent, and since when."""
        rows = await self._session.scalars(select(FilterChangeRow))
        return {row.partner_id: row.change_time for row in rows}

    async def applied(self, changes: Mapping[str, datetime]) -> None:
        """Store that partners were sent what they see, unless it is another by now."""
        for partner_id, time in changes.items():
            same = (FilterChangeRow.partner_id == partner_id, FilterChangeRow.change_time == time)
            await self._session.execute(delete(FilterChangeRow).where(*same))


def _filter(location_ids: Collection[str], tags: Collection[str]) -> LocationFilter:
    return LocationFilter(frozenset(location_ids) or None, frozenset(tags))
