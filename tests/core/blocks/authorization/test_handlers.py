"""Authorize and ClearCache on a whole core, with stations played by the test."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from sqlalchemy import select

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token, TokenRules
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionsRequest
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import remote_control_pb2 as remote
from citrine.ocpp.v2.authorization_pb2 import (
    AuthorizeCertificateStatusEnum,
    AuthorizeRequest,
    ClearCacheRequest,
    ClearCacheResponse,
    ClearCacheStatusEnum,
)
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import (
    EVSE,
    AuthorizationStatusEnum,
    Component,
    HashAlgorithmEnum,
    IdToken,
    OCSPRequestData,
    Variable,
)
from citrine_core.events import OutboxEvent
from tests.support.charging import at, ended, started
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
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


async def test_separators_between_the_bytes_of_an_id_do_not_count(core: RunningCore, station: FakeSession) -> None:
    """Whoever wrote them: the reader of the station, or the operator."""
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="20:69:C0:21", type="ISO14443", group_id="Sep")))

    answers = await station.call_all(
        [
            *(authorize(spelled) for spelled in ("2069C021", "20-69-c0-21", "20 69 C0 21", "Ca:4D:00:00")),
            authorize("20:69:C0:22"),
            authorize("20:69:C0:21", "Local"),
        ]
    )

    assert [answer.id_token_info.status for answer in answers] == [*[ACCEPTED] * 4, UNKNOWN, UNKNOWN]
    assert [answer.id_token_info.group_id_token.id_token for answer in answers[:4]] == ["Sep", "Sep", "Sep", "Fleet"]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="2069C021", type="ISO14443")))
    assert error.value.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_a_tenant_may_have_ids_spelled_as_they_are_stored(core: RunningCore, station: FakeSession) -> None:
    settings = pb.AuthorizationSettings(exact_token_ids=True)
    shown = await core.stub(AuthorizationServiceStub).UpdateAuthorizationSettings(
        pb.UpdateAuthorizationSettingsRequest(settings=settings)
    )

    answers = await station.call_all([authorize("CA4d0000"), authorize("Ca:4D:00:00")])

    assert shown.exact_token_ids
    assert [answer.id_token_info.status for answer in answers] == [ACCEPTED, UNKNOWN]


async def test_another_spelling_stops_and_counts_as_the_same_token(core: RunningCore, station: FakeSession) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    rules = TokenRules(max_transactions=1)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="2069C021", type="ISO14443", rules=rules)))
    await station.call(started(0, id_token="20:69:C0:21"))

    second, stopped = await station.call_all(
        [
            started(0, id_token="20 69 C0 21", transaction_id="T-2"),
            ended(1, id_token="2069C021", trigger="STOP_AUTHORIZED"),
        ]
    )

    assert second.id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_CONCURRENT_TX
    assert stopped.id_token_info.status == ACCEPTED
    listed = await core.stub(TransactionsServiceStub).ListTransactions(ListTransactionsRequest(id_token="2069c021"))
    assert [one.id_token.id_token for one in listed.transactions] == ["20 69 C0 21", "20:69:C0:21"]
    assert listed.transactions[1].stop_id_token.id_token == "2069C021"


async def test_an_operator_sees_that_a_refused_token_is_known_under_another_type(
    core: RunningCore, station: FakeSession
) -> None:
    begun = started(0, id_token="CA4D0000")
    begun.id_token.type = "Local"
    asked, answered = await station.call_all([authorize("Ca4D0000", "Local"), begun])

    transaction = await core.stub(TransactionsServiceStub).GetTransaction(GetTransactionRequest(transaction_id="T-1"))
    async with core.core.unit_of_work(read_only=True) as work:
        (payload,) = await work.session.scalars(
            select(OutboxEvent.payload).where(OutboxEvent.kind == "token_authorized")
        )
    assert [asked.id_token_info.status, answered.id_token_info.status] == [UNKNOWN, UNKNOWN]
    assert list(Event.FromString(payload).token_authorized.known_types) == ["ISO14443"]
    assert list(transaction.known_token_types) == ["ISO14443"]


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
    assert (event.id_token.id_token, name_in(event, "status")) == ("Ca4D0000", "ACCEPTED")
    assert "ca4d0000" not in caplog.text.lower()


async def test_C07_a_certificate_that_we_should_verify_is_refused(station: FakeSession) -> None:
    """C07.FR.17: it can't be verified here."""
    request = authorize("DE-ABC-C00000001-2", "eMAID")
    request.certificate = "-----BEGIN CERTIFICATE-----"

    answer = await station.call(request)

    assert answer.id_token_info.status == INVALID
    status = AuthorizeCertificateStatusEnum.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR
    assert answer.certificate_status == status


async def test_C07_a_certificate_that_nobody_can_look_up_is_refused(station: FakeSession) -> None:
    """C07.FR.17: there is no OCSP responder at that address."""
    request = authorize("DE-ABC-C00000001-2", "eMAID")
    request.iso_15118_certificate_hash_data.append(
        OCSPRequestData(
            hash_algorithm=HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA256,
            issuer_name_hash="aa",
            issuer_key_hash="bb",
            serial_number="1",
            responder_url="http://127.0.0.1:1/",
        )
    )

    answer = await station.call(request)

    assert answer.id_token_info.status == INVALID
    status = AuthorizeCertificateStatusEnum.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR
    assert answer.certificate_status == status


async def test_C04_FR_04_nobody_reads_what_a_driver_typed(core: RunningCore, station: FakeSession) -> None:
    await station.call(authorize("4711", "KeyCode"))

    async with core.core.unit_of_work(read_only=True) as work:
        (payload,) = await work.session.scalars(
            select(OutboxEvent.payload).where(OutboxEvent.kind == "token_authorized")
        )
    assert b"4711" not in payload


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


async def add_token(core: RunningCore, id_token: str, **fields: Any) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token=id_token, type="ISO14443", **fields)))


def status(answer: Any) -> str:
    name = AuthorizationStatusEnum.Name(answer.id_token_info.status)
    return name.removeprefix("AUTHORIZATION_STATUS_ENUM_")


async def test_open_transactions_count_over_all_stations_and_in_one_batch(
    core: RunningCore, station: FakeSession
) -> None:
    await core.add_station("CS-2", registration=1)
    other = await station.edge.connect("CS-2", PASSWORD)
    await add_token(core, "CAFE0001", rules=TokenRules(max_transactions=1))

    def start(number: int) -> TransactionEventRequest:
        return started(0, transaction_id=f"T-{number}", id_token="CAFE0001", trigger="AUTHORIZED", evse=(1, 1))

    both = [station.edge.put_call(station.ref, start(1)), station.edge.put_call(other.ref, start(2))]
    answers = [status(await station.edge.answer_to(call_id)) for call_id in both]
    there, elsewhere = (station, other) if answers[0] == "ACCEPTED" else (other, station)
    asked = [status(await one.call(authorize("CAFE0001"))) for one in (there, elsewhere)]
    number = 1 if there is station else 2
    stopped = await there.call(ended(1, transaction_id=f"T-{number}", id_token="CAFE0001", trigger="STOP_AUTHORIZED"))
    again = await elsewhere.call(start(3))

    assert sorted(answers) == ["ACCEPTED", "CONCURRENT_TX"]
    assert asked == ["ACCEPTED", "CONCURRENT_TX"]
    assert [status(stopped), status(again)] == ["ACCEPTED", "ACCEPTED"]


async def test_C01_FR_18_the_connector_types_that_a_station_reported_count(
    core: RunningCore, station: FakeSession
) -> None:
    await add_token(core, "CAFE0001", rules=TokenRules(connector_types=["cCCS2"]))
    await add_token(core, "CAFE0002", rules=TokenRules(connector_types=["sType2"]))
    data = [
        provisioning.ReportData(
            component=Component(name="Connector", evse=EVSE(id=evse_id, connector_id=1)),
            variable=Variable(name="ConnectorType"),
            variable_attribute=[provisioning.VariableAttribute(value="cCCS2")],
        )
        for evse_id in (1, 2)
    ]
    await station.call(provisioning.NotifyReportRequest(request_id=1, generated_at=at(0), report_data=data))

    answers = await station.call_all([authorize("CAFE0001"), authorize("CAFE0002")])

    assert [status(answer) for answer in answers] == ["ACCEPTED", "NOT_ALLOWED_TYPE_EVSE"]
    assert list(answers[0].id_token_info.evse_id) == []


async def test_C05_a_token_that_we_made_up_is_accepted_where_we_had_it_started(
    core: RunningCore, station: FakeSession
) -> None:
    await station.call(authorize("00000000"))
    answer = remote.RequestStartTransactionResponse(status=remote.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
    station.edge.on_command = lambda command: answer
    made_up = IdToken(id_token="order-4711", type="Central")
    api: Any = core.stub(RemoteControlServiceStub)
    request = remote.RequestStartTransactionRequest(remote_start_id=7, id_token=made_up, evse_id=1)
    await api.RequestStartTransaction(
        RequestStartTransactionRequest(target=CommandTarget(station_id="CS-1"), request=request)
    )

    ours, other = started(0, trigger="REMOTE_START"), started(0, transaction_id="T-2", trigger="REMOTE_START")
    ours.id_token.CopyFrom(made_up)
    other.id_token.CopyFrom(IdToken(id_token="order-4712", type="Central"))

    assert [status(one) for one in await station.call_all([ours, other])] == ["ACCEPTED", "UNKNOWN"]
