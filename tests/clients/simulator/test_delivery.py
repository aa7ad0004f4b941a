import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

import citrine_simulator
from citrine_simulator import Event, EventKey, Store, read_journal
from citrine_simulator.clock import format_time
from tests.clients.simulator.conftest import PASSWORD, MakeStation
from tests.clients.simulator.csms import Csms, Received
from tests.clients.simulator.manual_clock import ManualClock


def refuse(call: Received) -> str:
    return f'[4,"{call.message_id}","InternalError","",{{}}]'


def never(call: Received) -> None:
    return None


def keys_of(csms: Csms) -> list[int]:
    return [event["seqNo"] for event in csms.of("TransactionEvent")]


async def test_E13_FR_03_waits_grow_with_the_attempts(
    csms: Csms, clock: ManualClock, make_station: MakeStation, events: list[Event], tmp_path: Path
) -> None:
    """Three attempts, 60 and 120 seconds apart; then the message is thrown away, and the next one goes."""
    csms.scripts["TransactionEvent"] = refuse
    station = await make_station()
    await station.plug_in()

    await clock.pass_by(60)
    await csms.until_count("TransactionEvent", 2)
    await clock.pass_by(120)
    await csms.until_count("TransactionEvent", 3)
    await station.wait_for("queue_empty")

    assert keys_of(csms) == [0, 0, 0]
    assert "given_up" in [event.name for event in events]
    summary = read_journal(tmp_path / "journal.jsonl")
    assert len(summary.given_up) == 1
    assert list(summary.sent.values()) == [3]


async def test_E13_FR_04_after_the_last_attempt_the_next_message_goes(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.scripts["TransactionEvent"] = lambda call: refuse(call) if call.payload["seqNo"] == 0 else {}
    station = await make_station(variables={"OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "2"})
    await station.plug_in()
    await station.start_transaction()

    await clock.pass_by(60)
    await station.wait_for("queue_empty")

    assert keys_of(csms) == [0, 0, 1, 2]


async def test_no_answer_is_a_failed_attempt(
    csms: Csms, clock: ManualClock, make_station: MakeStation, tmp_path: Path
) -> None:
    csms.scripts["TransactionEvent"] = never
    station = await make_station()
    await station.plug_in()
    await csms.until_count("TransactionEvent", 1)

    await clock.pass_by(30)
    await clock.pass_by(60)
    await csms.until_count("TransactionEvent", 2)
    csms.scripts.clear()
    await clock.pass_by(30)
    await clock.pass_by(120)
    await station.wait_for("queue_empty")

    assert len(read_journal(tmp_path / "journal.jsonl").acknowledged) == 1


@pytest.mark.parametrize(
    ("choice", "ids"),
    [pytest.param("new", 3, id="new message ids"), pytest.param("same", 1, id="the same message id")],
)
async def test_a_repeated_message_has_the_id_that_is_configured(
    csms: Csms, clock: ManualClock, make_station: MakeStation, choice: str, ids: int
) -> None:
    csms.scripts["TransactionEvent"] = refuse
    station = await make_station(retry_message_id=choice)
    await station.plug_in()

    await clock.pass_by(60)
    await clock.pass_by(120)
    await station.wait_for("queue_empty")

    assert len({call.message_id for call in csms.calls if call.action == "TransactionEvent"}) == ids


async def drop(csms: Csms, call: Received) -> None:
    csms.sockets[call.station_id].transport.abort()


@pytest.mark.parametrize(
    ("counts", "attempts"), [pytest.param(True, 1, id="counts"), pytest.param(False, 0, id="does not count")]
)
async def test_a_socket_closed_before_the_answer_counts_as_configured(
    csms: Csms, clock: ManualClock, make_station: MakeStation, counts: bool, attempts: int, tmp_path: Path
) -> None:
    csms.scripts["TransactionEvent"] = lambda call: drop(csms, call)
    station = await make_station(count_closed_socket=counts)

    failed = station.expect("delivery_failed")
    await station.plug_in()

    assert (await failed).fields["attempt"] == attempts


async def test_refused_handshakes_cost_no_attempt(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    station = await make_station(variables={"OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "1"})
    csms.refuse = [(503, {})] * 3
    station.drop()
    await station.wait_for("disconnected")
    await station.plug_in()

    for wait in (5, 10, 20, 40):
        await clock.pass_by(wait)
    await station.wait_for("queue_empty")

    assert keys_of(csms) == [0]


async def test_E04_what_happens_offline_is_sent_later_as_it_was(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    station = await make_station()
    await station.disconnect()
    began = format_time(station.parts.now())
    await station.plug_in()
    transaction_id = await station.start_transaction()
    clock.advance(600)
    await station.stop_transaction(transaction_id)

    await station.reconnect()
    await station.wait_for("queue_empty")

    sent = csms.of("TransactionEvent")
    assert [event["eventType"] for event in sent] == ["Started", "Updated", "Updated", "Ended"]
    assert [event["seqNo"] for event in sent] == [0, 1, 2, 3]
    assert all(event["offline"] for event in sent)
    assert sent[0]["timestamp"] == began < sent[-1]["timestamp"]
    assert len(csms.of("BootNotification")) == 1


async def test_a_message_is_queued_until_its_answer_is_there(csms: Csms, make_station: MakeStation) -> None:
    answer = asyncio.Event()

    async def later(call: Received) -> dict[str, str]:
        await answer.wait()
        return {}

    csms.scripts["TransactionEvent"] = later
    station = await make_station()
    await station.plug_in()
    await csms.until_count("TransactionEvent", 1)
    assert station.queued == 1

    answer.set()
    await station.wait_for("queue_empty")

    assert station.queued == 0


async def test_other_messages_do_not_wait_behind_the_queue(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.scripts["TransactionEvent"] = refuse
    station = await make_station()
    await station.plug_in()
    await clock.until_sleeping(60)

    answer = await station.call("DataTransfer", {"vendorId": "x"})

    assert answer == {"status": "Accepted"}
    assert station.queued == 1


async def test_an_invalid_answer_is_an_answer(csms: Csms, make_station: MakeStation, tmp_path: Path) -> None:
    """The CSMS has processed the message: to send it again would double it."""
    csms.scripts["TransactionEvent"] = lambda _: {"totalCost": "a lot"}
    station = await make_station()

    await station.plug_in()
    await station.wait_for("queue_empty")

    assert len(csms.of("TransactionEvent")) == 1
    assert station.parts.link.counts["invalid_answers"] == 1


async def test_the_queue_survives_a_kill(csms: Csms, make_station: MakeStation, tmp_path: Path) -> None:
    """What a killed simulator had queued is delivered by the next one with its state, and nothing is missing."""
    csms.scripts["TransactionEvent"] = lambda call: {} if call.payload["seqNo"] < 3 else None
    path = [str(Path(citrine_simulator.__file__).parents[1])]
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "citrine_simulator", "--scenario", "faults", "--speed", "600", "--url", csms.url),
        *("--station", "CS-1", "--password", PASSWORD, "--state-dir", str(tmp_path / "state")),
        *("--journal", str(tmp_path / "killed.jsonl")),
        env={"PYTHONPATH": os.pathsep.join(path)},
    )
    await csms.until_count("TransactionEvent", 4)
    simulator.send_signal(signal.SIGKILL)
    await simulator.wait()
    csms.scripts.clear()

    store = Store(tmp_path / "state")
    station = await make_station(store=store)
    await station.wait_for("queue_empty")
    await station.stop()
    store.close()

    before, after = read_journal(tmp_path / "killed.jsonl"), read_journal(tmp_path / "journal.jsonl")
    assert before.pending
    assert before.pending <= after.acknowledged.keys()
    numbers = sorted(key.seq_no for key in before.queued.keys() | after.queued.keys())
    assert numbers == list(range(len(numbers)))
    assert max(after.acknowledged, key=seq_no).event_type == "Ended"


def seq_no(key: EventKey) -> int:
    return key.seq_no


async def test_nothing_is_sent_after_the_station_is_off(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.stop()

    with contextlib.suppress(ConnectionClosed):
        await csms.sockets["CS-1"].wait_closed()

    assert csms.of("TransactionEvent") == []
