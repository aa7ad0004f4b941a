"""The rpcs of StationsService about which groups and labels exist."""

import grpc

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.stations_pb2_grpc import StationsServiceServicer
from citrine_core.resources.stations.tags import StationTags
from citrine_core.rpc import caller, open_page
from citrine_core.services import Services

__all__ = ["TagRpcs"]


class TagRpcs(StationsServiceServicer):
    """Groups and labels of stations as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work

    async def ListStationGroups(
        self,
        request: pb.ListStationGroupsRequest,
        context: grpc.aio.ServicerContext[pb.ListStationGroupsRequest, pb.ListStationGroupsResponse],
    ) -> pb.ListStationGroupsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await StationTags(work.session).list_groups(
                caller(context).tenant_id, open_page(request), prefix=request.name_prefix
            )
        groups = [pb.StationGroup(name=name, stations=stations) for name, stations in rows]
        return pb.ListStationGroupsResponse(groups=groups, next_page_token=token)

    async def ListStationLabels(
        self,
        request: pb.ListStationLabelsRequest,
        context: grpc.aio.ServicerContext[pb.ListStationLabelsRequest, pb.ListStationLabelsResponse],
    ) -> pb.ListStationLabelsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await StationTags(work.session).list_labels(
                caller(context).tenant_id, open_page(request), key=request.key, prefix=request.key_prefix
            )
        labels = [pb.StationLabel(key=key, value=value, stations=stations) for key, value, stations in rows]
        return pb.ListStationLabelsResponse(labels=labels, next_page_token=token)
