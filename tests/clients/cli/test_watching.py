"""Commands that are watched: as processes, on a terminal and elsewhere."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from citrine.api.v1.stations_pb2 import ListStationsRequest, ListStationsResponse, Station
from tests.clients.cli.conftest import Cli
from tests.clients.cli.test_nouns import every_command
from tests.clients.scripted_core import ScriptedCore

CITRINE = Path(sys.executable).parent / "citrine"


@pytest.fixture
def counting(core: ScriptedCore) -> ScriptedCore:
    """A core with one station more at every second look, and 60 in the end."""
    looks = iter(range(1000))

    def answer(request: ListStationsRequest, context: grpc.ServicerContext) -> ListStationsResponse:
        count = min(next(looks) // 2 + 1, 60)
        return ListStationsResponse(stations=[Station(station_id=f"CS-{number:02}") for number in range(count)])

    core.on("ListStations", answer)
    return core


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(counting: ScriptedCore) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def popen(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [CITRINE, "--core", counting.address, "--key", "k", *arguments, "--interval", "0.2"],
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.communicate()


def test_json_is_a_line_for_each_change_until_ctrl_c(start: Start) -> None:
    process = start("station", "list", "--watch", "--json", stdout=subprocess.PIPE)
    assert process.stdout is not None

    lines = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)

    assert [len(stations) for stations in lines] == [1, 2, 3]
    assert (process.returncode, errors) == (130, "")


def test_a_terminal_is_drawn_anew_as_far_as_it_has_lines(start: Start) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "LINES": "5", "COLUMNS": "100", "TERM": "xterm"}
    process = start("station", "list", "--watch", stdout=theirs, env=environment)
    os.close(theirs)

    shown = ""
    while "more lines" not in shown:
        shown += os.read(ours, 65536).decode()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    os.close(ours)

    pages = shown.split("\x1b[H\x1b[2J")
    assert pages[0] == ""
    assert "CS-00" in pages[1]
    assert "CS-01" not in pages[1]
    assert "CS-01" in pages[2]
    assert all(page.count("\n") <= 4 for page in pages)
    assert process.returncode == 130


def test_a_core_that_restarts_is_waited_for(start: Start, core: ScriptedCore) -> None:
    looks = iter(range(1000))

    def answer(request: ListStationsRequest, context: grpc.ServicerContext) -> ListStationsResponse:
        look = next(looks)
        if 0 < look < 4:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the core goes away")
        return ListStationsResponse(stations=[Station(station_id="CS-1")] * (1 if look == 0 else 2))

    core.on("ListStations", answer)
    process = start("station", "list", "--watch", "--json", stdout=subprocess.PIPE)
    assert process.stdout is not None

    lines = [json.loads(process.stdout.readline()) for _ in range(2)]

    assert [len(stations) for stations in lines] == [1, 2]


def test_a_terminal_says_that_what_it_shows_is_old(start: Start, core: ScriptedCore) -> None:
    looks = iter(range(1000))

    def answer(request: ListStationsRequest, context: grpc.ServicerContext) -> ListStationsResponse:
        if 0 < next(looks) < 6:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the core goes away")
        return ListStationsResponse(stations=[Station(station_id="CS-1")])

    core.on("ListStations", answer)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "LINES": "24", "COLUMNS": "100", "TERM": "xterm"}
    process = start("station", "list", "--watch", stdout=theirs, env=environment)
    os.close(theirs)
    shown = ""
    while shown.count("CS-1") < 3:
        shown += os.read(ours, 65536).decode()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    os.close(ours)

    _, first, lost, again = shown.split("\x1b[H\x1b[2J")
    assert lost == f"{first}no core answers; this is as it was before\r\n"
    assert "CS-1" in again


def test_what_fails_ends_it(start: Start, counting: ScriptedCore) -> None:
    process = start("station", "show", "CS-1", "--watch")

    _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert errors == f"error: the core at {counting.address} does not offer this\n"


@pytest.mark.parametrize("interval", ["0", "-1", "100ms"])
def test_an_interval_that_is_too_short_is_a_wrong_use(citrine: Cli, interval: str) -> None:
    ran = citrine("station", "list", "--watch", "--interval", interval)

    assert (ran.code, ran.err) == (2, "error: --interval: expected at least 0.2 seconds\n")


@pytest.mark.parametrize("interval", ["nan", "inf", "1e3", "soon", "5 m"])
def test_an_interval_that_is_no_duration_is_a_wrong_use(citrine: Cli, interval: str) -> None:
    ran = citrine("station", "list", "--watch", "--interval", interval)

    expected = "expected 90s, 5m, 2h, 1d12h, or a number of seconds; see --help"
    assert (ran.code, ran.err) == (
        2,
        f"error: Invalid value for '--interval': {interval!r} is not a duration: {expected}\n",
    )


def test_what_one_would_ask_again_and_again_can_be_watched() -> None:
    watched = {words for words, command in every_command() if "watched" in {param.name for param in command.params}}

    lists = {words for words, command in every_command() if (command.help or "").startswith("List ")}
    # Those of the adapter of OCPI read a database, and ask nobody.
    assert {words for words in lists if not words.startswith("ocpi ")} <= watched
    assert watched >= {
        "station show",
        "station progress",
        "transaction show",
        "report show",
        "firmware status",
        "firmware campaign show",
        "reservation show",
        "profile plan",
        "cost show",
    }
