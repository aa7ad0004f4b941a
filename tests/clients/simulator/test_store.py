from pathlib import Path
from typing import Any

from citrine_simulator.store import Store


def event(seq_no: int, transaction_id: str = "T") -> dict[str, Any]:
    return {"seqNo": seq_no, "transactionInfo": {"transactionId": transaction_id}}


def test_messages_leave_in_the_order_they_came() -> None:
    store = Store().station("CS-1")
    store.append(event(0), {})
    store.append(event(1), {})

    first = store.oldest()
    assert first is not None
    store.remove(first.number)
    second = store.oldest()

    assert first.payload == event(0)
    assert second is not None
    assert second.payload == event(1)


def test_everything_is_there_after_the_file_is_opened_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    station = store.station("CS-1")
    station.append(event(0), {"transactions": [1]})
    message = station.oldest()
    assert message is not None
    station.record_attempt(message.number, 2, "id-2")
    store.close()

    again = Store(tmp_path).station("CS-1")

    kept = again.oldest()
    assert kept is not None
    assert (kept.payload, kept.attempts, kept.message_id) == (event(0), 2, "id-2")
    assert again.recall("transactions") == [1]


def test_stations_share_a_file_and_nothing_else() -> None:
    store = Store()
    store.station("CS-1").append(event(0), {"name": 1})

    other = store.station("CS-2")

    assert other.oldest() is None
    assert other.recall("name") is None


def test_messages_are_counted_by_transaction() -> None:
    station = Store().station("CS-1")
    station.append(event(0, "A"), {})
    station.append(event(0, "B"), {})

    assert station.count() == 2
    assert station.count("A") == 1
    assert station.count("C") == 0
