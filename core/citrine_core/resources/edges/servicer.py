"""EdgesService: the operator's access to the edges that may link."""

from collections.abc import Mapping
from datetime import timedelta

import grpc

from citrine.api.v1 import edges_pb2 as pb
from citrine.api.v1.edges_pb2_grpc import EdgesServiceServicer
from citrine_core.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from citrine_core.resources.connections.queries import linked_processes
from citrine_core.resources.edges.models import NamedEdge
from citrine_core.resources.edges.repository import NamedEdgeRepository
from citrine_core.resources.edges.secrets import EDGE_NAME, new_credential
from citrine_core.rpc import open_page, required, to_timestamp
from citrine_core.services import Services

__all__ = ["EdgesServicer"]

RECENT = timedelta(minutes=1)
"""How long ago a process had a link at the latest that counts as linked."""


class EdgesServicer(EdgesServiceServicer):
    """Serves the edges that have a name."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def GetEdge(
        self,
        request: pb.GetEdgeRequest,
        context: "grpc.aio.ServicerContext[pb.GetEdgeRequest, pb.Edge]",
    ) -> pb.Edge:
        edge_name = required("edge_name", request.edge_name)
        async with self._unit_of_work(read_only=True) as work:
            edge = await NamedEdgeRepository(work.session).get(edge_name)
            return _to_proto(edge, await linked_processes(work.session, self._clock() - RECENT))

    async def ListEdges(
        self,
        request: pb.ListEdgesRequest,
        context: "grpc.aio.ServicerContext[pb.ListEdgesRequest, pb.ListEdgesResponse]",
    ) -> pb.ListEdgesResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await NamedEdgeRepository(work.session).list(open_page(request))
            linked = await linked_processes(work.session, self._clock() - RECENT)
        return pb.ListEdgesResponse(edges=[_to_proto(row, linked) for row in rows], next_page_token=token)

    async def CreateEdge(
        self,
        request: pb.CreateEdgeRequest,
        context: "grpc.aio.ServicerContext[pb.CreateEdgeRequest, pb.CreateEdgeResponse]",
    ) -> pb.CreateEdgeResponse:
        credential = new_credential(_name(request.edge_name))
        async with self._unit_of_work() as work:
            edge = await self._ensured(NamedEdgeRepository(work.session), request.edge_name)
            if edge.revoke_time is not None:
                raise FailedPrecondition(f"the edge {edge.edge_name} is revoked for good: choose another name")
            if edge.secret_hash is not None:
                raise AlreadyExists("edge", edge.edge_name)
            edge.secret_hash = credential.secret_hash
            await work.commit()
        return pb.CreateEdgeResponse(edge=_to_proto(edge, {}), credential=str(credential))

    async def RevokeEdge(
        self, request: pb.RevokeEdgeRequest, context: "grpc.aio.ServicerContext[pb.RevokeEdgeRequest, pb.Edge]"
    ) -> pb.Edge:
        async with self._unit_of_work() as work:
            edge = await self._ensured(NamedEdgeRepository(work.session), _name(request.edge_name))
            # The time of the first revocation counts.
            edge.revoke_time = edge.revoke_time or self._clock()
            linked = await linked_processes(work.session, self._clock() - RECENT)
            await work.commit()
        return _to_proto(edge, linked)

    async def _ensured(self, edges: NamedEdgeRepository, edge_name: str) -> NamedEdge:
        """Return an edge, which is stored if it is not known yet."""
        await edges.ensure(edge_name, self._clock())
        edge = await edges.find(edge_name)
        assert edge is not None, "stored just now"
        return edge


def _name(edge_name: str) -> str:
    if not EDGE_NAME.fullmatch(edge_name):
        raise InvalidArgument("edge_name", "must be 1 to 64 letters, digits, dots, hyphens and underscores")
    return edge_name


def _to_proto(row: NamedEdge, linked: Mapping[str, int]) -> pb.Edge:
    return pb.Edge(
        edge_name=row.edge_name,
        has_credential=row.secret_hash is not None,
        create_time=to_timestamp(row.create_time),
        revoke_time=to_timestamp(row.revoke_time),
        processes=linked.get(row.edge_name, 0),
    )
