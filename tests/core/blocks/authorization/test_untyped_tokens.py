"""Tokens of stations that can't say a type, and surrogates of tokens that are too long for them; on a whole core."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from citrine.api.v1 import remote_control_pb2 as remote
from citrine.api.v1.authorization_pb2 import AuthorizationSettings, UpdateAuthorizationSettingsRequest
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, DeleteTokenRequest, Token, TokenStatus
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, Transaction
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.id_tags import id_tag_of, surrogate_of
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.unnumbered import UnnumberedStation

ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
BLOCKED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_BLOCKED
UNKNOWN = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN

LONG = "a-driver-of-the-app-5cbbf1a0"

STARTED = ocpp.RequestStartTransactionResponse(
    status=ocpp.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
)


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def session(core: RunningCore, edge: FakeEdge) -> FakeSession:
    await core.add_station("CS-1", registration=1)
    return await edge.connect("CS-1", PASSWORD)


async def add(core: RunningCore, id_token: str, type_name: str, **fields: Any) -> None:
    token = Token(id_token=id_token, type=type_name, **fields)
    await core.stub(TokensServiceStub).CreateToken(CreateTokenRequest(token=token))


async def authorized(session: FakeSession, id_token: str) -> IdTokenInfo:
    answer = await session.call(AuthorizeRequest(id_token=IdToken(id_token=id_token)))
    info: IdTokenInfo = answer.id_token_info
    return info


async def transaction(core: RunningCore, number: int) -> Transaction:
    found: Transaction = await core.stub(TransactionsServiceStub).GetTransaction(
        GetTransactionRequest(transaction_id=str(number))
    )
    return found


@pytest.mark.in_turn
@pytest.mark.parametrize(("type_name", "id_token"), [("eMAID", "DE8AACA2B3C4D5"), ("Local", "x1"), ("VIN", "W" * 17)])
async def test_a_token_is_found_among_all_types(
    core: RunningCore, session: FakeSession, type_name: str, id_token: str
) -> None:
    await add(core, id_token, type_name)

    assert (await authorized(session, id_token.lower())).status == ACCEPTED


async def test_separators_do_not_matter_where_the_id_is_bytes(core: RunningCore, session: FakeSession) -> None:
    await add(core, "04:A2:0B:1C", "ISO14443")

    assert (await authorized(session, "04a20b1c")).status == ACCEPTED


@pytest.mark.in_turn
@pytest.mark.parametrize("exact", [False, True])
async def test_a_uid_of_ten_bytes_comes_back_as_its_station_was_told_it(
    core: RunningCore, session: FakeSession, exact: bool
) -> None:
    typed = "04:A2:0B:1C:2D:3E:4F:50:61:72"
    await add(core, typed, "ISO14443")
    settings = AuthorizationSettings(exact_token_ids=exact)
    await core.stub(AuthorizationServiceStub).UpdateAuthorizationSettings(
        UpdateAuthorizationSettingsRequest(settings=settings)
    )

    for id_tag in ("04A20B1C2D3E4F506172", surrogate_of(typed, "ISO14443")):
        assert (await authorized(session, id_tag)).status == ACCEPTED


async def test_a_card_comes_first_where_several_types_have_the_id(core: RunningCore, session: FakeSession) -> None:
    await add(core, "0A0B0C0D", "KeyCode")
    await add(core, "0A0B0C0D", "ISO14443", status=TokenStatus.TOKEN_STATUS_BLOCKED)

    assert (await authorized(session, "0A0B0C0D")).status == BLOCKED


async def test_what_nobody_knows_is_unknown(session: FakeSession) -> None:
    assert (await authorized(session, "NOBODY")).status == UNKNOWN


async def test_parent_and_expiry_are_said(core: RunningCore, session: FakeSession) -> None:
    token = Token(id_token="FLEET-1", type="Local", group_id="FLEET")
    token.cache_time.seconds = 60
    await core.stub(TokensServiceStub).CreateToken(CreateTokenRequest(token=token))

    info = await authorized(session, "FLEET-1")

    assert info.group_id_token.id_token == "FLEET"
    assert info.HasField("cache_expiry_date_time")


@pytest.mark.in_turn
@pytest.mark.parametrize("spelling", [str.upper, str.lower])
async def test_a_surrogate_is_its_token(core: RunningCore, session: FakeSession, spelling: Any) -> None:
    await add(core, LONG, "Central")
    id_tag = spelling(surrogate_of(LONG, "Central"))

    assert (await authorized(session, id_tag)).status == ACCEPTED
    number = await UnnumberedStation(session).start(id_token=id_tag)
    assert (await transaction(core, number)).id_token == IdToken(id_token=LONG, type="Central")


async def test_the_surrogate_of_a_token_that_is_gone_is_unknown(core: RunningCore, session: FakeSession) -> None:
    await add(core, LONG, "Central")
    await core.stub(TokensServiceStub).DeleteToken(DeleteTokenRequest(id_token=LONG, type="Central"))

    assert (await authorized(session, surrogate_of(LONG, "Central"))).status == UNKNOWN


@pytest.mark.in_turn
@pytest.mark.parametrize("id_token", ["app-4711", LONG])
async def test_a_start_is_matched_with_its_request_by_connector_token_and_time(
    core: RunningCore, session: FakeSession, id_token: str
) -> None:
    """The token of the request is none of the tenant's; the station says neither trigger nor remoteStartId."""
    session.edge.on_command = lambda command: STARTED
    api = core.stub(RemoteControlServiceStub)
    request = ocpp.RequestStartTransactionRequest(id_token=IdToken(id_token=id_token, type="Central"), evse_id=1)
    target = CommandTarget(station_id="CS-1")
    await api.RequestStartTransaction(remote.RequestStartTransactionRequest(target=target, request=request))

    station = UnnumberedStation(session)
    number = await station.start(id_token=id_tag_of(id_token, "Central"))

    found = await transaction(core, number)
    assert found.id_token == IdToken(id_token=id_token, type="Central")
    (start,) = (await api.ListRemoteStarts(remote.ListRemoteStartsRequest())).remote_starts
    assert (found.remote_start_id, start.transaction_id) == (start.remote_start_id, str(number))
    response = await session.edge.answer_to(station.calls[-1])
    assert response.id_token_info.status == ACCEPTED


async def test_another_token_does_not_match_a_request(core: RunningCore, session: FakeSession) -> None:
    session.edge.on_command = lambda command: STARTED
    api = core.stub(RemoteControlServiceStub)
    request = ocpp.RequestStartTransactionRequest(id_token=IdToken(id_token="app-4711", type="Central"), evse_id=1)
    target = CommandTarget(station_id="CS-1")
    await api.RequestStartTransaction(remote.RequestStartTransactionRequest(target=target, request=request))
    await add(core, "CARD", "Local")

    number = await UnnumberedStation(session).start()

    assert not (await transaction(core, number)).HasField("remote_start_id")
