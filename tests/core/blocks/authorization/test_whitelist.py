"""Who decides on a token by its whitelist mode: the token or the authorizer; and what stations may remember."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import authorization_pb2 as api
from citrine.api.v1 import tokens_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from tests.support.authorizer import FakeAuthorizer, fake_authorizer
from tests.support.charging import ended, started
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession

Status = AuthorizationStatusEnum
ASK_ALL, ASK_UNKNOWN = api.Authorizer.ASK_ALL_TOKENS, api.Authorizer.ASK_UNKNOWN_TOKENS
DENY, ACCEPT = api.Authorizer.OFFLINE_POLICY_DENY, api.Authorizer.OFFLINE_POLICY_ACCEPT

MODES = {
    "always": pb.TOKEN_WHITELIST_ALWAYS,
    "allowed": pb.TOKEN_WHITELIST_ALLOWED,
    "offline": pb.TOKEN_WHITELIST_ALLOWED_OFFLINE,
    "never": pb.TOKEN_WHITELIST_NEVER,
}


@pytest.fixture
async def authorizer() -> AsyncIterator[FakeAuthorizer]:
    async with fake_authorizer() as running:
        yield running


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    # Any: the types of stubs are those of synchronous channels.
    tokens: Any = core.stub(TokensServiceStub)
    for name, mode in MODES.items():
        await tokens.CreateToken(pb.CreateTokenRequest(token=pb.Token(id_token=name, type="Central", whitelist=mode)))
    edge: FakeEdge
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


async def use(core: RunningCore, authorizer: FakeAuthorizer, **fields: Any) -> None:
    stub: Any = core.stub(AuthorizationServiceStub)
    fields.setdefault("timeout", Duration(seconds=5))
    settings = api.AuthorizationSettings(authorizer=api.Authorizer(address=authorizer.address, **fields))
    await stub.UpdateAuthorizationSettings(api.UpdateAuthorizationSettingsRequest(settings=settings))


async def answers(station: FakeSession) -> tuple[dict[str, str], set[str]]:
    """Return the status of each token, and which of them the station may remember."""
    statuses, remembered = {}, set()
    for name in MODES:
        answer = await station.call(AuthorizeRequest(id_token=IdToken(id_token=name, type="Central")))
        info = answer.id_token_info
        statuses[name] = Status.Name(info.status).removeprefix("AUTHORIZATION_STATUS_ENUM_")
        if not info.HasField("cache_expiry_date_time"):
            remembered.add(name)
    return statuses, remembered


def by_never(event: TransactionEventRequest) -> TransactionEventRequest:
    event.id_token.CopyFrom(IdToken(id_token="never", type="Central"))
    return event


def asked(authorizer: FakeAuthorizer) -> list[str]:
    return [one.id_token.id_token for request in authorizer.asked for one in request.presentations]


async def test_without_an_authorizer_only_those_that_need_it_are_refused(station: FakeSession) -> None:
    statuses, remembered = await answers(station)

    assert statuses == {"always": "ACCEPTED", "allowed": "ACCEPTED", "offline": "ACCEPTED", "never": "INVALID"}
    assert remembered == {"always", "allowed"}


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(ASK_UNKNOWN, ["offline", "never"], id="unknown tokens"),
        pytest.param(ASK_ALL, ["allowed", "offline", "never"], id="all tokens"),
    ],
)
async def test_the_authorizer_is_asked_by_the_mode_and_then_by_its_settings(
    core: RunningCore, station: FakeSession, authorizer: FakeAuthorizer, ask: Any, expected: list[str]
) -> None:
    authorizer.decide = lambda _: IdTokenInfo(status=Status.AUTHORIZATION_STATUS_ENUM_NO_CREDIT)
    await use(core, authorizer, ask=ask)

    statuses, remembered = await answers(station)

    assert asked(authorizer) == expected
    assert [name for name, status in statuses.items() if status == "NO_CREDIT"] == expected
    assert not remembered & {"offline", "never"}


@pytest.mark.parametrize("policy", [DENY, ACCEPT], ids=["deny", "accept"])
async def test_while_the_authorizer_is_down_the_mode_decides_before_its_policy(
    core: RunningCore, station: FakeSession, authorizer: FakeAuthorizer, policy: Any
) -> None:
    authorizer.held.clear()
    await use(core, authorizer, ask=ASK_ALL, offline_policy=policy, timeout=Duration(nanos=1_000_000))

    statuses, remembered = await answers(station)

    allowed = "INVALID" if policy == DENY else "ACCEPTED"
    assert statuses == {"always": "ACCEPTED", "allowed": allowed, "offline": "ACCEPTED", "never": "INVALID"}
    assert remembered == {"always"}


async def test_an_authorizer_without_an_opinion_leaves_it_to_a_token_that_may_decide(
    core: RunningCore, station: FakeSession, authorizer: FakeAuthorizer
) -> None:
    await use(core, authorizer, ask=ASK_UNKNOWN)

    statuses, remembered = await answers(station)

    assert statuses == {"always": "ACCEPTED", "allowed": "ACCEPTED", "offline": "ACCEPTED", "never": "INVALID"}
    assert remembered == {"always", "allowed"}


async def test_what_a_token_began_it_may_stop_while_the_authorizer_is_down(
    core: RunningCore, station: FakeSession, authorizer: FakeAuthorizer
) -> None:
    authorizer.decide = lambda _: IdTokenInfo(status=Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED)
    await use(core, authorizer)
    begun = await station.call(by_never(started(0)))
    authorizer.held.clear()
    await use(core, authorizer, timeout=Duration(nanos=1_000_000))

    over = await station.call(by_never(ended(1)))

    accepted = Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED
    assert (begun.id_token_info.status, over.id_token_info.status) == (accepted, accepted)


async def test_a_token_that_is_not_valid_is_invalid_and_not_blocked(core: RunningCore, station: FakeSession) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    changes = pb.Token(id_token="allowed", type="Central", valid=False)
    await tokens.UpdateToken(pb.UpdateTokenRequest(token=changes))

    statuses, _ = await answers(station)

    assert (statuses["allowed"], statuses["always"]) == ("INVALID", "ACCEPTED")
