"""ProvisioningService: the gRPC face of functional block B."""

from collections.abc import Sequence

import grpc

from citrine.api.v1 import provisioning_pb2 as pb
from citrine.api.v1 import provisioning_pb2_grpc
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import EVSE, Component
from citrine.ocpp.v2.types_pb2 import Variable as OcppVariable
from citrine_core.blocks.provisioning.models import ReportedVariable, ReportRun
from citrine_core.blocks.provisioning.repository import ReportRepository, VariableKey, VariableRepository
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import caller, open_page
from citrine_core.services import Services

__all__ = ["ProvisioningServicer", "missing_parts"]

MAX_MISSING = 1000
"""Numbers of missing parts that are shown at most."""


class ProvisioningServicer(provisioning_pb2_grpc.ProvisioningServiceServicer):
    """Boot, configuration and reports."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ListVariables(
        self,
        request: pb.ListVariablesRequest,
        context: grpc.aio.ServicerContext[pb.ListVariablesRequest, pb.ListVariablesResponse],
    ) -> pb.ListVariablesResponse:
        _require_station(request.station_id)
        page = open_page(request)
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await VariableRepository(work.session).list(
                caller(context).tenant_id,
                request.station_id,
                component=request.component,
                variable=request.variable,
                after=page.after,
                limit=page.size + 1,
            )
        shown, token = page.close(rows, lambda row: tuple(getattr(row, name) for name in VariableKey._fields))
        return pb.ListVariablesResponse(variables=[variable_to_proto(row) for row in shown], next_page_token=token)

    async def GetReportRun(
        self,
        request: pb.GetReportRunRequest,
        context: grpc.aio.ServicerContext[pb.GetReportRunRequest, pb.ReportRun],
    ) -> pb.ReportRun:
        _require_station(request.station_id)
        tenant_id = caller(context).tenant_id
        async with self._services.unit_of_work(read_only=True) as work:
            reports = ReportRepository(work.session)
            run = await reports.get_run(tenant_id, (request.station_id, request.request_id))
            arrived = await reports.seq_nos(tenant_id, request.station_id, [request.request_id])
        return run_to_proto(run, arrived[run.request_id])

    async def ListReportRuns(
        self,
        request: pb.ListReportRunsRequest,
        context: grpc.aio.ServicerContext[pb.ListReportRunsRequest, pb.ListReportRunsResponse],
    ) -> pb.ListReportRunsResponse:
        _require_station(request.station_id)
        tenant_id = caller(context).tenant_id
        page = open_page(request)
        async with self._services.unit_of_work(read_only=True) as work:
            reports = ReportRepository(work.session)
            rows = await reports.list_runs(
                tenant_id,
                request.station_id,
                after=(page.after[0], page.after[1]) if page.after else None,
                limit=page.size + 1,
            )
            shown, token = page.close(rows, lambda row: (row.create_time, row.request_id))
            arrived = await reports.seq_nos(tenant_id, request.station_id, [run.request_id for run in shown])
        runs = [run_to_proto(run, arrived[run.request_id]) for run in shown]
        return pb.ListReportRunsResponse(report_runs=runs, next_page_token=token)

    async def GetVariables(
        self,
        request: pb.GetVariablesRequest,
        context: grpc.aio.ServicerContext[pb.GetVariablesRequest, pb.GetVariablesResponse],
    ) -> pb.GetVariablesResponse:
        return await self._services.commands.call(context, request, pb.GetVariablesResponse)

    async def SetVariables(
        self,
        request: pb.SetVariablesRequest,
        context: grpc.aio.ServicerContext[pb.SetVariablesRequest, pb.SetVariablesResponse],
    ) -> pb.SetVariablesResponse:
        return await self._services.commands.call(context, request, pb.SetVariablesResponse)

    async def GetBaseReport(
        self,
        request: pb.GetBaseReportRequest,
        context: grpc.aio.ServicerContext[pb.GetBaseReportRequest, pb.GetBaseReportResponse],
    ) -> pb.GetBaseReportResponse:
        return await self._services.commands.call(context, request, pb.GetBaseReportResponse)

    async def Reset(
        self,
        request: pb.ResetRequest,
        context: grpc.aio.ServicerContext[pb.ResetRequest, pb.ResetResponse],
    ) -> pb.ResetResponse:
        return await self._services.commands.call(context, request, pb.ResetResponse)


def _require_station(station_id: str) -> None:
    if not station_id:
        raise InvalidArgument("station_id", "must not be empty")


def missing_parts(arrived: Sequence[int]) -> list[int]:
    """Return the numbers that are missing before the highest that arrived, the first MAX_MISSING of them.

    Args:
        arrived: Numbers of parts, in order.
    """
    missing: list[int] = []
    expected = 0
    for seq_no in arrived:
        room = MAX_MISSING - len(missing)
        missing.extend(range(expected, min(seq_no, expected + room)))
        expected = seq_no + 1
    return missing


def run_to_proto(run: ReportRun, arrived: Sequence[int]) -> pb.ReportRun:
    """Return what the API shows of a report."""
    shown = pb.ReportRun(
        request_id=run.request_id,
        station_id=run.station_id,
        parts=run.parts,
        variables=run.variables,
        complete=run.is_complete,
        missing_parts=missing_parts(arrived),
    )
    if run.start_time is not None:
        shown.start_time.FromDatetime(run.start_time)
    if run.update_time is not None:
        shown.update_time.FromDatetime(run.update_time)
    return shown


def variable_to_proto(row: ReportedVariable) -> pb.Variable:
    """Return what the API shows of a variable."""
    component = Component(name=row.component, instance=row.component_instance or None)
    if row.evse_id >= 0:
        component.evse.CopyFrom(EVSE(id=row.evse_id, connector_id=row.connector_id if row.connector_id >= 0 else None))
    shown = pb.Variable(
        component=component,
        variable=OcppVariable(name=row.variable, instance=row.variable_instance or None),
        attribute=row.attribute,  # type: ignore[arg-type]  # stored as the number
        value=row.value,
        mutability=row.mutability,  # type: ignore[arg-type]  # stored as the number
        persistent=row.persistent,
        constant=row.constant,
    )
    if row.characteristics is not None:
        shown.characteristics.CopyFrom(ocpp.VariableCharacteristics.FromString(row.characteristics))
    shown.update_time.FromDatetime(row.update_time)
    return shown
