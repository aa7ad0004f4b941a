"""An operator's own service decides on tokens: asked with a deadline, and nobody else waits for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import authorization_pb2 as api
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_BLOCKED, CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.authorizer.v1 import authorizer_pb2 as pb
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_core.blocks.authorization.authorizer import usable
from tests.support.authorizer import FakeAuthorizer, fake_authorizer
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge

Status = AuthorizationStatusEnum
ACCEPTED = IdTokenInfo(status=Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED)


@pytest.fixture
async def authorizer() -> AsyncIterator[FakeAuthorizer]:
    async with fake_authorizer() as running:
        yield running


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    for station_id in ("CS-1", "CS-2"):
        await core.add_station(station_id, registration=1)
    # Any: the types of stubs are those of synchronous channels.
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="CAFE0001", type="ISO14443")))
    await tokens.CreateToken(
        CreateTokenRequest(token=Token(id_token="CAFE0002", type="ISO14443", status=TOKEN_STATUS_BLOCKED))
    )
    async with core.edge() as edge:
        yield edge


async def use(core: RunningCore, authorizer: FakeAuthorizer, **fields: Any) -> api.AuthorizationSettings:
    stub: Any = core.stub(AuthorizationServiceStub)
    settings = api.AuthorizationSettings(authorizer=api.Authorizer(address=authorizer.address, **fields))
    stored: api.AuthorizationSettings = await stub.UpdateAuthorizationSettings(
        api.UpdateAuthorizationSettingsRequest(settings=settings)
    )
    return stored


def authorize(id_token: str = "CAFE0009", kind: str = "ISO14443") -> AuthorizeRequest:
    return AuthorizeRequest(id_token=IdToken(id_token=id_token, type=kind))


def status(answer: Any) -> str:
    return Status.Name(answer.id_token_info.status).removeprefix("AUTHORIZATION_STATUS_ENUM_")


async def test_it_is_asked_about_tokens_that_we_do_not_know(
    core: RunningCore, edge: FakeEdge, authorizer: FakeAuthorizer
) -> None:
    authorizer.decide = lambda _: IdTokenInfo(status=ACCEPTED.status, language1="de", language2="de", evse_id=[2])
    stored = await use(core, authorizer, credential="the secret")
    station = await edge.connect("CS-1", PASSWORD)

    answers = [await station.call(authorize(token)) for token in ("CAFE0001", "CAFE0002", "CAFE0009")]
    button = await station.call(authorize("", "NoAuthorization"))
    event = await station.call(started(0, id_token="CAFE0009", evse=(2, 1), transaction_id="T-9"))

    assert [status(answer) for answer in answers] == ["ACCEPTED", "BLOCKED", "ACCEPTED"]
    assert (answers[2].id_token_info.evse_id, answers[2].id_token_info.HasField("language2")) == ([2], False)
    assert (status(button), status(event)) == ("ACCEPTED", "ACCEPTED")
    asked = [one for request in authorizer.asked for one in request.presentations]
    assert [(one.id_token.id_token, one.purpose, one.evse_id, one.transaction_id) for one in asked] == [
        ("CAFE0009", pb.Presentation.PURPOSE_ASK, 0, ""),
        ("CAFE0009", pb.Presentation.PURPOSE_START, 2, "T-9"),
    ]
    assert authorizer.metadata["authorization"] == "Bearer the secret"
    assert (stored.authorizer.credential, stored.authorizer.has_credential) == ("", True)


async def test_asked_about_all_tokens_it_can_only_refuse_more(
    core: RunningCore, edge: FakeEdge, authorizer: FakeAuthorizer
) -> None:
    no_credit = IdTokenInfo(status=Status.AUTHORIZATION_STATUS_ENUM_NO_CREDIT)
    authorizer.decide = lambda one: no_credit if one.id_token.id_token == "CAFE0001" else ACCEPTED
    await use(core, authorizer, ask=api.Authorizer.ASK_ALL_TOKENS)
    station = await edge.connect("CS-1", PASSWORD)

    answers = [await station.call(authorize(token)) for token in ("CAFE0001", "CAFE0002", "CAFE0009")]

    assert [status(answer) for answer in answers] == ["NO_CREDIT", "BLOCKED", "ACCEPTED"]


async def test_it_is_asked_by_the_types_of_tokens_that_stations_can_not_say(
    core: RunningCore, edge: FakeEdge, authorizer: FakeAuthorizer
) -> None:
    authorizer.decide = lambda _: ACCEPTED
    await use(core, authorizer, ask=api.Authorizer.ASK_ALL_TOKENS)
    station = await edge.connect("CS-1", PASSWORD)

    answers = [await station.call(authorize(token, "")) for token in ("CAFE0001", "CAFE0002", "CAFE0009")]
    await use(core, authorizer)
    answers += [await station.call(authorize(token, "")) for token in ("CAFE0001", "CAFE0009")]

    assert [status(answer) for answer in answers] == ["ACCEPTED", "BLOCKED", "ACCEPTED", "ACCEPTED", "ACCEPTED"]
    asked = [(one.id_token.id_token, one.id_token.type) for each in authorizer.asked for one in each.presentations]
    assert asked == [("CAFE0001", "ISO14443"), ("CAFE0002", "ISO14443"), ("CAFE0009", ""), ("CAFE0009", "")]


async def test_while_it_does_not_answer_other_stations_are_served(
    core: RunningCore, edge: FakeEdge, authorizer: FakeAuthorizer
) -> None:
    authorizer.decide = lambda _: ACCEPTED
    await use(core, authorizer, timeout=Duration(seconds=10))
    one, other = await edge.connect("CS-1", PASSWORD), await edge.connect("CS-2", PASSWORD)
    authorizer.held.clear()

    waiting = edge.put_call(one.ref, authorize())
    await authorizer.called.wait()
    answer = await other.call(authorize("CAFE0001"))
    authorizer.held.set()

    assert status(answer) == "ACCEPTED"
    assert status(await edge.answer_to(waiting)) == "ACCEPTED"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(api.Authorizer.OFFLINE_POLICY_UNSPECIFIED, ["ACCEPTED", "INVALID"], id="deny"),
        pytest.param(api.Authorizer.OFFLINE_POLICY_LOCAL_TOKENS, ["ACCEPTED", "UNKNOWN"], id="local tokens"),
        pytest.param(api.Authorizer.OFFLINE_POLICY_ACCEPT, ["ACCEPTED", "ACCEPTED"], id="accept"),
    ],
)
async def test_what_holds_while_it_is_down(
    core: RunningCore, edge: FakeEdge, authorizer: FakeAuthorizer, policy: Any, expected: list[str]
) -> None:
    """And no station remembers what was said then (C10.FR.13)."""
    await use(core, authorizer, timeout=Duration(nanos=1_000_000), offline_policy=policy)
    station = await edge.connect("CS-1", PASSWORD)
    authorizer.held.clear()

    answers = [await station.call(authorize(token)) for token in ("CAFE0001", "CAFE0009")]

    assert [status(answer) for answer in answers] == expected
    assert [answer.id_token_info.HasField("cache_expiry_date_time") for answer in answers] == [False, True]


def test_what_an_authorizer_says_is_held_to_the_limits_of_ocpp() -> None:
    said = IdTokenInfo(status=ACCEPTED.status, language1="a language", language2="en", charging_priority=10)
    said.group_id_token.id_token = "G"
    said.personal_message.content = "x" * 1000

    found = usable(said)

    assert found.group_id_token.type == "Central"
    assert not found.HasField("language1")
    assert not found.HasField("language2")
    assert not found.HasField("charging_priority")
    assert len(found.personal_message.content) == 512
