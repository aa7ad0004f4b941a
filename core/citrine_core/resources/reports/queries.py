"""Queries into reports for other packages."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from citrine.api.v1.reports_pb2 import ReportKind
from citrine_core.resources.reports.models import ReportRun

__all__ = ["Run", "unfinished_requests"]

Run = aliased(ReportRun, name="run")
"""A report, to be joined by tenant_id, station_id, kind and request_id with rows of a block."""


async def unfinished_requests(
    session: AsyncSession, tenant_id: str, station_id: str, kind: ReportKind.ValueType
) -> Sequence[int]:
    """Return the request ids of reports of a station that were answered and have not ended, the latest last."""
    rows = await session.scalars(
        select(Run.request_id)
        .where(
            Run.tenant_id == tenant_id,
            Run.station_id == station_id,
            Run.kind == kind,
            Run.answer_time.is_not(None),
            Run.finish_time.is_(None),
        )
        .order_by(Run.answer_time)
    )
    return rows.all()
