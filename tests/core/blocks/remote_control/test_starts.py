"""Requests to start transactions, followed on a whole core with stations played by the test."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from citrine.api.v1 import remote_control_pb2 as pb
from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.reservation_pb2 import RESERVATION_STATE_USED, GetReservationRequest, ReserveNowRequest
from citrine.api.v1.reservation_pb2_grpc import ReservationServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2 import GetTransactionRequest
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.edge.v1.link_pb2 import CommandFailure
from citrine.ocpp.actions import unwrap
from citrine.ocpp.codec import decode
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.reservation_pb2 import RESERVE_NOW_STATUS_ENUM_ACCEPTED, ReserveNowResponse
from citrine.ocpp.v2.transactions_pb2 import REASON_ENUM_DE_AUTHORIZED
from citrine.ocpp.v2.types_pb2 import (
    AUTHORIZATION_STATUS_ENUM_UNKNOWN,
    EVSE,
    ChargingProfile,
    ChargingProfilePurposeEnum,
    IdToken,
    StatusInfo,
)
from tests.support.charging import at, ended, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.reservations import reserve_now
from tests.support.statements import statements

if TYPE_CHECKING:
    from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceAsyncStub

ACCEPTED = ocpp.RequestStartTransactionResponse(
    status=ocpp.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
)
CARD = IdToken(id_token="0A0B0C0D", type="ISO14443")
PROFILE = {
    "id": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]}
    ],
}
Purpose = ChargingProfilePurposeEnum
Trigger = ocpp.MessageTriggerEnum


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        edge.on_command = lambda command: ACCEPTED
        yield session


@pytest.fixture
def api(core: RunningCore) -> "RemoteControlServiceAsyncStub":
    return core.stub(RemoteControlServiceStub)


def start(**fields: Any) -> pb.RequestStartTransactionRequest:
    request = ocpp.RequestStartTransactionRequest(**{"id_token": CARD, **fields})
    return pb.RequestStartTransactionRequest(target=CommandTarget(station_id="CS-1"), request=request)


async def found(api: "RemoteControlServiceAsyncStub", remote_start_id: int) -> pb.RemoteStart:
    return await api.GetRemoteStart(pb.GetRemoteStartRequest(station_id="CS-1", remote_start_id=remote_start_id))


async def test_F02_a_start_is_followed_to_its_transaction(
    core: RunningCore, station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    """The core chooses the id and tells the group; the transaction takes over the token that the station was told."""
    token = Token(id_token=CARD.id_token, type=CARD.type, group_id="FLEET")
    await core.stub(TokensServiceStub).CreateToken(CreateTokenRequest(token=token))
    profile = decode(ChargingProfile, PROFILE)

    answer = await api.RequestStartTransaction(start(evse_id=1, charging_profile=profile))

    sent: Any = unwrap(station.edge.commands[0].request)
    assert sent.remote_start_id > 0
    assert sent.group_id_token == IdToken(id_token="FLEET", type="Central")
    assert sent.charging_profile == profile
    accepted = await found(api, sent.remote_start_id)
    assert (accepted.state, accepted.command_id) == (pb.REMOTE_START_STATE_ACCEPTED, answer.command.command_id)
    assert (accepted.id_token, accepted.evse_id, accepted.charging_profile_id) == (CARD, 1, 7)

    info = {"remote_start_id": sent.remote_start_id}
    await station.call_all([started(0, info=info, trigger="REMOTE_START", evse=(1, 1)), updated(1)])

    assert (await found(api, sent.remote_start_id)).transaction_id == "T-1"
    listed = await api.ListRemoteStarts(
        pb.ListRemoteStartsRequest(station_id="CS-1", state=pb.REMOTE_START_STATE_STARTED)
    )
    assert [one.remote_start_id for one in listed.remote_starts] == [sent.remote_start_id]
    transaction = await core.stub(TransactionsServiceStub).GetTransaction(GetTransactionRequest(transaction_id="T-1"))
    assert (transaction.id_token, transaction.remote_start_id) == (CARD, sent.remote_start_id)


async def test_whose_token_it_is_is_asked_once_where_the_event_has_it(
    core: RunningCore, station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    token = Token(id_token=CARD.id_token, type=CARD.type, group_id="FLEET")
    await core.stub(TokensServiceStub).CreateToken(CreateTokenRequest(token=token))
    await api.RequestStartTransaction(start(evse_id=1, remote_start_id=5))
    named = started(0, info={"remote_start_id": 5}, trigger="REMOTE_START", evse=(1, 1), id_token=CARD.id_token)
    plain = started(0, transaction_id="T-2", evse=(2, 1), id_token=CARD.id_token)
    asked = []

    for request in (plain, named):
        request.id_token.type = CARD.type
        with statements(core.core.engine) as seen:
            await station.call(request)
        asked.append(sum("FROM tokens" in statement for statement, _ in seen))

    assert asked[0] == asked[1] > 0
    assert (await found(api, 5)).transaction_id == "T-1"


async def test_F01_FR_13_the_answer_may_name_the_transaction(
    station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: ocpp.RequestStartTransactionResponse(
        status=ACCEPTED.status, transaction_id="T-1"
    )
    await station.call(started(0, evse=(1, 1)))

    await api.RequestStartTransaction(start(remote_start_id=5))
    await station.call(updated(1, info={"remote_start_id": 5}, trigger="REMOTE_START"))
    # Of two transactions that name a request, the first is the one that it began.
    await station.call(started(0, info={"remote_start_id": 5}, transaction_id="T-2"))

    start_5 = await found(api, 5)
    assert (start_5.state, start_5.transaction_id) == (pb.REMOTE_START_STATE_STARTED, "T-1")


async def test_F02_FR_01_a_start_whose_transaction_does_not_name_it_is_found(
    core: RunningCore, station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    """By EVSE, token and trigger; it has its token, its profile and its reservation as if it had been named."""
    profile = decode(ChargingProfile, PROFILE)
    other = IdToken(id_token="0A0B0C0E", type="ISO14443")
    await api.RequestStartTransaction(start(remote_start_id=5, evse_id=1, charging_profile=profile))
    await api.RequestStartTransaction(start(remote_start_id=6, evse_id=2))
    await api.RequestStartTransaction(start(remote_start_id=7, id_token=other))

    await station.call_all(
        [
            started(0, trigger="REMOTE_START", evse=(1, 1)),
            updated(1, 100.0),
            started(0, trigger="REMOTE_START", evse=(3, 1), id_token="0a:0b:0c:0e", transaction_id="T-2"),
            started(0, trigger="AUTHORIZED", evse=(2, 1), id_token=CARD.id_token, transaction_id="T-3"),
        ]
    )
    # What comes late has the transaction reckoned anew.
    await station.call(started(0, 50.0, trigger="CABLE_PLUGGED_IN", evse=(1, 1), minutes=-1))

    transactions = core.stub(TransactionsServiceStub)
    first, second, third = [
        await transactions.GetTransaction(GetTransactionRequest(transaction_id=name)) for name in ("T-1", "T-2", "T-3")
    ]
    assert (first.remote_start_id, first.id_token) == (5, CARD)
    assert (second.remote_start_id, second.id_token.id_token) == (7, "0a:0b:0c:0e")
    assert not third.HasField("remote_start_id")
    states = {number: ((one := await found(api, number)).state, one.transaction_id) for number in (5, 6, 7)}
    begun = pb.REMOTE_START_STATE_STARTED
    assert states == {5: (begun, "T-1"), 6: (pb.REMOTE_START_STATE_ACCEPTED, ""), 7: (begun, "T-2")}


async def test_a_start_shows_how_its_transaction_ended(
    station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    """The token is unknown here: the station ends what it began (E05.FR.10)."""
    for number in (1, 2):
        await api.RequestStartTransaction(start(remote_start_id=number))
    await station.call(started(0, info={"remote_start_id": 1}, id_token=CARD.id_token))
    running = await found(api, 1)
    assert (running.state, running.HasField("transaction_end_time")) == (pb.REMOTE_START_STATE_STARTED, False)
    await station.call(ended(1, info={"stopped_reason": REASON_ENUM_DE_AUTHORIZED}))

    listed = (await api.ListRemoteStarts(pb.ListRemoteStartsRequest())).remote_starts

    over, open_one = sorted(listed, key=lambda one: one.remote_start_id)
    assert over == await found(api, 1)
    assert (over.state, over.transaction_end_time) == (pb.REMOTE_START_STATE_STARTED, at(1))
    assert (over.stopped_reason, over.token_status) == (REASON_ENUM_DE_AUTHORIZED, AUTHORIZATION_STATUS_ENUM_UNKNOWN)
    assert not open_one.HasField("transaction_end_time")
    assert not open_one.HasField("stopped_reason")


async def test_a_start_begins_one_transaction_only(station: FakeSession, api: "RemoteControlServiceAsyncStub") -> None:
    await api.RequestStartTransaction(start(remote_start_id=5))
    await station.call(started(0, trigger="REMOTE_START", evse=(1, 1)))
    await station.call(started(0, trigger="REMOTE_START", evse=(2, 1), transaction_id="T-2"))

    assert (await found(api, 5)).transaction_id == "T-1"


async def test_a_start_from_afar_uses_the_reservation_of_its_token(
    core: RunningCore, station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: (
        ACCEPTED
        if command.request.HasField("request_start_transaction")
        else ReserveNowResponse(status=RESERVE_NOW_STATUS_ENUM_ACCEPTED)
    )
    reservations = core.stub(ReservationServiceStub)
    target = CommandTarget(station_id="CS-1")
    made = await reservations.ReserveNow(
        ReserveNowRequest(target=target, request=reserve_now(evse_id=1, id_token=CARD))
    )
    await api.RequestStartTransaction(start(evse_id=1))

    await station.call_all([started(0, trigger="REMOTE_START", evse=(1, 1)), updated(1)])

    number = made.reservation.request.id
    used = await reservations.GetReservation(GetReservationRequest(station_id="CS-1", reservation_id=number))
    transaction = await core.stub(TransactionsServiceStub).GetTransaction(GetTransactionRequest(transaction_id="T-1"))
    assert (used.state, used.transaction_id) == (RESERVATION_STATE_USED, "T-1")
    assert transaction.reservation_id == number


async def test_a_refusal_is_kept_with_its_reason_and_an_id_may_be_used_again(
    station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: ocpp.RequestStartTransactionResponse(
        status=ocpp.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_REJECTED,
        status_info=StatusInfo(reason_code="TxInProgress"),
    )
    await api.RequestStartTransaction(start(remote_start_id=5))
    refused = await found(api, 5)
    station.edge.on_command = lambda command: ACCEPTED

    await api.RequestStartTransaction(start(remote_start_id=5))

    assert (refused.state, refused.problem) == (pb.REMOTE_START_STATE_REJECTED, "TxInProgress")
    assert (await found(api, 5)).state == pb.REMOTE_START_STATE_ACCEPTED


async def test_who_starts_without_an_answer_is_believed(
    station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: CommandFailure(reason=CommandFailure.REASON_TIMEOUT)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.RequestStartTransaction(start(remote_start_id=5))
    failed = await found(api, 5)

    await station.call(started(0, info={"remote_start_id": 5}))

    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert (failed.state, failed.problem) == (
        pb.REMOTE_START_STATE_FAILED,
        "Timeout: the station did not answer in time",
    )
    assert (await found(api, 5)).state == pb.REMOTE_START_STATE_STARTED


async def test_a_start_of_any_payload_is_followed_too(
    core: RunningCore, station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    call = CallStationRequest(target=CommandTarget(station_id="CS-1"), action="RequestStartTransaction")
    call.payload.update({"idToken": {"idToken": "0A0B0C0D", "type": "ISO14443"}, "remoteStartId": 9})

    await core.stub(CommandsServiceStub).CallStation(call)

    assert (await found(api, 9)).state == pb.REMOTE_START_STATE_ACCEPTED


async def test_what_can_not_be_sent_leaves_no_open_request(
    core: RunningCore, station: FakeSession, api: "RemoteControlServiceAsyncStub"
) -> None:
    await core.add_station("CS-2", registration=1)
    request = start(remote_start_id=5)
    request.target.station_id = "CS-2"
    with pytest.raises(grpc.aio.AioRpcError) as offline:
        await api.RequestStartTransaction(request)
    request.target.station_id = "CS-9"
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await api.RequestStartTransaction(request)

    listed = (await api.ListRemoteStarts(pb.ListRemoteStartsRequest())).remote_starts

    assert (offline.value.code(), unknown.value.code()) == (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND)
    assert [(one.station_id, one.state) for one in listed] == [("CS-2", pb.REMOTE_START_STATE_FAILED)]


def trigger(kind: str, **fields: Any) -> pb.TriggerMessageRequest:
    request = ocpp.TriggerMessageRequest(requested_message=Trigger.Value(f"MESSAGE_TRIGGER_ENUM_{kind}"), **fields)
    return pb.TriggerMessageRequest(target=CommandTarget(station_id="CS-1"), request=request)


DEFAULT_PROFILE = ChargingProfile(charging_profile_purpose=Purpose.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE)
BOUND_PROFILE = ChargingProfile(
    charging_profile_purpose=Purpose.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE, transaction_id="T-1"
)
STOP = pb.RequestStopTransactionRequest(target=CommandTarget(station_id="CS-1"))
UNLOCK = pb.UnlockConnectorRequest(
    target=CommandTarget(station_id="CS-1"), request=ocpp.UnlockConnectorRequest(evse_id=1)
)


NEVER_RIGHT: list[tuple[str, Any, str]] = [
    (
        "RequestStartTransaction",
        start(charging_profile=DEFAULT_PROFILE),
        "charging_profile.charging_profile_purpose",  # F01.FR.09
    ),
    ("RequestStartTransaction", start(charging_profile=BOUND_PROFILE), "charging_profile.transaction_id"),  # F01.FR.11
    ("RequestStartTransaction", start(evse_id=0), "evse_id"),
    ("RequestStopTransaction", STOP, "transaction_id"),  # F03.FR.01
    ("UnlockConnector", UNLOCK, "connector_id"),
    ("TriggerMessage", trigger("STATUS_NOTIFICATION", evse=EVSE(id=1)), "evse.connector_id"),  # F06.FR.13
    ("TriggerMessage", trigger("UNSPECIFIED"), "requested_message"),  # F06.FR.01
    ("TriggerMessage", trigger("CUSTOM_TRIGGER"), "custom_trigger"),
]


async def test_what_no_station_may_be_asked_is_refused_by_field(core: RunningCore) -> None:
    stub, refused = core.stub(RemoteControlServiceStub), []
    for rpc, request, _ in NEVER_RIGHT:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await getattr(stub, rpc)(request)
        refused.append((error.value.code(), str(error.value.details()).partition(":")[0].removeprefix("request.")))

    assert {code for code, _ in refused} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert [field for _, field in refused] == [field for *_, field in NEVER_RIGHT]
