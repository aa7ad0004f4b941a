"""What long work says of itself while it goes on: on a terminal, and nowhere else."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.commands_pb2 import ListCommandsResponse
from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED, COMMAND_STATE_SENT, Command
from citrine.api.v1.local_auth_list_pb2 import LocalList, SendLocalListResponse, SyncLocalListResponse
from citrine.api.v1.provisioning_pb2 import GetVariablesResponse, ResetResponse
from citrine.api.v1.stations_pb2 import ListStationsResponse, Station
from citrine.api.v1.tokens_pb2 import Token
from tests.clients.scripted_core import ScriptedCore
from tests.support.terminal import OnTerminal, on_terminal

TOKENS = [f"04A2B3{number:02X}" for number in range(12)]


def arriving(request: Any, context: Any) -> Iterator[pb.ReportRun]:
    for state, parts in ((pb.REPORT_STATE_RECEIVING, 1), (pb.REPORT_STATE_COMPLETE, 2)):
        yield pb.ReportRun(station_id="CS-1", request_id=7, state=state, parts=parts, items=20 * parts)


def on_its_terminal(core: ScriptedCore, directory: Path, *arguments: str) -> OnTerminal:
    return on_terminal(
        *arguments, directory=directory, CITRINE_CORE=core.address, CITRINE_KEY="secret", CITRINE_TENANT="default"
    )


def test_a_report_is_one_line_that_is_drawn_anew(core: ScriptedCore, tmp_path: Path) -> None:
    core.on("WatchReportRun", arriving)

    ran = on_its_terminal(core, tmp_path, "report", "wait", "CS-1", "7")

    assert ran.code == 0, ran.text
    assert ran.raw.count("\n") == 1
    assert "\r\x1b[Kreport 7 receiving: 1 part, 20 items" in ran.raw
    assert ran.raw.endswith("\r\x1b[Kreport 7 complete: 2 parts, 40 items\n")


def test_with_json_there_is_none(core: ScriptedCore, tmp_path: Path) -> None:
    core.on("WatchReportRun", arriving)

    ran = on_its_terminal(core, tmp_path, "report", "wait", "CS-1", "7", "--json")

    assert "\x1b[K" not in ran.raw


def test_many_tokens_have_a_bar(core: ScriptedCore, tmp_path: Path) -> None:
    core.on("GetToken", lambda request, context: Token(id_token=request.id_token, type="ISO14443"))
    core.on("SendLocalList", SendLocalListResponse())

    many = on_its_terminal(core, tmp_path, "locallist", "send", "CS-1", *TOKENS)
    few = on_its_terminal(core, tmp_path, "locallist", "send", "CS-1", *TOKENS[:2])

    assert "tokens  [####" in many.text
    assert "100%" in many.text
    assert "[#" not in few.text


def held_until(core: ScriptedCore, looks: str, answers: list[Any], method: str, answer: Any) -> None:
    """Answer a method once the program has looked often enough how far it is, by another one."""
    looked = threading.Event()

    def look(request: Any, context: Any) -> Any:
        found = answers.pop(0)
        if not answers:
            looked.set()
        return found

    def wait(request: Any, context: Any) -> Any:
        assert looked.wait(30)
        return answer

    core.on(looks, look)
    core.on(method, wait)


def test_a_local_list_that_is_sent_says_how_far_it_is(core: ScriptedCore, tmp_path: Path) -> None:
    lists = [LocalList(station_id="CS-1", entries=1200, differences=left) for left in (900, 400, 0)]
    sent = SyncLocalListResponse(local_list=lists[-1], commands=[Command(command_id="C")])
    held_until(core, "GetLocalList", lists, "SyncLocalList", sent)

    ran = on_its_terminal(core, tmp_path, "locallist", "sync", "CS-1")

    assert ran.code == 0, ran.text
    assert "\r\x1b[Kwaiting for CS-1: 300 of 1200 tokens confirmed, 1 s" in ran.raw
    # Wiped out before what the command prints.
    assert "CS-1\n" in ran.raw.split("\r\x1b[K")[-1]


def test_what_takes_many_messages_says_how_many_are_answered(core: ScriptedCore, tmp_path: Path) -> None:
    old = Command(command_id="old", state=COMMAND_STATE_ANSWERED)
    now = [
        Command(command_id="2", state=COMMAND_STATE_SENT),
        Command(command_id="1", state=COMMAND_STATE_ANSWERED),
        old,
    ]
    looks = [ListCommandsResponse(commands=[old]), *[ListCommandsResponse(commands=now)] * 2]
    held_until(core, "ListCommands", looks, "GetVariables", GetVariablesResponse())

    ran = on_its_terminal(core, tmp_path, "variable", "get", "CS-1", *(f"EVSE@{n}.Power" for n in range(1, 13)))

    assert "\r\x1b[Kwaiting for CS-1: 1 message answered, 1 s" in ran.raw


def slowly(done: threading.Event, answer: Any) -> Callable[[Any, Any], Any]:
    def wait(request: Any, context: Any) -> Any:
        done.wait(1.5)
        return answer

    return wait


def test_any_station_that_takes_its_time_is_waited_for_in_sight(core: ScriptedCore, tmp_path: Path) -> None:
    core.on("Reset", slowly(threading.Event(), ResetResponse()))

    shown = on_its_terminal(core, tmp_path, "station", "reset", "CS-1")
    as_json = on_its_terminal(core, tmp_path, "station", "reset", "CS-1", "--json")

    assert "\r\x1b[Kwaiting for CS-1: 1 s\r\x1b[K" in shown.raw
    assert "waiting" not in as_json.raw


def test_a_station_that_answers_at_once_is_not_spoken_of(core: ScriptedCore, tmp_path: Path) -> None:
    core.on("Reset", ResetResponse())

    assert "\x1b[K" not in on_its_terminal(core, tmp_path, "station", "reset", "CS-1").raw


def test_a_list_of_several_pages_says_how_many_lines_have_come(core: ScriptedCore, tmp_path: Path) -> None:
    def page(request: Any, context: Any) -> ListStationsResponse:
        at = int(request.page_token or 0)
        stations = [Station(station_id=f"CS-{at + number}") for number in range(3)]
        return ListStationsResponse(stations=stations, next_page_token=str(at + 3) if at < 6 else "")

    core.on("ListStations", page)

    ran = on_its_terminal(core, tmp_path, "--no-color", "station", "list")
    one_page = on_its_terminal(core, tmp_path, "station", "list", "--limit", "2")

    assert "\r\x1b[K3 so far\r\x1b[K\r\x1b[K6 so far\r\x1b[KSTATION" in ran.raw
    assert ran.raw.count("\n") == 10
    assert "so far" not in one_page.raw


def test_a_refused_command_to_a_station_is_one_line(core: ScriptedCore, tmp_path: Path) -> None:
    def refuse(request: Any, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNAVAILABLE, "the station is not connected")

    core.on("Reset", refuse)

    ran = on_its_terminal(core, tmp_path, "call", "CS-1", "Reset", '{"type": "OnIdle"}')

    assert (ran.code, ran.text.splitlines()) == (1, ["error: the station is not connected"])
