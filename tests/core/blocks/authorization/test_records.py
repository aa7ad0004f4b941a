"""The history of decisions on tokens, on a whole core."""

from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED, AUTHORIZATION_STATUS_ENUM_UNKNOWN, IdToken
from tests.support.charging import ended, started
from tests.support.core import PASSWORD, RunningCore


async def test_it_is_known_how_it_was_decided_on_tokens(core: RunningCore) -> None:
    """By Authorize and by transactions; C04.FR.04: nobody sees what a driver typed."""
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="C0FFEE00", type="ISO14443", group_id="Fleet")))
    await core.add_station("CS-1", registration=1)
    await core.add_station("CS-2", registration=1)
    async with core.edge() as edge:
        first, second = await edge.connect("CS-1", PASSWORD), await edge.connect("CS-2", PASSWORD)
        await first.call(AuthorizeRequest(id_token=IdToken(id_token="c0:ff:ee:00", type="ISO14443")))
        await first.call(started(0, 1000.0, evse=(2, 1), id_token="C0FFEE00"))
        await first.call(ended(1, 2000.0))
        await second.call(AuthorizeRequest(id_token=IdToken(id_token="00000000", type="ISO14443")))
        await second.call(AuthorizeRequest(id_token=IdToken(id_token="1234", type="KeyCode")))
    api: Any = core.stub(AuthorizationServiceStub)

    async def listed(**fields: Any) -> Sequence[pb.AuthorizationRecord]:
        found = await api.ListAuthorizationRecords(pb.ListAuthorizationRecordsRequest(**fields))
        return list(found.records)

    typed, unknown, start, ask = await listed()
    assert (ask.station_id, ask.purpose, ask.status) == (
        "CS-1",
        pb.AUTHORIZATION_PURPOSE_ASK,
        AUTHORIZATION_STATUS_ENUM_ACCEPTED,
    )
    assert (start.purpose, start.transaction_id, start.evse_id) == (pb.AUTHORIZATION_PURPOSE_START, "T-1", 2)
    assert (start.group_id, start.authorizer) == ("Fleet", pb.AUTHORIZER_PART_NONE)
    assert (unknown.id_token.id_token, unknown.status) == ("00000000", AUTHORIZATION_STATUS_ENUM_UNKNOWN)
    assert typed.id_token == IdToken(id_token="***", type="KeyCode")
    assert await listed(id_token="C0FFEE00") == [start, ask]
    assert await listed(group_id="Fleet") == [start, ask]
    assert await listed(refused_only=True) == [typed, unknown]
    assert await listed(status=AUTHORIZATION_STATUS_ENUM_UNKNOWN, station_id="CS-2") == [unknown]
    assert await listed(purpose=pb.AUTHORIZATION_PURPOSE_START) == [start]
    assert await api.GetAuthorizationRecord(pb.GetAuthorizationRecordRequest(record_id=start.record_id)) == start
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.GetAuthorizationRecord(pb.GetAuthorizationRecordRequest(record_id="x"))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
