"""SecurityService: the gRPC face of functional block A."""

import grpc

from citrine.api.v1 import security_pb2 as pb
from citrine.api.v1 import security_pb2_grpc
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest
from citrine_core.blocks.security.models import SecurityEvent
from citrine_core.blocks.security.orders import (
    CertificateOrderRepository,
    IssuedCertificateRepository,
    certificate_to_proto,
    order_to_proto,
)
from citrine_core.blocks.security.queries import revoke_issued_certificate
from citrine_core.blocks.security.repository import SecurityEventRepository
from citrine_core.errors import NotFound
from citrine_core.resources.stations.queries import revoke_client_certificate
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["SecurityServicer"]


class SecurityServicer(security_pb2_grpc.SecurityServiceServicer):
    """Serves the security events that stations reported, and their certificates."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def GetSecurityEvent(
        self,
        request: pb.GetSecurityEventRequest,
        context: grpc.aio.ServicerContext[pb.GetSecurityEventRequest, pb.SecurityEvent],
    ) -> pb.SecurityEvent:
        required("security_event_id", request.security_event_id)
        async with self._services.unit_of_work(read_only=True) as work:
            return to_proto(
                await SecurityEventRepository(work.session).get(caller(context).tenant_id, request.security_event_id)
            )

    async def ListSecurityEvents(
        self,
        request: pb.ListSecurityEventsRequest,
        context: grpc.aio.ServicerContext[pb.ListSecurityEventsRequest, pb.ListSecurityEventsResponse],
    ) -> pb.ListSecurityEventsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await SecurityEventRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                kind=request.type,
                times=span_of(request.time),
                stations=checked_selector(request.stations),
            )
        return pb.ListSecurityEventsResponse(security_events=[to_proto(row) for row in rows], next_page_token=token)

    async def GetCertificateOrder(
        self,
        request: pb.GetCertificateOrderRequest,
        context: grpc.aio.ServicerContext[pb.GetCertificateOrderRequest, pb.CertificateOrder],
    ) -> pb.CertificateOrder:
        required("order_id", request.order_id)
        async with self._services.unit_of_work(read_only=True) as work:
            row = await CertificateOrderRepository(work.session).get(caller(context).tenant_id, request.order_id)
        return order_to_proto(row)

    async def ListCertificateOrders(
        self,
        request: pb.ListCertificateOrdersRequest,
        context: grpc.aio.ServicerContext[pb.ListCertificateOrdersRequest, pb.ListCertificateOrdersResponse],
    ) -> pb.ListCertificateOrdersResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await CertificateOrderRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListCertificateOrdersResponse(certificate_orders=map(order_to_proto, rows), next_page_token=token)

    async def GetIssuedCertificate(
        self,
        request: pb.GetIssuedCertificateRequest,
        context: grpc.aio.ServicerContext[pb.GetIssuedCertificateRequest, pb.IssuedCertificate],
    ) -> pb.IssuedCertificate:
        station_id = required("station_id", request.station_id)
        fingerprint = required("fingerprint", request.fingerprint)
        async with self._services.unit_of_work(read_only=True) as work:
            row = await IssuedCertificateRepository(work.session).get(
                caller(context).tenant_id, station_id, fingerprint
            )
        return certificate_to_proto(row, self._services.clock())

    async def ListIssuedCertificates(
        self,
        request: pb.ListIssuedCertificatesRequest,
        context: grpc.aio.ServicerContext[pb.ListIssuedCertificatesRequest, pb.ListIssuedCertificatesResponse],
    ) -> pb.ListIssuedCertificatesResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await IssuedCertificateRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                stations=checked_selector(request.stations),
            )
        now = self._services.clock()
        shown = [certificate_to_proto(row, now) for row in rows]
        return pb.ListIssuedCertificatesResponse(issued_certificates=shown, next_page_token=token)

    async def RevokeIssuedCertificate(
        self,
        request: pb.RevokeIssuedCertificateRequest,
        context: grpc.aio.ServicerContext[pb.RevokeIssuedCertificateRequest, pb.IssuedCertificate],
    ) -> pb.IssuedCertificate:
        required("station_id", request.station_id)
        fingerprint = required("fingerprint", request.fingerprint)
        now = self._services.clock()
        async with self._services.unit_of_work() as work:
            about = (caller(context).tenant_id, request.station_id, fingerprint)
            if not await revoke_issued_certificate(work.session, *about, now):
                raise NotFound("certificate", fingerprint)
            row = await IssuedCertificateRepository(work.session).find(*about)
            assert row is not None
            was_used = await revoke_client_certificate(work.session, *about, now)
            await work.commit()
        if was_used:
            await self._services.disconnect(row.tenant_id, row.station_id, "its certificate was revoked")
        return certificate_to_proto(row, now)


def to_proto(row: SecurityEvent) -> pb.SecurityEvent:
    """Return a security event as the API shows it."""
    shown = pb.SecurityEvent(
        security_event_id=str(row.id),
        station_id=row.station_id,
        request=SecurityEventNotificationRequest.FromString(row.request),
    )
    shown.create_time.FromDatetime(row.create_time)
    return shown
