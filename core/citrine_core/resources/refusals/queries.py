"""Queries into refusals for other packages: the most important refusal of a station."""

from collections.abc import Collection

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from citrine.api.v1 import refusals_pb2 as pb
from citrine_core.db import one_of
from citrine_core.resources.refusals.models import RefusalRow
from citrine_core.resources.refusals.protos import to_proto

__all__ = ["find_summaries"]


async def find_summaries(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, pb.RefusalSummary]:
    """Return the summaries of refused and dropped messages, by station; stations without any are omitted."""
    is_event = RefusalRow.action == "TransactionEvent"
    gravity = case(
        (RefusalRow.action == "BootNotification", 0),
        (or_(is_event & (RefusalRow.event_type == "Ended"), RefusalRow.action == "StopTransaction"), 1),
        (or_(is_event, RefusalRow.action == "StartTransaction"), 2),
        else_=3,
    )
    place = func.row_number().over(partition_by=RefusalRow.station_id, order_by=(gravity, RefusalRow.last_time.desc()))
    total = func.sum(RefusalRow.count).over(partition_by=RefusalRow.station_id)
    # Boots that are refused for four reasons are four rows, but one fact.
    kind = (RefusalRow.station_id, RefusalRow.action, RefusalRow.event_type)
    alike = func.sum(RefusalRow.count).over(partition_by=kind)
    ranked = (
        select(RefusalRow, place.label("place"), total.label("total"), alike.label("alike"))
        .where(
            RefusalRow.tenant_id == tenant_id,
            one_of(RefusalRow.station_id, station_ids),
            or_(
                RefusalRow.outcome == pb.REFUSAL_OUTCOME_REFUSED,
                RefusalRow.outcome == pb.REFUSAL_OUTCOME_DROPPED,
            ),
        )
        .subquery()
    )
    first = aliased(RefusalRow, ranked)
    rows = await session.execute(select(first, ranked.c.total, ranked.c.alike).where(ranked.c.place == 1))
    return {
        row.station_id: pb.RefusalSummary(count=int(count), gravest=to_proto(row), gravest_count=int(alike))
        for row, count, alike in rows
    }
