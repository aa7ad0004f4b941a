"""What long work says of itself while it goes on: on a terminal, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.local_auth_list_pb2 import SendLocalListResponse
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
