"""Reports: every request that a station answers in several messages is an object that one can wait for and read.

Blocks request reports by `ReportRequests`, report the end of a request by `report_answered` and `report_failed`, and
store arriving parts by `store_parts`.
"""

from functools import partial

from citrine.api.v1 import reports_pb2_grpc
from citrine.api.v1.reports_pb2 import ReportKind, ReportState
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.events import EventFeed
from citrine_core.resources.reports.jobs import ReportExpiry
from citrine_core.resources.reports.models import ReportPart, ReportRun
from citrine_core.resources.reports.parts import Part, store_parts
from citrine_core.resources.reports.repository import ReportRepository
from citrine_core.resources.reports.requests import ReportRequests
from citrine_core.resources.reports.runs import end_run, part_refused, report_answered, report_failed
from citrine_core.resources.reports.servicer import ReportsServicer
from citrine_core.services import Services

__all__ = [
    "Part",
    "ReportExpiry",
    "ReportKind",
    "ReportPart",
    "ReportRepository",
    "ReportRequests",
    "ReportRun",
    "ReportState",
    "ReportsServicer",
    "block",
    "end_run",
    "forget_reports",
    "part_refused",
    "report_answered",
    "report_failed",
    "store_parts",
]


async def forget_reports(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the reports of a station."""
    await ReportRepository(work.session).forget(tenant_id, station_id)


def block(services: Services, feed: EventFeed) -> Block:
    """Return the resource, composed in the form of a block."""
    servicer = ReportsServicer(services, feed)
    return Block(
        "reports",
        add_servicers=[partial(reports_pb2_grpc.add_ReportsServiceServicer_to_server, servicer)],
        service_names=["citrine.api.v1.ReportsService"],
        jobs=ReportExpiry(services).jobs,
        forget_station=forget_reports,
    )
