"""Refusals: which messages of stations were refused or dropped, and what operators tolerate.

Edges count refusals and report them periodically; refusals of the core pass through the edges as well. Other packages
read summaries by `queries`.
"""

from functools import partial

from citrine.api.v1 import refusals_pb2_grpc
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.link.registry import LinkRegistry
from citrine_core.resources.refusals.jobs import RefusalJobs
from citrine_core.resources.refusals.models import RefusalRow, ToleranceRuleRow
from citrine_core.resources.refusals.repository import RefusalRepository, ToleranceRepository
from citrine_core.resources.refusals.servicer import RefusalsServicer
from citrine_core.resources.refusals.stage import RefusalsStage
from citrine_core.services import Services

__all__ = [
    "RefusalJobs",
    "RefusalRepository",
    "RefusalRow",
    "RefusalsServicer",
    "RefusalsStage",
    "ToleranceRepository",
    "ToleranceRuleRow",
    "block",
    "forget_refusals",
]


async def forget_refusals(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the refusals of a station."""
    await RefusalRepository(work.session).forget(tenant_id, station_id)


def block(services: Services, links: LinkRegistry) -> Block:
    """Return the resource, composed in the form of a block."""
    jobs = RefusalJobs(services, lambda: links)
    servicer = RefusalsServicer(services, jobs.announcing.wake)
    return Block(
        "refusals",
        add_servicers=[partial(refusals_pb2_grpc.add_RefusalsServiceServicer_to_server, servicer)],
        service_names=["citrine.api.v1.RefusalsService"],
        jobs=jobs.jobs,
        on_edge_linked=[jobs.linked],
        forget_station=forget_refusals,
    )
