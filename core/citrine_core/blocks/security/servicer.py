"""SecurityService: the gRPC face of functional block A."""

import grpc

from citrine.api.v1 import security_pb2 as pb
from citrine.api.v1 import security_pb2_grpc
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest
from citrine_core.blocks.security.models import SecurityEvent
from citrine_core.blocks.security.repository import SecurityEventRepository
from citrine_core.rpc import caller, open_page
from citrine_core.services import Services

__all__ = ["SecurityServicer"]


class SecurityServicer(security_pb2_grpc.SecurityServiceServicer):
    """Serves the security events that stations reported."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ListSecurityEvents(
        self,
        request: pb.ListSecurityEventsRequest,
        context: grpc.aio.ServicerContext[pb.ListSecurityEventsRequest, pb.ListSecurityEventsResponse],
    ) -> pb.ListSecurityEventsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await SecurityEventRepository(work.session).list(
                caller(context).tenant_id, open_page(request), station_id=request.station_id
            )
        return pb.ListSecurityEventsResponse(security_events=[to_proto(row) for row in rows], next_page_token=token)


def to_proto(row: SecurityEvent) -> pb.SecurityEvent:
    """Return a security event as the API shows it."""
    shown = pb.SecurityEvent(
        station_id=row.station_id, request=SecurityEventNotificationRequest.FromString(row.request)
    )
    shown.create_time.FromDatetime(row.create_time)
    return shown
