"""`citrine call`: the typed rpc where a block has one, else the generic one; the answer as OCPP spells it."""

import io
import json
import re

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from citrine.api.v1.commands_pb2 import CallStationResponse
from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWER_REFUSED, COMMAND_STATE_QUEUED, Command
from citrine.api.v1.provisioning_pb2 import ResetResponse
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

REJECTED = ResetResponse(response=ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_REJECTED))


def test_an_action_of_a_block_goes_through_its_typed_rpc(citrine: Cli, core: ScriptedCore) -> None:
    core.on("Reset", REJECTED)

    ran = citrine("call", "CS-1", "Reset", '{"type": "OnIdle", "evseId": 2}', "--timeout", "7.5")

    assert ran.code == 0, "a refusal is an answer, too"
    assert ran.json == {"status": "Rejected"}
    (request,) = core.requests("Reset")
    assert request.target.station_id == "CS-1"
    assert request.target.timeout.ToMilliseconds() == 7500
    assert request.request == ocpp.ResetRequest(type=ocpp.RESET_ENUM_ON_IDLE, evse_id=2)
    assert 7.5 < (core.seen[0].seconds_left or 0) < 14, "the core's own word comes before the deadline"


def test_any_other_action_goes_through_the_generic_rpc(citrine: Cli, core: ScriptedCore) -> None:
    answer = CallStationResponse()
    answer.payload.update({"status": "Accepted", "versionNumber": 3})
    core.on("CallStation", answer)

    ran = citrine("call", "CS-1", "AdjustPeriodicEventStream")

    assert ran.json == {"status": "Accepted", "versionNumber": 3}
    (request,) = core.requests("CallStation")
    assert (request.action, request.native, request.HasField("payload")) == ("AdjustPeriodicEventStream", False, True)


def test_integers_of_the_generic_rpc_are_printed_as_integers(citrine: Cli, core: ScriptedCore) -> None:
    answer = CallStationResponse()
    answer.payload.update({"constantStreamData": [{"id": 7, "params": {"interval": 0.5}}]})
    core.on("CallStation", answer)

    ran = citrine("call", "CS-1", "GetPeriodicEventStream")

    assert ran.json == {"constantStreamData": [{"id": 7, "params": {"interval": 0.5}}]}
    assert re.search(r'"id": ?7\b(?!\.)', ran.out)


def test_native_is_sent_as_it_stands(citrine: Cli, core: ScriptedCore) -> None:
    answer = CallStationResponse()
    answer.payload.update({"status": "Accepted"})
    core.on("CallStation", answer)

    ran = citrine("call", "CS-1", "ChangeConfiguration", '{"key": "a", "value": "b"}', "--native")

    assert ran.code == 0
    (request,) = core.requests("CallStation")
    assert request.native
    assert MessageToDict(request.payload) == {"key": "a", "value": "b"}


def test_the_payload_comes_from_stdin(citrine: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch) -> None:
    core.on("Reset", REJECTED)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"type": "Immediate"}')))

    assert citrine("call", "CS-1", "Reset", "-").code == 0
    assert core.requests("Reset")[0].request.type == ocpp.RESET_ENUM_IMMEDIATE


@pytest.mark.parametrize(
    "words",
    [
        ("call", "CS-1", "Reset", "-"),
        ("rpc", "GetStation", "-"),
        ("operation", "start", "Reset", "-", "--all"),
        ("location", "add", "north", "--file", "-"),
        ("token", "import", "-", "--format", "csv"),
    ],
    ids=lambda words: words[0],
)
def test_stdin_is_utf_8_as_spreadsheets_write_it(
    citrine: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Also where the locale is another one, in which Python reads anything."""

    def told(content: bytes) -> str:
        pipe = io.TextIOWrapper(io.BytesIO(content), encoding="ascii", errors="surrogateescape")
        monkeypatch.setattr("sys.stdin", pipe)
        ran = citrine(*words)
        assert (ran.code, ran.out) == (2, "")
        return ran.err

    assert told(b"\xff") == "error: what is on stdin is not UTF-8\n"
    assert "\ufeff" not in told(b"\xef\xbb\xbfnothing")


def test_a_command_may_wait_for_an_offline_station(citrine: Cli, core: ScriptedCore) -> None:
    command = Command(command_id="c-1", station_id="CS-1", state=COMMAND_STATE_QUEUED)
    command.expire_time.FromJsonString("2030-01-01T00:00:00Z")
    core.on("Reset", ResetResponse(command=command))
    arguments = ["call", "CS-1", "Reset", '{"type": "OnIdle"}', "--when-online", "--expires", "2030-01-01T00:00:00Z"]

    assert citrine(*arguments).out == "command c-1 waits for CS-1 until 2030-01-01 00:00:00 UTC\n"
    assert citrine(*arguments, "--json").json["command"]["state"] == "COMMAND_STATE_QUEUED"
    target = core.requests("Reset")[0].target
    assert target.when_online
    assert target.expire_time.ToJsonString() == "2030-01-01T00:00:00Z"


def test_what_is_valid_of_an_answer_that_we_refuse_is_printed_and_said_so(citrine: Cli, core: ScriptedCore) -> None:
    command = Command(
        command_id="c-1",
        state=COMMAND_STATE_ANSWER_REFUSED,
        error_code="FormatViolation",
        error_description="/x is odd",
    )
    core.on(
        "Reset", ResetResponse(command=command, response=ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED))
    )

    ran = citrine("call", "CS-1", "Reset", '{"type": "OnIdle"}', "--json")

    assert (ran.code, ran.json) == (0, {"status": "Accepted"})
    assert ran.err.startswith("the answer breaks the schema")
    assert "FormatViolation: /x is odd" in ran.err


def test_a_callerror_is_a_failure_with_its_code(citrine: Cli, core: ScriptedCore) -> None:
    def refuse(request: object, context: grpc.ServicerContext) -> None:
        detail = Any()
        detail.Pack(ErrorInfo(reason="NotSupported"))
        status = Status(code=10, details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.ABORTED, "the station can't reset")

    core.on("Reset", refuse)

    ran = citrine("call", "CS-1", "Reset", '{"type": "OnIdle"}')

    assert (ran.code, ran.out, ran.err) == (1, "", "error: NotSupported: the station can't reset\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ["GetConfiguration"],
            "'GetConfiguration' is not an action of OCPP 2.1; --native sends one of OCPP 1.6 as it is",
            id="of OCPP 1.6",
        ),
        pytest.param(["rset"], "'rset' is not an action of OCPP 2.1, did you mean Reset?", id="unknown"),
        pytest.param(["Heartbeat"], "Heartbeat is sent by stations", id="of stations"),
        pytest.param(["Reset", "{"], "the payload is not JSON", id="no JSON"),
        pytest.param(["Reset", "[]"], "the payload is not a JSON object", id="no object"),
        pytest.param(["Reset", '{"type": "Now"}'], "the payload does not fit Reset: ", id="no such value"),
        pytest.param(["Reset", '{"typ": "OnIdle"}'], "the payload does not fit Reset: ", id="no such field"),
        pytest.param(["SetMonitoringLevel", "{}"], "SetMonitoringLevel: /severity is required", id="a number missing"),
        pytest.param(["Reset", "{}", "--timeout", "0"], "--timeout: expected", id="no time"),
        pytest.param(["Reset", "{}", "--expires", "+1h"], "--expires needs --when-online", id="expires alone"),
    ],
)
def test_a_call_that_can_not_be_right_is_not_sent(
    citrine: Cli, core: ScriptedCore, arguments: list[str], said: str
) -> None:
    ran = citrine("call", "CS-1", *arguments)

    assert ran.code == 2
    assert said in ran.err
    assert core.seen == []


@pytest.mark.parametrize("action", ["ReserveNow", "SendLocalList", "GetBaseReport", "RequestStartTransaction"])
def test_a_number_that_the_core_chooses_may_be_missing(citrine: Cli, core: ScriptedCore, action: str) -> None:
    core.on(action, lambda request, context: context.abort(grpc.StatusCode.NOT_FOUND, "typed"))

    assert citrine("call", "CS-1", action).err == "error: typed\n"


@pytest.mark.parametrize("action", [name for name, action in ACTIONS.items() if action.from_csms])
def test_every_csms_action_finds_its_way(citrine: Cli, core: ScriptedCore, action: str) -> None:
    """Each of OCPP 2.1 reaches the core by one rpc or the other."""
    core.on(action, lambda request, context: context.abort(grpc.StatusCode.NOT_FOUND, "typed"))
    core.on("CallStation", lambda request, context: context.abort(grpc.StatusCode.NOT_FOUND, "generic"))

    # Numbers, texts and flags that OCPP requires are asked for.
    payload = {
        field.json_name: field.default_value
        for field in ACTIONS[action].request.DESCRIPTOR.fields
        if not field.has_presence and not field.is_repeated and field.enum_type is None
    }

    ran = citrine("call", "CS-1", action, json.dumps(payload))

    assert ran.err in {"error: typed\n", "error: generic\n"}
    assert len(core.seen) == 1
