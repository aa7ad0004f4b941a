"""Authorize and ClearCache on a whole core, with stations played by the test."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.authorization_pb2 import (
    AuthorizeCertificateStatusEnum,
    AuthorizeRequest,
    ClearCacheRequest,
    ClearCacheResponse,
    ClearCacheStatusEnum,
)
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, HashAlgorithmEnum, IdToken, OCSPRequestData
from citrine_core.events import OutboxEvent
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
INVALID = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID
UNKNOWN = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    # Any: the types of stubs are those of synchronous channels.
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="Ca4D0000", type="ISO14443", group_id="Fleet")))
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="DE-ABC-C00000001-2", type="eMAID")))
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


def authorize(id_token: str, kind: str = "ISO14443") -> AuthorizeRequest:
    return AuthorizeRequest(id_token=IdToken(id_token=id_token, type=kind))


async def test_C01_tokens_are_answered_by_id_and_type_whatever_their_case(station: FakeSession) -> None:
    answers = await station.call_all([authorize("CA4d0000"), authorize("ca4d0000", "Local"), authorize("00000000")])

    assert [answer.id_token_info.status for answer in answers] == [ACCEPTED, UNKNOWN, UNKNOWN]
    assert answers[0].id_token_info.group_id_token.id_token == "Fleet"


async def test_subscribers_hear_of_it_and_the_log_does_not(
    core: RunningCore, station: FakeSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "citrine_core")

    await station.call(authorize("Ca4D0000"))

    async with core.core.unit_of_work(read_only=True) as work:
        (payload,) = await work.session.scalars(
            select(OutboxEvent.payload).where(OutboxEvent.kind == "token_authorized")
        )
    event = Event.FromString(payload).token_authorized
    assert (event.id_token, event.status) == ("Ca4D0000", "Accepted")
    assert "ca4d0000" not in caplog.text.lower()


async def test_C07_a_certificate_that_we_should_verify_is_refused(station: FakeSession) -> None:
    """C07.FR.17: it can't be verified here."""
    request = authorize("DE-ABC-C00000001-2", "eMAID")
    request.certificate = "-----BEGIN CERTIFICATE-----"

    answer = await station.call(request)

    assert answer.id_token_info.status == INVALID
    status = AuthorizeCertificateStatusEnum.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR
    assert answer.certificate_status == status


async def test_C07_of_a_certificate_that_the_station_checked_nothing_is_said(station: FakeSession) -> None:
    request = authorize("DE-ABC-C00000001-2", "eMAID")
    request.iso_15118_certificate_hash_data.append(
        OCSPRequestData(
            hash_algorithm=HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA256,
            issuer_name_hash="aa",
            issuer_key_hash="bb",
            serial_number="1",
            responder_url="http://ocsp.example",
        )
    )

    answer = await station.call(request)

    assert answer.id_token_info.status == ACCEPTED
    assert not answer.HasField("certificate_status")


async def test_C11_a_cache_is_cleared(core: RunningCore, station: FakeSession) -> None:
    accepted = ClearCacheResponse(status=ClearCacheStatusEnum.CLEAR_CACHE_STATUS_ENUM_ACCEPTED)
    station.edge.on_command = lambda command: accepted
    # What is answered comes after the websocket was known to be open.
    await station.call(authorize("00000000"))

    # Any: the types of stubs are those of synchronous channels.
    api: Any = core.stub(AuthorizationServiceStub)
    answer = await api.ClearCache(
        pb.ClearCacheRequest(target=CommandTarget(station_id="CS-1"), request=ClearCacheRequest())
    )

    assert answer.response == accepted
