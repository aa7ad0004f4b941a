from pathlib import Path
from typing import Any

from citrine_simulator.journal import EventKey, Journal, Kind, energy_of, read_journal


def event(seq_no: int, energy: float | None = None) -> dict[str, Any]:
    event: dict[str, Any] = {
        "eventType": "Updated",
        "timestamp": "2026-01-01T12:00:00.000Z",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "T"},
    }
    if energy is not None:
        event["meterValue"] = [{"sampledValue": [{"value": energy}, {"value": 80, "measurand": "SoC"}]}]
    return event


def key(seq_no: int) -> EventKey:
    return EventKey("CS-1", "T", seq_no, "Updated", "2026-01-01T12:00:00.000Z")


def test_a_journal_tells_the_fate_of_each_message(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for seq_no in range(3):
        journal.write(Kind.QUEUED, "CS-1", event(seq_no, 10.0))
        journal.write(Kind.SENT, "CS-1", event(seq_no), attempt=1)
    journal.write(Kind.ACKNOWLEDGED, "CS-1", event(0, 10.0))
    journal.write(Kind.FAILED, "CS-1", event(1))
    journal.write(Kind.GIVEN_UP, "CS-1", event(1))
    journal.close()

    summary = read_journal(tmp_path / "journal")

    assert summary.queued == {key(0): 10.0, key(1): 10.0, key(2): 10.0}
    assert summary.sent == {key(0): 1, key(1): 1, key(2): 1}
    assert summary.acknowledged == {key(0): 10.0}
    assert summary.failed == {key(1): 1}
    assert summary.given_up == {key(1): None}
    assert summary.pending == {key(2)}
    assert journal.counts == {"queued": 3, "sent": 3, "acknowledged": 1, "failed": 1, "given_up": 1}


def test_transactions_of_1_6_are_known_by_the_number_of_the_csms(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    started, updated = event(0) | {"eventType": "Started"}, event(4)
    for one in (started, updated):
        journal.write(Kind.QUEUED, "CS-1", one)
    journal.write(Kind.ACKNOWLEDGED, "CS-1", started, transactionNumber=1001)
    journal.close()

    summary = read_journal(tmp_path / "journal")

    assert summary.acknowledged.keys() == {EventKey("CS-1", "1001", 0, "Started", key(0).timestamp)}
    assert summary.pending == {EventKey("CS-1", "1001", 1, "Updated", key(4).timestamp)}


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.write(Kind.QUEUED, "CS-1", event(0))
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"kind":"queued","stati')

    assert read_journal(path).pending == {key(0)}


def test_a_journal_without_a_file_counts() -> None:
    journal = Journal()

    journal.write(Kind.QUEUED, "CS-1", event(0))
    journal.close()

    assert journal.counts["queued"] == 1


def test_energy_is_the_import_register() -> None:
    assert energy_of(event(0, 12.5)) == 12.5
    assert energy_of(event(0)) is None
