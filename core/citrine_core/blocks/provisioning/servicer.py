"""ProvisioningService: the gRPC face of functional block B."""

import grpc

from citrine.api.v1 import provisioning_pb2 as pb
from citrine.api.v1 import provisioning_pb2_grpc
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.reports_pb2 import REPORT_KIND_DEVICE_MODEL
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import EVSE, Component
from citrine.ocpp.v2.types_pb2 import Variable as OcppVariable
from citrine_core.blocks.provisioning.message_splitting import PieceSender, merged, outcome
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.blocks.provisioning.records import (
    NetworkProfileRepository,
    ResetRepository,
    network_profile_to_proto,
    reset_to_proto,
)
from citrine_core.blocks.provisioning.repository import VariableRepository
from citrine_core.blocks.provisioning.variables import check_no_repetition
from citrine_core.errors import InvalidArgument
from citrine_core.resources.reports import ReportRequests
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["ProvisioningServicer"]


class ProvisioningServicer(provisioning_pb2_grpc.ProvisioningServiceServicer):
    """Boot, configuration and reports."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reports = ReportRequests(services)
        self._pieces = PieceSender(services)

    async def ListVariables(
        self,
        request: pb.ListVariablesRequest,
        context: grpc.aio.ServicerContext[pb.ListVariablesRequest, pb.ListVariablesResponse],
    ) -> pb.ListVariablesResponse:
        _require_station(request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await VariableRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                request.station_id,
                component=request.component,
                variable=request.variable,
            )
        return pb.ListVariablesResponse(variables=[variable_to_proto(row) for row in rows], next_page_token=token)

    async def GetVariables(
        self,
        request: pb.GetVariablesRequest,
        context: grpc.aio.ServicerContext[pb.GetVariablesRequest, pb.GetVariablesResponse],
    ) -> pb.GetVariablesResponse:
        sent = await self._pieces.send(caller(context), request.target, request.request, context=context)
        commands, answers = zip(*sent, strict=True)
        return pb.GetVariablesResponse(
            command=commands[-1],
            response=merged(answers, "get_variable_result"),
            commands=commands if len(commands) > 1 else (),
        )

    async def SetVariables(
        self,
        request: pb.SetVariablesRequest,
        context: grpc.aio.ServicerContext[pb.SetVariablesRequest, pb.SetVariablesResponse],
    ) -> pb.SetVariablesResponse:
        check_no_repetition(request.request)
        sent = await self._pieces.send(caller(context), request.target, request.request, context=context)
        commands, answers = zip(*sent, strict=True)
        return pb.SetVariablesResponse(
            command=commands[-1],
            response=merged(answers, "set_variable_result"),
            commands=commands if len(commands) > 1 else (),
        )

    async def GetBaseReport(
        self,
        request: pb.GetBaseReportRequest,
        context: grpc.aio.ServicerContext[pb.GetBaseReportRequest, pb.GetBaseReportResponse],
    ) -> pb.GetBaseReportResponse:
        return await self._reports.request(context, request, pb.GetBaseReportResponse, REPORT_KIND_DEVICE_MODEL)

    async def GetReport(
        self,
        request: pb.GetReportRequest,
        context: grpc.aio.ServicerContext[pb.GetReportRequest, pb.GetReportResponse],
    ) -> pb.GetReportResponse:
        who, target = caller(context), request.target
        sent: list[tuple[Command, ocpp.GetReportResponse | None]] = []
        request_ids: list[int] = []
        for piece in await self._pieces.pieces(who, target, request.request):
            # Each piece gets a request id of its own, as parts of two reports with one id are indistinguishable.
            piece.request_id = 0 if request_ids else request.request.request_id
            sent.append(await self._reports.send(who, target, piece, REPORT_KIND_DEVICE_MODEL, context=context))
            request_ids.append(piece.request_id)
        commands, answers = zip(*sent, strict=True)
        return pb.GetReportResponse(
            command=commands[-1],
            response=outcome(answers),
            commands=commands if len(commands) > 1 else (),
            request_ids=request_ids,
        )

    async def Reset(
        self,
        request: pb.ResetRequest,
        context: grpc.aio.ServicerContext[pb.ResetRequest, pb.ResetResponse],
    ) -> pb.ResetResponse:
        return await self._services.commands.call(context, request, pb.ResetResponse)

    async def GetReset(
        self,
        request: pb.GetResetRequest,
        context: grpc.aio.ServicerContext[pb.GetResetRequest, pb.StationReset],
    ) -> pb.StationReset:
        required("reset_id", request.reset_id)
        async with self._services.unit_of_work(read_only=True) as work:
            return reset_to_proto(await ResetRepository(work.session).get(caller(context).tenant_id, request.reset_id))

    async def ListResets(
        self,
        request: pb.ListResetsRequest,
        context: grpc.aio.ServicerContext[pb.ListResetsRequest, pb.ListResetsResponse],
    ) -> pb.ListResetsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await ResetRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                answered=span_of(request.answer_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListResetsResponse(resets=[reset_to_proto(row) for row in rows], next_page_token=token)

    async def SetNetworkProfile(
        self,
        request: pb.SetNetworkProfileRequest,
        context: grpc.aio.ServicerContext[pb.SetNetworkProfileRequest, pb.SetNetworkProfileResponse],
    ) -> pb.SetNetworkProfileResponse:
        return await self._services.commands.call(context, request, pb.SetNetworkProfileResponse)

    async def ListNetworkProfiles(
        self,
        request: pb.ListNetworkProfilesRequest,
        context: grpc.aio.ServicerContext[pb.ListNetworkProfilesRequest, pb.ListNetworkProfilesResponse],
    ) -> pb.ListNetworkProfilesResponse:
        _require_station(request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await NetworkProfileRepository(work.session).list(caller(context).tenant_id, request.station_id)
        return pb.ListNetworkProfilesResponse(network_profiles=[network_profile_to_proto(row) for row in rows])


def _require_station(station_id: str) -> None:
    if not station_id:
        raise InvalidArgument("station_id", "must not be empty")


def variable_to_proto(row: ReportedVariable) -> pb.Variable:
    """Return a variable as the API shows it."""
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
