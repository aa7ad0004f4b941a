import asyncio

from citrine_simulator.events import Event, Events
from tests.clients.simulator.manual_clock import NOON


def test_an_event_is_one_line() -> None:
    event = Event(NOON, "CS-1", "transaction_started", {"transaction_id": "T", "nothing": None})

    assert str(event) == "12:00:00 CS-1 transaction started transaction_id=T"


async def test_the_next_event_of_a_name_ends_the_waiting() -> None:
    events = Events("CS-1", lambda: NOON)
    waiting = events.expect("given_up")

    events.emit("connected")
    assert not waiting.done()
    events.emit("given_up", seq_no=1)

    assert (await asyncio.wait_for(waiting, 1)).fields == {"seq_no": 1}


async def test_a_state_holds_until_the_next_of_its_kind() -> None:
    events = Events("CS-1", lambda: NOON)

    events.emit("connected")
    events.emit("accepted")
    assert events.holds("connected") is not None
    events.emit("disconnected")

    assert events.holds("connected") is None
    assert events.holds("accepted") is not None
    assert events.holds("given_up") is None
