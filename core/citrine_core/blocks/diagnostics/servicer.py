"""DiagnosticsService: the gRPC face of functional block N."""

import grpc

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1 import diagnostics_pb2_grpc
from citrine.ocpp.v2.diagnostics_pb2 import EventData
from citrine_core.blocks.diagnostics.models import StationEvent
from citrine_core.blocks.diagnostics.repository import StationEventRepository
from citrine_core.rpc import caller, open_page
from citrine_core.services import Services

__all__ = ["DiagnosticsServicer"]


class DiagnosticsServicer(diagnostics_pb2_grpc.DiagnosticsServiceServicer):
    """What stations report about their components."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ListStationEvents(
        self,
        request: pb.ListStationEventsRequest,
        context: grpc.aio.ServicerContext[pb.ListStationEventsRequest, pb.ListStationEventsResponse],
    ) -> pb.ListStationEventsResponse:
        page = open_page(request)
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await StationEventRepository(work.session).list(
                caller(context).tenant_id,
                station_id=request.station_id,
                after=page.after[0] if page.after else None,
                limit=page.size + 1,
            )
        shown, token = page.close(rows, lambda row: (row.id,))
        return pb.ListStationEventsResponse(station_events=[to_proto(row) for row in shown], next_page_token=token)


def to_proto(row: StationEvent) -> pb.StationEvent:
    """Return what the API shows of an event."""
    shown = pb.StationEvent(station_id=row.station_id, event=EventData.FromString(row.event))
    shown.create_time.FromDatetime(row.create_time)
    return shown
