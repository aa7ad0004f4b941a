"""TransactionsService on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget, TimeRange
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2.transactions_pb2 import (
    GetTransactionStatusRequest,
    GetTransactionStatusResponse,
    TransactionEventResponse,
)
from citrine.ocpp.v2.types_pb2 import SignedMeterValue
from tests.support.charging import at, ended, sampled, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceAsyncStub


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


@pytest.fixture
def api(core: RunningCore) -> "TransactionsServiceAsyncStub":
    return core.stub(TransactionsServiceStub)


async def test_a_transaction_shows_what_its_station_reported(
    station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    await station.call_all([started(0, 1000.0, evse=(1, 1), id_token="CARD"), updated(2, 1200.0)])

    found = await api.GetTransaction(pb.GetTransactionRequest(transaction_id="T-1"))

    assert (found.station_id, found.tenant_id, found.evse_id, found.connector_id) == ("CS-1", "default", 1, 1)
    assert (found.id_token.id_token, found.energy_wh, found.events, found.has_gap) == ("CARD", 200.0, 2, True)
    assert found.start_time == at(0)
    assert not found.HasField("end_time")


async def test_a_transaction_that_is_over_imports_nothing_now(
    station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    power = sampled(7.2, "POWER_ACTIVE_IMPORT", unit="kW")
    await station.call_all([started(0, 1000.0), updated(1, 1400.0, power)])
    running = await api.GetTransaction(pb.GetTransactionRequest(transaction_id="T-1"))
    await station.call_all([ended(2, 1500.0)])
    over = await api.GetTransaction(pb.GetTransactionRequest(transaction_id="T-1"))

    assert running.power_w == 7200.0
    assert (over.HasField("power_w"), over.energy_wh) == (False, 500.0)


async def test_an_unknown_transaction_is_not_found(core: RunningCore, api: "TransactionsServiceAsyncStub") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.GetTransaction(pb.GetTransactionRequest(transaction_id="T-9"))
    with pytest.raises(grpc.aio.AioRpcError) as of_events:
        await api.ListTransactionEvents(pb.ListTransactionEventsRequest(station_id="CS-1", transaction_id="T-9"))

    assert (error.value.code(), of_events.value.code()) == (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.NOT_FOUND)


async def test_a_transaction_of_another_tenant_is_not_found(
    core: RunningCore, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    await core.add_tenant("other")
    await station.call(started(0))

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.GetTransaction(
            pb.GetTransactionRequest(transaction_id="T-1"), metadata=(("citrine-tenant", "other"),)
        )

    assert error.value.code() == grpc.StatusCode.NOT_FOUND


async def test_one_id_of_two_stations_needs_the_station(
    core: RunningCore, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    await core.add_station("CS-2", registration=1)
    second = await station.edge.connect("CS-2", PASSWORD)
    await station.call(started(0))
    await second.call(started(0))

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.GetTransaction(pb.GetTransactionRequest(transaction_id="T-1"))
    found = await api.GetTransaction(pb.GetTransactionRequest(transaction_id="T-1", station_id="CS-2"))

    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert found.station_id == "CS-2"


async def test_transactions_are_listed_by_page_and_filter(
    station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    for number in range(5):
        await station.call(started(0, minutes=number, transaction_id=f"T-{number}", id_token=f"Card-{number % 2}"))
    await station.call(ended(1, transaction_id="T-3"))

    first = await api.ListTransactions(pb.ListTransactionsRequest(page_size=3))
    rest = await api.ListTransactions(pb.ListTransactionsRequest(page_size=3, page_token=first.next_page_token))
    active = await api.ListTransactions(pb.ListTransactionsRequest(station_id="CS-1", active_only=True))
    of_card = await api.ListTransactions(pb.ListTransactionsRequest(id_token="CARD-1"))
    early = await api.ListTransactions(pb.ListTransactionsRequest(start_time=TimeRange(start=at(1), end=at(3))))

    def ids(response: pb.ListTransactionsResponse) -> list[str]:
        return [transaction.transaction_id for transaction in response.transactions]

    assert ids(first) + ids(rest) == ["T-4", "T-3", "T-2", "T-1", "T-0"]
    assert rest.next_page_token == ""
    assert ids(active) == ["T-4", "T-2", "T-1", "T-0"]
    assert ids(of_card) == ["T-3", "T-1"]
    of_card = await api.ListTransactions(pb.ListTransactionsRequest(id_token="CARD-1", page_size=1))
    assert ids(of_card) == ["T-3"]
    token = of_card.next_page_token
    of_card = await api.ListTransactions(pb.ListTransactionsRequest(id_token="CARD-1", page_size=1, page_token=token))
    assert (ids(of_card), of_card.next_page_token) == (["T-1"], "")
    assert ids(early) == ["T-2", "T-1"]


async def test_transactions_of_a_time_come_by_their_beginning(
    station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    """However late a station told of them."""
    for minutes in (5, 1, 9, 3):
        await station.call(started(0, minutes=minutes, transaction_id=f"T-{minutes}"))
    request = pb.ListTransactionsRequest(start_time=TimeRange(start=at(1), end=at(9)), page_size=2)

    first = await api.ListTransactions(request)
    request.page_token = first.next_page_token
    second = await api.ListTransactions(request)

    assert [one.transaction_id for one in first.transactions] == ["T-5", "T-3"]
    assert [one.transaction_id for one in second.transactions] == ["T-1"]
    assert second.next_page_token == ""


async def test_transactions_are_listed_by_what_their_ids_begin_with(
    core: RunningCore, station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    await core.add_station("CS-2", registration=1)
    second = await station.edge.connect("CS-2", PASSWORD)
    for number, name in enumerate(("b-1", "ab-3", "ab-1", "AB-2", "ab-2", "a_")):
        await station.call(started(0, minutes=number, transaction_id=name))
    await second.call(started(0, transaction_id="ab-1"))

    async def ids(prefix: str, **fields: Any) -> list[tuple[str, str]]:
        request = pb.ListTransactionsRequest(transaction_id_prefix=prefix, page_size=2, **fields)
        pages = [await api.ListTransactions(request)]
        while pages[-1].next_page_token:
            request.page_token = pages[-1].next_page_token
            pages.append(await api.ListTransactions(request))
        return [(one.transaction_id, one.station_id) for page in pages for one in page.transactions]

    assert await ids("ab") == [("ab-1", "CS-1"), ("ab-1", "CS-2"), ("ab-2", "CS-1"), ("ab-3", "CS-1")]
    assert await ids("ab", station_id="CS-2") == [("ab-1", "CS-2")]
    assert await ids("AB-2") == [("AB-2", "CS-1")]
    assert await ids("a_") == [("a_", "CS-1")]
    assert await ids("ab-1-") == []


async def test_events_are_given_back_whole_and_in_order(
    station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    value = sampled(1500.0, context="TRANSACTION_END", unit="Wh")
    value.signed_meter_value.CopyFrom(SignedMeterValue(signed_meter_data="c2lnbmVk", encoding_method="OCMF"))
    requests = [started(0, 1000.0, offline=False), updated(1, 1200.0), ended(2, value, offline=True)]
    requests[1].custom_data.vendor_id = "com.example"
    requests[1].custom_data.data.update({"b": [1, None], "a": "x"})
    await station.call(requests[2])
    await station.call(requests[0])
    await station.call(requests[1])

    request = pb.ListTransactionEventsRequest(station_id="CS-1", transaction_id="T-1", page_size=2)
    first = await api.ListTransactionEvents(request)
    request.page_token = first.next_page_token
    rest = await api.ListTransactionEvents(request)

    events = [*first.events, *rest.events]
    assert [event.request for event in events] == requests
    assert events[0].response == TransactionEventResponse()
    assert events[0].HasField("receive_time")
    request.page_token, request.omit_meter_values = "", True
    short = (await api.ListTransactionEvents(request)).events
    assert [(one.request.seq_no, len(one.request.meter_value)) for one in short] == [(0, 0), (1, 0)]


async def test_E14_the_station_is_asked_for_its_queue(
    station: FakeSession, api: "TransactionsServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: GetTransactionStatusResponse(
        messages_in_queue=True, ongoing_indicator=False
    )
    # What is answered comes after the websocket was known to be open.
    await station.call(started(0))

    answer = await api.GetTransactionStatus(
        pb.GetTransactionStatusRequest(
            target=CommandTarget(station_id="CS-1"), request=GetTransactionStatusRequest(transaction_id="T-1")
        )
    )

    assert answer.response == GetTransactionStatusResponse(messages_in_queue=True, ongoing_indicator=False)
