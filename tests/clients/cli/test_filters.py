"""Every filter that the API has is an option, or an argument, of the command that lists."""

import ast
import inspect
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import citrine_cli
from citrine.api.v1.commands_pb2 import GetCommandRequest, ListCommandsRequest, ListCommandsResponse
from citrine.api.v1.common_pb2 import (
    COMMAND_STATE_ANSWERED,
    COMMAND_STATE_CANCELLED,
    COMMAND_STATE_TIMED_OUT,
    Command,
    TimeRange,
)
from citrine.api.v1.configurations_pb2 import PROVISIONING_STATE_CHECKING, PROVISIONING_STATE_SETTING
from citrine.api.v1.firmware_campaigns_pb2 import FIRMWARE_CAMPAIGN_STATION_STATE_RUNNING
from citrine.api.v1.firmware_management_pb2 import PUBLICATION_STATE_DOWNLOAD_SCHEDULED
from citrine.api.v1.local_auth_list_pb2 import LOCAL_LIST_STATE_MISMATCH
from citrine.api.v1.remote_control_pb2 import REMOTE_START_STATE_STARTED
from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection
from citrine.api.v1.transaction_limits_pb2 import LIMIT_STATE_EXCEEDED
from citrine_sdk import methods
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

PAGES = frozenset({"page_size", "page_token"})
"""Fields that every list has, which `collect` fills in."""

SOURCES = [ast.parse(path.read_text()) for path in Path(inspect.getfile(citrine_cli)).parent.rglob("*.py")]


def filled_in(request: str) -> set[str]:
    """Return the fields that the command line gives a value, wherever it makes such a request."""
    found: set[str] = set()
    for source in SOURCES:
        for node in ast.walk(source):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == request:
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return found | (filled_in_by_parse_filter() if request == "ListTokensRequest" else set())


def filled_in_by_parse_filter() -> set[str]:
    """Return the fields that it gives a value, of a request of either of two classes."""
    (source,) = (
        node
        for source in SOURCES
        for node in ast.walk(source)
        if isinstance(node, ast.FunctionDef) and node.name == "parse_filter"
    )
    attributes = (node for node in ast.walk(source) if isinstance(node, ast.Attribute))
    return {node.attr for node in attributes if ast.unparse(node.value) == "request"}


LISTS: dict[str, type[Message]] = {
    method.name: GetMessageClass(method.request)
    for method in methods()
    if method.name.startswith("List") and not method.streams
}

UNLISTED = frozenset(
    # The steps of a publication are for programs: no command lists them, so none filters them.
    {"ListFirmwarePublicationStatuses"}
)
"""Lists that no command shows."""


def test_no_command_shows_the_lists_that_are_excepted() -> None:
    called = {node.attr for source in SOURCES for node in ast.walk(source) if isinstance(node, ast.Attribute)}

    assert LISTS.keys() - called == UNLISTED


@pytest.mark.parametrize("name", sorted(LISTS.keys() - UNLISTED))
def test_every_filter_of_the_api_has_an_option(name: str) -> None:
    fields = {field.name for field in LISTS[name].DESCRIPTOR.fields} - PAGES

    assert fields - filled_in(LISTS[name].DESCRIPTOR.name) == set()


@pytest.mark.parametrize(
    ("line", "rpc", "expected"),
    [
        (
            "monitor events --component Connector --variable Available --from 2030-01-01T00:00Z --to 2030-01-02T00:00Z",
            "ListStationEvents",
            {"component": "Connector", "variable": "Available", "time": (1893456000, 1893542400)},
        ),
        ("monitor events --from 2030-01-01T00:00Z", "ListStationEvents", {"time": (1893456000, 0)}),
        (
            "firmware publications --state download-scheduled",
            "ListFirmwarePublications",
            {"state": PUBLICATION_STATE_DOWNLOAD_SCHEDULED},
        ),
        (
            "firmware campaign show 1 --state running",
            "ListFirmwareCampaignStations",
            {"state": FIRMWARE_CAMPAIGN_STATION_STATE_RUNNING},
        ),
        ("locallist list --state MISMATCH", "ListLocalLists", {"state": LOCAL_LIST_STATE_MISMATCH}),
        (
            "locallist list --version 0 --from 2030-01-01T00:00Z",
            "ListLocalLists",
            {"version": 0, "confirm_time": (1893456000, 0)},
        ),
        ("connection history --ocpp 1.6 --ended", "ListConnectionRecords", {"ocpp_version": "1.6", "open": False}),
        ("locallist show CS-1 --differences", "ListLocalListEntries", {"differences_only": True}),
        ("transaction starts --state started", "ListRemoteStarts", {"state": REMOTE_START_STATE_STARTED}),
        (
            "configuration progress --state setting --state checking",
            "ListProvisionings",
            {"states": [PROVISIONING_STATE_SETTING, PROVISIONING_STATE_CHECKING]},
        ),
        ("limit list --state exceeded", "ListTransactionLimits", {"state": LIMIT_STATE_EXCEEDED}),
        ("cost corrections --reason late-event", "ListCostCorrections", {"reason": CostCorrection.REASON_LATE_EVENT}),
        ("transaction list --id T-1 --id T-2", "ListTransactions", {"transaction_ids": ["T-1", "T-2"]}),
        (
            "cost list --id T-1 --token CAFE --breakdown",
            "ListTransactionCosts",
            {"transaction_ids": ["T-1"], "id_token": "CAFE", "include_breakdown": True},
        ),
        ("audit list --about station_id=CS-1", "ListAuditRecords", {"about": "station_id=CS-1"}),
        (
            "operation list --action ChangeAvailability --by console",
            "ListOperations",
            {"action": "change_availability", "requested_by": "console"},
        ),
        ("cost list --from 2030-01-01T00:00Z", "ListTransactionCosts", {"settle_time": (1893456000, 0)}),
        ("report list --to 2030-01-01T00:00Z", "ListReportRuns", {"create_time": (0, 1893456000)}),
        ("profile list --id 0", "ListChargingProfiles", {"charging_profile_id": 0}),
        (
            "command list --station CS-1 --state timed-out --id 01ab",
            "ListCommands",
            {"station_id": "CS-1", "state": COMMAND_STATE_TIMED_OUT, "command_id_prefix": "01ab"},
        ),
    ],
)
def test_what_is_asked_for_reaches_the_core(
    line: str, rpc: str, expected: dict[str, Any], citrine: Cli, core: ScriptedCore
) -> None:
    for method in methods():
        if not method.streams:
            core.on(method.name, GetMessageClass(method.response)())

    ran = citrine(*line.split())

    assert (ran.code, ran.err) == (0, "")
    (request,) = core.requests(rpc)
    for field, value in expected.items():
        asked = getattr(request, field)
        if isinstance(asked, TimeRange):
            assert (asked.start.seconds, asked.end.seconds) == value
        else:
            assert asked == value
        if value == 0:
            assert request.HasField(field)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("command list --state gone", "queued, sent, answered, failed, timed-out, expired, cancelled, answer-refused"),
        ("cost corrections --reason gone", "late-event, continued, reopened, waived, repriced"),
        ("configuration progress --state gone", "reporting, setting, resetting, checking, booting"),
    ],
)
def test_a_word_that_is_none_is_a_wrong_command_line(line: str, words: str, citrine: Cli, core: ScriptedCore) -> None:
    ran = citrine(*line.split())

    assert ran.code == 2
    assert f"'gone' is none of {words}" in " ".join(ran.err.split())


def test_a_command_is_shown_by_what_its_id_begins_with(citrine: Cli, core: ScriptedCore) -> None:
    whole = "0192a4c6-0000-7000-8000-000000000001"
    found = Command(command_id=whole, station_id="CS-1", action="Reset", state=COMMAND_STATE_ANSWERED)
    found.request.update({"type": "Immediate"})
    found.response.update({"status": "Accepted"})

    def get(request: GetCommandRequest, context: Any) -> Command:
        if request.command_id != whole:
            context.abort(grpc.StatusCode.NOT_FOUND, f"command {request.command_id} does not exist")
        return found

    core.on("GetCommand", get)
    core.on("ListCommands", ListCommandsResponse(commands=[found]))

    ran = citrine("command", "show", "0192a4c6")

    assert ran.code == 0
    assert '{"type": "Immediate"}' in ran.out
    assert '{"status": "Accepted"}' in ran.out
    assert [request.command_id_prefix for request in core.requests("ListCommands")] == ["0192a4c6"]
    assert citrine("command", "show", "0192a4c6", "--json").json["response"] == {"status": "Accepted"}


def test_a_command_that_waits_is_cancelled(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CancelCommand", Command(command_id="c-1", station_id="CS-1", state=COMMAND_STATE_CANCELLED))

    ran = citrine("command", "cancel", "c-1")

    assert ran.code == 0
    assert "cancelled" in ran.out
    assert [request.command_id for request in core.requests("CancelCommand")] == ["c-1"]


def test_no_filter_asks_for_all_commands(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListCommands", ListCommandsResponse())

    assert citrine("command", "list").lines == ["no commands"]
    (request,) = core.requests("ListCommands")
    request.page_size = 0
    assert request == ListCommandsRequest()
