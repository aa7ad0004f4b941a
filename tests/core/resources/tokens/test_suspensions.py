"""All tokens of a party are refused at once, however many, and say afterwards what they said before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from citrine.api.v1 import tokens_pb2 as pb
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.events.v1.events_service_pb2 import ListEventsRequest, SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_core.db import database_of
from citrine_core.resources.tokens.suspensions import SuspensionRepository
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore
from tests.support.databases import somebody_waits
from tests.support.fake_edge import FakeSession
from tests.support.many_rows import Sql

MANY = 100_000

TNM = {"country_code": "NL", "party_id": "TNM"}

TOKENS: dict[str, dict[str, Any]] = {
    "always": {**TNM, "whitelist": pb.TOKEN_WHITELIST_ALWAYS},
    "allowed": TNM,
    "blocked": {**TNM, "status": pb.TOKEN_STATUS_BLOCKED},
    "invalid": {**TNM, "valid": False},
    "other": {"country_code": "NL", "party_id": "XYZ"},
    "own": {},
}

BEFORE = {
    "always": "ACCEPTED",
    "allowed": "ACCEPTED",
    "blocked": "BLOCKED",
    "invalid": "INVALID",
    "other": "ACCEPTED",
    "own": "ACCEPTED",
}


@pytest.fixture
async def tokens(core: RunningCore) -> Any:
    stub: Any = core.stub(TokensServiceStub)
    for name, fields in TOKENS.items():
        await stub.CreateToken(pb.CreateTokenRequest(token=pb.Token(id_token=name, type="Central", **fields)))
    return stub


@pytest.fixture
async def station(core: RunningCore, tokens: Any) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


async def status(station: FakeSession, name: str) -> str:
    answer = await station.call(AuthorizeRequest(id_token=IdToken(id_token=name, type="Central")))
    return AuthorizationStatusEnum.Name(answer.id_token_info.status).removeprefix("AUTHORIZATION_STATUS_ENUM_")


async def statuses(station: FakeSession) -> dict[str, str]:
    return {name: await status(station, name) for name in TOKENS}


async def test_tokens_of_a_party_are_refused_for_as_long_as_there_is_a_reason(
    core: RunningCore, tokens: Any, station: FakeSession
) -> None:
    assert await statuses(station) == BEFORE

    for reason in ("unpaid", "OCPI", "OCPI"):
        found = await tokens.SuspendTokenOwner(
            pb.SuspendTokenOwnerRequest(country_code="nl", party_id="tnm", reason=reason)
        )
        assert (found.country_code, found.party_id, found.reason) == ("NL", "TNM", reason)
    refused = {**BEFORE, "always": "INVALID", "allowed": "INVALID"}
    assert await statuses(station) == refused
    later = pb.Token(id_token="later", type="Central", country_code="NL", party_id="TNM")
    await tokens.CreateToken(pb.CreateTokenRequest(token=later))
    assert await status(station, "later") == "INVALID"
    # A station that was offline said it before the party was suspended.
    offline = started(0, 0, transaction_id="T-0", id_token="always")
    offline.id_token.type, offline.offline = "Central", True
    offline.timestamp.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    answer = await station.call(offline)
    assert answer.id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED

    shown = (await tokens.ListTokens(pb.ListTokensRequest())).tokens
    assert {one.id_token for one in shown if one.HasField("suspend_time")} == {
        *("always", "allowed", "blocked", "invalid", "later")
    }
    listed = (await tokens.ListTokenOwnerSuspensions(pb.ListTokenOwnerSuspensionsRequest())).suspensions
    assert [(one.party_id, one.reason) for one in listed] == [("TNM", "OCPI"), ("TNM", "unpaid")]

    resume = pb.ResumeTokenOwnerRequest(**TNM, reason="OCPI")
    await tokens.ResumeTokenOwner(resume)
    assert await statuses(station) == refused
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await tokens.ResumeTokenOwner(resume)
    await tokens.ResumeTokenOwner(pb.ResumeTokenOwnerRequest(**TNM, reason="unpaid"))
    assert await statuses(station) == BEFORE

    events: Any = core.stub(EventsServiceStub)
    told = []
    async for response in events.Subscribe(SubscribeRequest(kinds=["token_owner_changed"], from_token="0")):
        if response.event.WhichOneof("body") is None:
            continue
        told.append(response.event.token_owner_changed.suspended)
        if not told[-1]:
            break
    assert told == [True, True, True, False]


async def test_who_removes_the_last_of_two_reasons_at_once_says_that_the_party_is_resumed(core: RunningCore) -> None:
    stub: Any = core.stub(TokensServiceStub)
    for reason in ("unpaid", "OCPI"):
        await stub.SuspendTokenOwner(pb.SuspendTokenOwnerRequest(**TNM, reason=reason))

    async def resume() -> None:
        await stub.ResumeTokenOwner(pb.ResumeTokenOwnerRequest(**TNM, reason="unpaid"))

    async with core.core.unit_of_work() as work:
        await SuspensionRepository(work.session).remove("default", ("NL", "TNM"), "OCPI")
        resuming = asyncio.create_task(resume())
        if not database_of(core.core.engine).has_one_writer:
            waiting = asyncio.create_task(somebody_waits(core.core.engine))
            await asyncio.wait([waiting, resuming], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        await work.commit()
    await resuming

    events: Any = core.stub(EventsServiceStub)
    told = await events.ListEvents(ListEventsRequest(kinds=["token_owner_changed"]))
    assert not told.events[0].token_owner_changed.suspended


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"party_id": "TNM"}, "country_code"),
        ({"country_code": "NL"}, "party_id"),
        ({"country_code": "NLD", "party_id": "TNM"}, "country_code"),
        ({**TNM, "reason": "x" * 65}, "reason"),
    ],
)
async def test_what_is_no_party_is_refused_by_name(core: RunningCore, fields: dict[str, str], problem: str) -> None:
    stub: Any = core.stub(TokensServiceStub)
    with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT") as refused:
        await stub.SuspendTokenOwner(pb.SuspendTokenOwnerRequest(**fields))
    assert problem in (refused.value.details() or "")


async def test_a_hundred_thousand_tokens_are_refused_at_once(
    core: RunningCore, tokens: Any, station: FakeSession
) -> None:
    """None of them is written."""
    async with core.core.unit_of_work() as work:
        numbers = Sql(work.session.bind).numbers(MANY)  # type: ignore[arg-type]
        columns = (
            "tenant_id, lookup, type, id_token, status, group_id, country_code, party_id, master_pass, language,"
            " second_language, message, charging_priority, description, create_time, version"
        )
        values = (
            "'default', 'm' || n, 'Central', 'm' || n, 1, '', 'NL', 'TNM', false, '', '', '', 0, '',"
            " '2026-01-01 00:00:00.000000', 1"
        )
        await work.session.execute(text(f"INSERT INTO tokens ({columns}) SELECT {values} FROM {numbers}"))
        await work.commit()
    assert await status(station, f"m{MANY}") == "ACCEPTED"

    await tokens.SuspendTokenOwner(pb.SuspendTokenOwnerRequest(**TNM), timeout=5)
    assert [await status(station, f"m{number}") for number in (1, MANY)] == ["INVALID", "INVALID"]
    await tokens.ResumeTokenOwner(pb.ResumeTokenOwnerRequest(**TNM), timeout=5)
    assert await status(station, f"m{MANY}") == "ACCEPTED"
    found = await tokens.GetToken(pb.GetTokenRequest(id_token=f"m{MANY}"))
    assert found.etag == "1"
