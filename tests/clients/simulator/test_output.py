import json
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from citrine_simulator.events import Event
from citrine_simulator.output import Output
from tests.clients.simulator.manual_clock import NOON


@dataclass
class Result:
    messages_sent: int = 3
    errors: dict[str, int] = field(default_factory=lambda: dict.fromkeys("abcdefghij", 1))


EVENT = Event(NOON, "CS-1", "status", {"status": "Available"})


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(events=True, json=False)

    output.event(EVENT)
    output.event(Event(NOON, "CS-1", "queued"))
    output.milestone("ready", stations=3)
    output.result(Result())

    assert capsys.readouterr().out.splitlines() == [
        "12:00:00 CS-1 status status=Available",
        "ready stations=3",
        "messages sent: 3",
        "errors: 10 entries",
    ]


def test_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(events=True, json=True)

    output.event(EVENT)
    output.milestone("ready", stations=3)
    output.result(Result(errors={}))

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"event": "status", "time": "2026-01-01T12:00:00.000Z", "station": "CS-1", "status": "Available"},
        {"event": "ready", "stations": 3},
        {"messages_sent": 3, "errors": {}},
    ]


def test_events_are_left_out_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(events=False, json=True)

    output.event(EVENT)
    output.milestone("ready")

    assert capsys.readouterr().out == ""


def test_a_run_that_nobody_reads_any_more_ends_without_a_traceback() -> None:
    """As behind `| head`."""
    at_once = [f"--variable=OCPPCommCtrlr.RetryBackOff{name}=0" for name in ("WaitMinimum", "RandomRange")]
    command = [sys.executable, "-m", "citrine_simulator", "--url", "ws://127.0.0.1:9", "--events", *at_once]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr is not None
        said = running.stderr.read()

    assert running.returncode == 0
    assert b"Traceback" not in said
