"""Operations: one action on many stations, some at a time, by the rpc that does it on one."""

from datetime import timedelta
from functools import partial

from citrine.api.v1 import operations_pb2_grpc
from citrine.api.v1.stations_pb2_grpc import add_StationsServiceServicer_to_server
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.resources.audit import AuditLog
from citrine_core.resources.operations.jobs import OperationRunner
from citrine_core.resources.operations.repository import SECRET_ACTIONS, OperationRepository
from citrine_core.resources.operations.servicer import OperationsServicer
from citrine_core.resources.stations.servicer import StationsServicer
from citrine_core.rpc.in_process import InProcessRpcs
from citrine_core.services import Services

__all__ = ["OperationRepository", "OperationRunner", "block", "runner"]

INTERVAL = timedelta(seconds=2)
"""Interval between checks for stations of operations that are connected again or due."""


def runner(services: Services) -> OperationRunner:
    """Return what runs the operations of a core, by the rpcs of its blocks."""
    made: list[InProcessRpcs] = []

    def rpcs() -> InProcessRpcs:
        # The blocks are complete only after all of them are made.
        if not made:
            stations = partial(add_StationsServiceServicer_to_server, StationsServicer(services))
            of_blocks = [add for block in services.registry.blocks for add in block.add_servicers]
            made.append(InProcessRpcs([stations, *of_blocks], AuditLog.of(services)))
        return made[0]

    return OperationRunner(services, rpcs)


def block(services: Services) -> Block:
    """Return the resource, composed in the form of a block."""
    job = Job("operations", INTERVAL, runner(services).run, due=OperationRepository.at_work_since())

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        await OperationRepository(work.session).forget_station(tenant_id, station_id, services.clock())
        work.after_commit(job.wake)

    add = operations_pb2_grpc.add_OperationsServiceServicer_to_server
    return Block(
        "operations",
        add_servicers=[partial(add, OperationsServicer(services, job.wake))],
        service_names=["citrine.api.v1.OperationsService"],
        jobs=[job],
        secrets=[SECRET_ACTIONS],
        forget_station=forget_station,
    )
