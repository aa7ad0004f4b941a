"""A station at which a driver charges, and erasures of drivers that are gone on with at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.struct_pb2 import Value
from sqlalchemy import update

from citrine.api.v1 import (
    local_auth_list_pb2,
    remote_control_pb2,
    tokens_pb2,
)
from citrine.api.v1 import (
    persons_pb2 as pb,
)
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.local_auth_list_pb2_grpc import LocalAuthListServiceStub
from citrine.api.v1.persons_pb2_grpc import PersonsServiceStub
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1.link_pb2 import Command
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import local_auth_list_pb2 as lists
from citrine.ocpp.v2 import remote_control_pb2 as remote
from citrine.ocpp.v2 import reservation_pb2 as reservation
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_core.db.tables import metadata
from citrine_core.resources.persons.erasing import Erasing
from tests.support.charging import ended, started
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.recording import record_all
from tests.support.waiting import WAIT

__all__ = ["ACCEPTED", "CARD", "SPELLED", "TARGET", "Station", "driver_station", "finish", "look"]

CARD = "04A2B3C8D1E2F3"
SPELLED = "04:a2:b3:c8:d1:e2:f3"
TARGET = CommandTarget(station_id="CS-1")
ACCEPTED = IdTokenInfo(status=AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED)


class Station:
    """A station that accepts lists and starts, and remembers the tokens of its list."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.version = 0
        self.remote_start_id = 0

    def __call__(self, command: Command) -> Any:
        request = unwrap(command.request)
        if isinstance(request, lists.GetLocalListVersionRequest):
            return lists.GetLocalListVersionResponse(version_number=self.version)
        if isinstance(request, remote.RequestStartTransactionRequest):
            self.remote_start_id = request.remote_start_id
            return remote.RequestStartTransactionResponse(status=remote.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
        if isinstance(request, reservation.ReserveNowRequest):
            return reservation.ReserveNowResponse(status=reservation.RESERVE_NOW_STATUS_ENUM_ACCEPTED)
        assert isinstance(request, lists.SendLocalListRequest)
        for entry in request.local_authorization_list:
            self.tokens.discard(entry.id_token.id_token)
            if entry.HasField("id_token_info"):
                self.tokens.add(entry.id_token.id_token)
        self.version = request.version_number
        return lists.SendLocalListResponse(status=lists.SEND_LOCAL_LIST_STATUS_ENUM_ACCEPTED)


@asynccontextmanager
async def driver_station(core: RunningCore) -> AsyncIterator[tuple[Station, FakeSession]]:
    """A station, at which a driver has charged, with a list that has the card."""
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        edge.on_command = station = Station()
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        tokens: Any = core.stub(TokensServiceStub)
        for id_token, visual in ((CARD, "visual-4711"), ("0B0B0B0B", "")):
            token = tokens_pb2.Token(id_token=id_token, type="ISO14443", visual_number=visual, group_id="family-4711")
            await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token))
        entry = lists.AuthorizationData(id_token=IdToken(id_token=CARD, type="ISO14443"), id_token_info=ACCEPTED)
        request = lists.SendLocalListRequest(update_type=lists.UPDATE_ENUM_FULL, local_authorization_list=[entry])
        local_lists: Any = core.stub(LocalAuthListServiceStub)
        await local_lists.SendLocalList(local_auth_list_pb2.SendLocalListRequest(target=TARGET, request=request))
        starts: Any = core.stub(RemoteControlServiceStub)
        start = remote.RequestStartTransactionRequest(id_token=IdToken(id_token=CARD, type="ISO14443"), evse_id=1)
        await starts.RequestStartTransaction(
            remote_control_pb2.RequestStartTransactionRequest(target=TARGET, request=start)
        )
        await session.call(AuthorizeRequest(id_token=IdToken(id_token=SPELLED, type="ISO14443")))
        await session.call_all(
            [
                started(0, 0, id_token=SPELLED, evse=(1, 1), info={"remote_start_id": station.remote_start_id}),
                ended(1, 1500, id_token=CARD),
            ]
        )
        await session.call_all(
            [started(0, 0, id_token="0B0B0B0B", transaction_id="T-2"), ended(1, 9, transaction_id="T-2")]
        )
        await session.call(DataTransferRequest(vendor_id="Example", data=Value(string_value=f"card={CARD}; n=1")))
        await record_all(core)
        yield station, session


async def look(
    core: RunningCore, erasure_id: str, tenant_id: str = "default", *, erasing: Erasing | None = None
) -> pb.Erasure:
    """Return an erasure after it was gone on with now, without its pauses."""
    table = metadata().tables["erasures"]
    async with core.core.unit_of_work() as work:
        unfinished = update(table).where(table.c.next_time.is_not(None))
        await work.session.execute(unfinished.values(next_time=core.core.services.clock()))
        await work.commit()
    await (erasing or Erasing(core.core.services)).run()
    persons: Any = core.stub(PersonsServiceStub)
    request = pb.GetErasureRequest(erasure_id=erasure_id)
    found: pb.Erasure = await persons.GetErasure(request, metadata=core.metadata(tenant_id))
    return found


async def finish(core: RunningCore, erasure_id: str, tenant_id: str = "default") -> pb.Erasure:
    """Return an erasure once it is finished."""
    async with asyncio.timeout(WAIT):
        while (found := await look(core, erasure_id, tenant_id)).state != pb.ERASURE_STATE_FINISHED:
            await asyncio.sleep(0.02)
    return found
