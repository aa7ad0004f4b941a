"""ConnectionsService."""

from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from sqlalchemy import Row

from citrine.api.v1 import connections_pb2 as pb
from citrine.api.v1.connections_pb2_grpc import ConnectionsServiceServicer
from citrine.edge.v1 import link_pb2
from citrine_core.errors import InvalidArgument, NotFound, StationUnavailable
from citrine_core.resources.connections.models import ConnectionRecord
from citrine_core.resources.connections.records import ConnectionRecords
from citrine_core.resources.connections.repository import ConnectionRepository
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.resources.stations.versions import version_of
from citrine_core.rpc import caller, open_page, required, span_of, to_timestamp
from citrine_core.services import Services

__all__ = ["VERSIONS", "ConnectionsServicer"]

VERSIONS: Mapping[int, str] = {
    link_pb2.OCPP_VERSION_16: "1.6",
    link_pb2.OCPP_VERSION_201: "2.0.1",
    link_pb2.OCPP_VERSION_21: "2.1",
}
"""Names of the versions of the edge link, for people."""


class ConnectionsServicer(ConnectionsServiceServicer):
    """Serves the connections of stations."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._disconnect = services.disconnect

    async def GetConnection(
        self,
        request: pb.GetConnectionRequest,
        context: "grpc.aio.ServicerContext[pb.GetConnectionRequest, pb.Connection]",
    ) -> pb.Connection:
        return _to_proto(await self._get(caller(context).tenant_id, request.station_id))

    async def ListConnections(
        self,
        request: pb.ListConnectionsRequest,
        context: "grpc.aio.ServicerContext[pb.ListConnectionsRequest, pb.ListConnectionsResponse]",
    ) -> pb.ListConnectionsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ConnectionRepository(work.session).list_open(
                caller(context).tenant_id,
                open_page(request),
                edge_id=request.edge_id,
                version=version_of("ocpp_version", request.ocpp_version),
                stations=checked_selector(request.stations),
            )
        return pb.ListConnectionsResponse(connections=map(_to_proto, rows), next_page_token=token)

    async def GetConnectionRecord(
        self,
        request: pb.GetConnectionRecordRequest,
        context: "grpc.aio.ServicerContext[pb.GetConnectionRecordRequest, pb.ConnectionRecord]",
    ) -> pb.ConnectionRecord:
        station_id = required("station_id", request.station_id)
        async with self._unit_of_work(read_only=True) as work:
            found = ConnectionRecords(work.session).get(caller(context).tenant_id, station_id, request.epoch)
            return _record_to_proto(await found)

    async def ListConnectionRecords(
        self,
        request: pb.ListConnectionRecordsRequest,
        context: "grpc.aio.ServicerContext[pb.ListConnectionRecordsRequest, pb.ListConnectionRecordsResponse]",
    ) -> pb.ListConnectionRecordsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ConnectionRecords(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                edge_id=request.edge_id,
                version=version_of("ocpp_version", request.ocpp_version),
                is_open=request.open if request.HasField("open") else None,
                opened=span_of(request.open_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListConnectionRecordsResponse(records=map(_record_to_proto, rows), next_page_token=token)

    async def CloseConnection(
        self,
        request: pb.CloseConnectionRequest,
        context: "grpc.aio.ServicerContext[pb.CloseConnectionRequest, Empty]",
    ) -> Empty:
        tenant_id = caller(context).tenant_id
        await self._get(tenant_id, request.station_id)
        if not await self._disconnect(tenant_id, request.station_id, "closed by an operator"):
            raise StationUnavailable("there is no link to the edge that holds the connection")
        return Empty()

    async def _get(self, tenant_id: str, station_id: str) -> Row[*tuple[Any, ...]]:
        if not station_id:
            raise InvalidArgument("station_id", "must not be empty")
        async with self._unit_of_work(read_only=True) as work:
            row = await ConnectionRepository(work.session).find_open(tenant_id, station_id)
        if row is None:
            raise NotFound("connection of station", station_id)
        return row


def _record_to_proto(row: ConnectionRecord) -> pb.ConnectionRecord:
    return pb.ConnectionRecord(
        connection=_to_proto(row),
        close_time=to_timestamp(row.close_time),
        close_code=row.close_code,
        close_reason=row.close_reason or "",
    )


def _to_proto(row: Row[*tuple[Any, ...]] | ConnectionRecord) -> pb.Connection:
    connection = pb.Connection(
        station_id=row.station_id,
        tenant_id=row.tenant_id,
        epoch=row.epoch,
        ocpp_version=VERSIONS.get(row.ocpp_version, ""),
        edge_id=row.edge_id,
        remote_address=row.remote_address,
    )
    if row.open_time is not None:
        connection.open_time.FromDatetime(row.open_time)
    return connection
