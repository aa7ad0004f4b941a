"""`citrine command wait`: until a command has ended."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED, COMMAND_STATE_EXPIRED, COMMAND_STATE_QUEUED, Command
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

COMMAND = "018f2d4e-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        pytest.param(COMMAND_STATE_ANSWERED, 0, "", id="answered"),
        pytest.param(
            COMMAND_STATE_EXPIRED, 1, f"the station did not answer command {COMMAND}: it is EXPIRED", id="not"
        ),
    ],
)
def test_a_command_is_waited_for_and_shown(citrine: Cli, core: ScriptedCore, end: int, code: int, said: str) -> None:
    queued = Command(command_id=COMMAND, state=COMMAND_STATE_QUEUED)
    ended = Command(command_id=COMMAND, state=end, finish_time=Timestamp(seconds=1))  # type: ignore[arg-type]
    core.on("GetCommand", lambda request, context: ended if len(core.requests("GetCommand")) > 1 else queued)

    ran = citrine("command", "wait", COMMAND, "--json")

    assert (ran.code, ran.json["commandId"]) == (code, COMMAND)
    assert said.lower() in ran.err.lower()


def test_waiting_has_a_limit(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetCommand", Command(command_id=COMMAND, state=COMMAND_STATE_QUEUED))

    ran = citrine("command", "wait", COMMAND, "--timeout", "0.3")

    assert (ran.code, ran.err) == (1, f"error: command {COMMAND} has not ended after 0.3 s\n")
