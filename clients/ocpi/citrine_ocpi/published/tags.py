"""Tags of EVSEs: the groups and labels of their stations, by which partners see them or not."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, and_, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from citrine_ocpi.db import Table
from citrine_ocpi.published.tables import PublishedRow

__all__ = ["LONGEST_TAG", "PublishedTagRow", "PublishedTags", "group_tag", "has_tags", "is_group", "label_tag"]

LONGEST_TAG = 340

_GROUP, _LABEL = "group:", "label:"


def group_tag(name: str) -> str:
    """Return the tag of a group."""
    return f"{_GROUP}{name}"


def label_tag(key: str, value: str) -> str:
    """Return the tag of a label."""
    return f"{_LABEL}{key}={value}"


def is_group(tag: str) -> bool:
    """Return whether a tag is a group, and not a label."""
    return tag.startswith(_GROUP)


class PublishedTagRow(Table):
    """A tag of an EVSE of a location. There are some only while a partner sees stations by tags."""

    __tablename__ = "published_tags"
    __table_args__ = (Index(None, "tag", "published_id"),)

    published_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("published_objects.published_id", ondelete="CASCADE"), primary_key=True
    )
    evse_uid: Mapped[str] = mapped_column(String(36), primary_key=True)
    tag: Mapped[str] = mapped_column(String(LONGEST_TAG), primary_key=True)


class PublishedTags:
    """The table of tags of EVSEs within a transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of(self, rows: Sequence[PublishedRow]) -> Mapping[int, Mapping[str, Collection[str]]]:
        """Return the tags of each EVSE of locations, by location and uid."""
        found: dict[int, dict[str, set[str]]] = {row.published_id: {} for row in rows}
        there = select(PublishedTagRow).where(PublishedTagRow.published_id.in_(found))
        for one in await self._session.scalars(there):
            found[one.published_id].setdefault(one.evse_uid, set()).add(one.tag)
        return found

    async def set(self, row: PublishedRow, tags: Mapping[str, Collection[str]]) -> None:
        """Store the tags of EVSEs of a location. Others, that are not there any more, retain theirs."""
        known = (await self.of([row]))[row.published_id]
        for uid, wanted in tags.items():
            gone = {*known.get(uid, ())} - {*wanted}
            if gone:
                same = (PublishedTagRow.published_id == row.published_id, PublishedTagRow.evse_uid == uid)
                await self._session.execute(delete(PublishedTagRow).where(*same, PublishedTagRow.tag.in_(gone)))
            for tag in {*wanted} - {*known.get(uid, ())}:
                self._session.add(PublishedTagRow(published_id=row.published_id, evse_uid=uid, tag=tag))
        await self._session.flush()


def has_tags(tags: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a location has an EVSE with one of the groups among tags, and all of the labels."""
    groups, labels = [one for one in tags if is_group(one)], sorted(one for one in tags if not is_group(one))
    evse = aliased(PublishedTagRow)
    conditions = [evse.published_id == PublishedRow.published_id]
    if groups:
        conditions.append(evse.tag.in_(groups))
    else:
        conditions.append(evse.tag == labels.pop())
    for label in labels:
        other = aliased(PublishedTagRow)
        same = and_(other.published_id == evse.published_id, other.evse_uid == evse.evse_uid, other.tag == label)
        conditions.append(exists().where(same))
    return exists().where(*conditions)
