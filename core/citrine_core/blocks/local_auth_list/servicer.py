"""LocalAuthListService: the gRPC face of functional block D."""

from collections.abc import Callable, Collection

import grpc
import orjson

from citrine.api.v1 import local_auth_list_pb2 as pb
from citrine.api.v1 import local_auth_list_pb2_grpc
from citrine.ocpp.v2.types_pb2 import IdToken, IdTokenInfo
from citrine_core.blocks.local_auth_list.jobs import LocalLists
from citrine_core.blocks.local_auth_list.messages import check_list
from citrine_core.blocks.local_auth_list.models import LocalList, LocalListEntry
from citrine_core.blocks.local_auth_list.repository import Counts, LocalListRepository
from citrine_core.errors import InvalidArgument
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import apply_mask, caller, check_length, open_page, required, span_of, to_timestamp
from citrine_core.services import Services

__all__ = ["LocalAuthListServicer"]

CHANGEABLE = frozenset({"keep_in_step", "group_ids", "include_refused"})
"""Fields that UpdateLocalList may change."""

GROUPS = 100
"""Most groups that a list may name."""


class LocalAuthListServicer(local_auth_list_pb2_grpc.LocalAuthListServiceServicer):
    """Serves the local authorization lists of stations, and operations on them."""

    def __init__(self, services: Services, lists: LocalLists, wake: Callable[[], None]) -> None:
        self._services = services
        self._lists = lists
        self._wake = wake

    async def GetLocalList(
        self,
        request: pb.GetLocalListRequest,
        context: grpc.aio.ServicerContext[pb.GetLocalListRequest, pb.LocalList],
    ) -> pb.LocalList:
        return await self._show(caller(context).tenant_id, required("station_id", request.station_id))

    async def ListLocalLists(
        self,
        request: pb.ListLocalListsRequest,
        context: grpc.aio.ServicerContext[pb.ListLocalListsRequest, pb.ListLocalListsResponse],
    ) -> pb.ListLocalListsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await LocalListRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                state=request.state,
                version=request.version if request.HasField("version") else None,
                confirmed=span_of(request.confirm_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListLocalListsResponse(local_lists=[_to_proto(row) for row in rows], next_page_token=token)

    async def ListLocalListEntries(
        self,
        request: pb.ListLocalListEntriesRequest,
        context: grpc.aio.ServicerContext[pb.ListLocalListEntriesRequest, pb.ListLocalListEntriesResponse],
    ) -> pb.ListLocalListEntriesResponse:
        required("station_id", request.station_id)
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await LocalListRepository(work.session).list_entries(
                caller(context).tenant_id,
                open_page(request),
                request.station_id,
                differences_only=request.differences_only,
            )
        return pb.ListLocalListEntriesResponse(entries=map(_entry_to_proto, rows), next_page_token=token)

    async def UpdateLocalList(
        self,
        request: pb.UpdateLocalListRequest,
        context: grpc.aio.ServicerContext[pb.UpdateLocalListRequest, pb.LocalList],
    ) -> pb.LocalList:
        station_id = required("local_list.station_id", request.local_list.station_id)
        fields = apply_mask(request.update_mask, request.local_list, CHANGEABLE)
        _check(request.local_list)
        tenant_id = caller(context).tenant_id
        async with self._services.unit_of_work() as work:
            lists = LocalListRepository(work.session)
            await lists.find(tenant_id, station_id)
            row = await lists.lock(tenant_id, station_id)
            _assign(row, request.local_list, fields)
            if row.keep_in_step:
                row.refresh, row.next_time = True, self._services.clock()
                work.after_commit(self._wake)
            await work.commit()
        return await self._show(tenant_id, station_id)

    async def SyncLocalList(
        self,
        request: pb.SyncLocalListRequest,
        context: grpc.aio.ServicerContext[pb.SyncLocalListRequest, pb.SyncLocalListResponse],
    ) -> pb.SyncLocalListResponse:
        station_id = required("target.station_id", request.target.station_id)
        if request.target.when_online:
            raise InvalidArgument(
                "target.when_online", "must not be set, because a list that is kept in step is sent anyway"
            )
        sent = await self._lists.sync(caller(context), request.target, full=request.full)
        shown = await self._show(caller(context).tenant_id, station_id)
        return pb.SyncLocalListResponse(local_list=shown, commands=sent.commands, response=sent.response)

    async def SendLocalList(
        self,
        request: pb.SendLocalListRequest,
        context: grpc.aio.ServicerContext[pb.SendLocalListRequest, pb.SendLocalListResponse],
    ) -> pb.SendLocalListResponse:
        required("target.station_id", request.target.station_id)
        check_list(request.request)
        sent = await self._lists.send(caller(context), request.target, request.request)
        return pb.SendLocalListResponse(
            command=sent.commands[-1] if sent.commands else None, response=sent.response, commands=sent.commands
        )

    async def GetLocalListVersion(
        self,
        request: pb.GetLocalListVersionRequest,
        context: grpc.aio.ServicerContext[pb.GetLocalListVersionRequest, pb.GetLocalListVersionResponse],
    ) -> pb.GetLocalListVersionResponse:
        return await self._services.commands.call(context, request, pb.GetLocalListVersionResponse)

    async def _show(self, tenant_id: str, station_id: str) -> pb.LocalList:
        async with self._services.unit_of_work(read_only=True) as work:
            lists = LocalListRepository(work.session)
            row = await lists.find(tenant_id, station_id)
            return _to_proto(row, await lists.counts(tenant_id, station_id))


def _check(wanted: pb.LocalList) -> None:
    if len(wanted.group_ids) > GROUPS:
        raise InvalidArgument("local_list.group_ids", f"must be at most {GROUPS}")
    for position, group_id in enumerate(wanted.group_ids):
        check_length(f"local_list.group_ids[{position}]", group_id, 255, least=1)


def _assign(row: LocalList, wanted: pb.LocalList, fields: Collection[str]) -> None:
    if "keep_in_step" in fields:
        row.keep_in_step = wanted.keep_in_step
        if not wanted.keep_in_step:
            row.next_time = None
    if "group_ids" in fields:
        row.group_ids = orjson.dumps(list(wanted.group_ids)).decode()
    if "include_refused" in fields:
        row.include_refused = wanted.include_refused


def _to_proto(row: LocalList, counts: Counts | None = None) -> pb.LocalList:
    return pb.LocalList(
        station_id=row.station_id,
        keep_in_step=row.keep_in_step,
        group_ids=orjson.loads(row.group_ids),
        include_refused=row.include_refused,
        state=pb.LocalListState.ValueType(row.state),
        version=row.version,
        sent_version=row.sent_version,
        entries=counts.entries if counts else 0,
        differences=counts.differences if counts else 0,
        confirm_time=to_timestamp(row.confirm_time),
        problem=row.problem,
    )


def _entry_to_proto(row: LocalListEntry) -> pb.LocalListEntry:
    return pb.LocalListEntry(
        id_token=IdToken(id_token=row.id_token, type=row.type),
        wanted=None if row.wanted is None else IdTokenInfo.FromString(row.wanted),
        held=None if row.held is None else IdTokenInfo.FromString(row.held),
    )
