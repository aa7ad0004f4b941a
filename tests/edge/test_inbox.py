"""The calls of one station."""

import pytest

from citrine_edge.clock import timestamp
from citrine_edge.dialects import V201
from citrine_edge.inbox import Flight, Inbound, Inbox
from citrine_edge.ocppj import Call


def call(message_id: str, payload: object = None) -> Call:
    return Call(message_id, "Heartbeat", payload or {})


DIALECT = V201()


def flight(inbound: Inbound, call_id: int = 1) -> Flight:
    flight = Flight(inbound, DIALECT.read_call("Heartbeat", {}))
    flight.call_id = call_id
    return flight


def test_one_is_in_flight_and_the_others_follow_in_their_order() -> None:
    inbox = Inbox()
    for message_id in "abc":
        inbox.put(Inbound(call(message_id), timestamp()))

    order = []
    while (inbound := inbox.next()) is not None:
        order.append(inbound.call.message_id)
        inbox.flight = flight(inbound, len(order))
        assert inbox.next() is None
        assert inbox.land().call_id == len(order)

    assert order == ["a", "b", "c"]
    assert len(inbox) == 0


@pytest.mark.parametrize(
    ("other", "is_repeated"),
    [(call("a"), True), (call("b"), True), (call("c"), False), (call("a", {"customData": 1}), False)],
)
def test_same_message_under_the_same_id_is_a_repetition(other: Call, is_repeated: bool) -> None:
    inbox = Inbox()
    inbox.flight = flight(Inbound(call("a"), timestamp()))
    inbox.put(Inbound(call("b"), timestamp()))

    assert inbox.is_repeated(other) is is_repeated


def test_nothing_lands_twice() -> None:
    with pytest.raises(AssertionError):
        Inbox().land()
