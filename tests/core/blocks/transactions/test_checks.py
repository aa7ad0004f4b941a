"""Questions of the core about transactions, on a whole core with stations played by the test."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.stations_pb2 import DeleteStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.edge.v1.link_pb2 import CommandFailure
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine.ocpp.v2.transactions_pb2 import GetTransactionStatusRequest, GetTransactionStatusResponse
from citrine_core.blocks.transactions.checks import CheckRepository
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.waiting import WAIT

if TYPE_CHECKING:
    from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceAsyncStub

GONE = GetTransactionStatusResponse(ongoing_indicator=False, messages_in_queue=False)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    """A core that asks at once, and after no silence."""
    settings = {"transaction_check_delay": timedelta(0), "transaction_silence": None}
    async with running_core(database_url, tmp_path, **settings) as running:
        yield running


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def station(edge: FakeEdge) -> FakeSession:
    session = await edge.connect("CS-1", PASSWORD)
    await session.call(HeartbeatRequest())
    return session


@pytest.fixture
def api(core: RunningCore) -> "TransactionsServiceAsyncStub":
    return core.stub(TransactionsServiceStub)


async def until(core: RunningCore, wanted: Callable[[Event], bool]) -> Event:
    """Return the first event of the default tenant that is wanted."""
    stream = core.stub(EventsServiceStub).Subscribe(SubscribeRequest(from_token="0"), timeout=WAIT)
    async for response in stream:
        if wanted(response.event):
            stream.cancel()
            found: Event = response.event
            return found
    raise AssertionError("the stream ended")


async def asked(edge: FakeEdge) -> Message:
    """Return the next question."""
    command = await edge.next("command")
    return unwrap(command.request)


async def transaction_of(api: "TransactionsServiceAsyncStub") -> pb.Transaction:
    return await api.GetTransaction(pb.GetTransactionRequest(transaction_id="T-1"))


async def test_E14_a_station_is_asked_for_missing_events(
    core: RunningCore, edge: FakeEdge, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    edge.on_command = lambda command: GetTransactionStatusResponse(ongoing_indicator=False, messages_in_queue=True)

    await station.call_all([started(0), ended(3)])

    assert await asked(edge) == GetTransactionStatusRequest(transaction_id="T-1")
    event = await until(core, lambda event: event.HasField("transaction_checked"))
    assert event.transaction_checked.messages_in_queue
    summary = event.transaction_checked.transaction
    assert (summary.transaction_id, summary.seq_no, summary.HasField("end_time")) == ("T-1", 3, True)
    found = await transaction_of(api)
    assert (found.missing_events, found.has_gap) == (2, True)
    check = found.check
    assert (check.reason, check.asks) == (pb.TransactionCheck.REASON_GAP, 1)
    assert (check.ongoing, check.messages_in_queue, check.problem) == (False, True, "")
    assert check.due_time.ToDatetime() > check.ask_time.ToDatetime()


async def test_E14_a_transaction_without_its_beginning_is_asked_for(
    core: RunningCore, edge: FakeEdge, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    """What is neither queued nor known to the station will not come: nobody asks again."""
    edge.on_command = lambda command: GONE

    await station.call(ended(4))

    await until(core, lambda event: event.HasField("transaction_checked"))
    found = await transaction_of(api)
    assert (found.missing_events, found.check.messages_in_queue) == (1, False)
    assert not found.check.HasField("due_time")
    assert not found.HasField("close_time")


async def test_a_transaction_that_its_station_forgot_is_closed_until_it_is_heard_of(
    core: RunningCore, edge: FakeEdge, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    """Some stations never end what was under way when they lost their power (field experience)."""
    edge.on_command = lambda command: GONE
    await station.call_all([started(0, 1000.0), updated(1, 1500.0)])

    await station.call(
        BootNotificationRequest(
            reason=BOOT_REASON_ENUM_POWER_UP, charging_station=ChargingStation(model="M", vendor_name="V")
        )
    )
    await station.close()
    back = await edge.connect("CS-1", PASSWORD)
    await back.call_all([started(0, transaction_id="T-2"), updated(2, transaction_id="T-2")])

    event = await until(core, lambda event: event.HasField("transaction_closed"))
    assert event.transaction_closed.transaction.transaction_id in ("T-1", "T-2")
    await until(core, lambda event: event.transaction_closed.transaction.transaction_id == "T-1")
    found = await transaction_of(api)
    assert found.HasField("close_time")
    assert (found.orphaned, found.energy_wh, found.HasField("end_time")) == (False, 500.0, False)
    assert found.check.reason == pb.TransactionCheck.REASON_BACK
    active = await api.ListTransactions(pb.ListTransactionsRequest(active_only=True))
    assert "T-1" not in [transaction.transaction_id for transaction in active.transactions]

    await back.call(ended(2, 1700.0))

    found = await transaction_of(api)
    assert (found.HasField("close_time"), found.HasField("end_time"), found.energy_wh) == (False, True, 700.0)


async def test_a_station_that_can_not_say_is_not_asked_again(
    core: RunningCore, edge: FakeEdge, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    failure = CommandFailure(reason=CommandFailure.REASON_CALL_ERROR)
    failure.error.code = "NotImplemented"
    edge.on_command = lambda command: failure

    await station.call_all([started(0), updated(2)])

    await until(core, lambda event: event.command_finished.action == "GetTransactionStatus")
    check = (await transaction_of(api)).check
    assert check.problem.startswith("NotImplemented")
    assert not check.HasField("due_time")
    assert not check.HasField("answer_time")


async def test_a_silent_transaction_is_asked_for_once_in_a_while(core: RunningCore, station: FakeSession) -> None:
    await station.call(started(0))
    now, hour = datetime.now(UTC), timedelta(hours=1)
    key = ("default", "CS-1", "T-1")

    async with core.core.unit_of_work() as work:
        checks = CheckRepository(work.session)
        early = await checks.find_silent(now, timedelta(0), hour, 10)
        silent = await checks.find_silent(now + 2 * hour, timedelta(0), hour, 10)
        await checks.schedule(silent, now + 2 * hour)
        asked = await checks.claim(now + 2 * hour, 10)
        again = await checks.claim(now + 2 * hour, 10)
        await checks.answered(key, True, False, now + 2 * hour)
        soon = await checks.find_silent(now + 2.5 * hour, timedelta(0), hour, 10)
        later = await checks.find_silent(now + 4 * hour, timedelta(0), hour, 10)

    assert (early, silent) == ({}, {key: pb.TransactionCheck.REASON_SILENT})
    assert [(one.station_id, one.transaction_id) for one in asked] == [("CS-1", "T-1")]
    assert (again, soon, later) == ([], {}, silent)


async def test_a_question_is_given_up_after_some_time_without_an_answer(
    core: RunningCore, station: FakeSession
) -> None:
    await station.call(started(0))
    now, asked = datetime.now(UTC), 0

    async with core.core.unit_of_work() as work:
        checks = CheckRepository(work.session)
        await checks.schedule({("default", "CS-1", "T-1"): pb.TransactionCheck.REASON_SILENT}, now)
        for day in range(20):
            asked += len(await checks.claim(now + timedelta(days=day), 10))

    assert asked == 8


async def test_an_operator_closes_what_will_not_end(
    core: RunningCore, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    await station.call(started(0, 1000.0))
    request = pb.CloseTransactionRequest(station_id="CS-1", transaction_id="T-1")

    closed = await api.CloseTransaction(request)

    assert closed.HasField("close_time")
    await until(core, lambda event: event.transaction_closed.transaction.transaction_id == "T-1")
    with pytest.raises(grpc.aio.AioRpcError) as again:
        await api.CloseTransaction(request)
    request.transaction_id = "T-9"
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await api.CloseTransaction(request)
    assert again.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


async def test_what_a_removed_station_left_open_is_closed(
    core: RunningCore, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    await station.call_all([started(0), started(0, transaction_id="T-2"), ended(1, transaction_id="T-2")])

    await core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-1"))

    listed = await api.ListTransactions(pb.ListTransactionsRequest())
    assert [(one.transaction_id, one.HasField("close_time")) for one in listed.transactions] == [
        ("T-2", False),
        ("T-1", True),
    ]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("reason", "code", "asks"),
    [
        pytest.param(CommandFailure.REASON_LOST, "ConnectionLost", 1, id="the station may have got it"),
        pytest.param(CommandFailure.REASON_GONE, "NotConnected", 0, id="the station never got it"),
    ],
)
async def test_a_question_that_is_lost_with_the_connection_is_asked_again(
    core: RunningCore,
    edge: FakeEdge,
    station: FakeSession,
    api: "TransactionsServiceAsyncStub",
    reason: "CommandFailure.Reason.ValueType",
    code: str,
    asks: int,
) -> None:
    edge.on_command = lambda command: CommandFailure(reason=reason)

    await station.call_all([started(0), ended(2)])

    await until(core, lambda event: event.command_finished.action == "GetTransactionStatus")
    check = (await transaction_of(api)).check
    assert check.problem.startswith(code)
    assert (check.asks, check.HasField("due_time")) == (asks, True)


async def test_E14_what_an_operator_asks_is_kept_too(
    edge: FakeEdge, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    edge.on_command = lambda command: GetTransactionStatusResponse(ongoing_indicator=True, messages_in_queue=False)
    await station.call(started(0))
    request = pb.GetTransactionStatusRequest(
        target=CommandTarget(station_id="CS-1"), request=GetTransactionStatusRequest(transaction_id="T-1")
    )

    await api.GetTransactionStatus(request)

    check = (await transaction_of(api)).check
    assert (check.reason, check.ongoing) == (pb.TransactionCheck.REASON_REQUESTED, True)
    assert check.HasField("answer_time")


async def test_an_answer_about_all_transactions_is_kept_with_its_command_only(
    edge: FakeEdge, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    """E14.FR.06: it says nothing of a single one."""
    edge.on_command = lambda command: GetTransactionStatusResponse(messages_in_queue=True)
    await station.call(started(0))
    request = pb.GetTransactionStatusRequest(
        target=CommandTarget(station_id="CS-1"), request=GetTransactionStatusRequest()
    )

    answer = await api.GetTransactionStatus(request)

    assert answer.response == GetTransactionStatusResponse(messages_in_queue=True)
    assert answer.command.response["messagesInQueue"] is True
    assert not (await transaction_of(api)).HasField("check")
