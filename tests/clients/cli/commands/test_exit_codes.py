"""A command fails where a station did not do what it was asked to: 0 is only for success."""

import json

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import decode
from citrine_sdk import methods
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

PLACE = '"component": {"name": "Fan"}, "variable": {"name": "Speed"}'
STATUS = '{"status": "?"}'
MD5 = "0" * 32

CASES = [
    (
        "variable get CS-1 Fan.Speed",
        "GetVariables",
        f'{{"getVariableResult": [{{"attributeStatus": "?", {PLACE}}}]}}',
        "Rejected UnknownComponent UnknownVariable NotSupportedAttributeType",
    ),
    (
        "variable set CS-1 Fan.Speed=1",
        "SetVariables",
        f'{{"setVariableResult": [{{"attributeStatus": "?", {PLACE}}}]}}',
        "Rejected UnknownComponent UnknownVariable NotSupportedAttributeType",
    ),
    (
        "monitor set CS-1 Fan.Speed upper 5",
        "SetVariableMonitoring",
        f'{{"setMonitoringResult": [{{"status": "?", "type": "UpperThreshold", "severity": 5, {PLACE}}}]}}',
        "Rejected UnknownComponent UnknownVariable UnsupportedMonitorType Duplicate",
    ),
    (
        "monitor clear CS-1 99",
        "ClearVariableMonitoring",
        '{"clearMonitoringResult": [{"id": 99, "status": "?"}]}',
        "Rejected NotFound",
    ),
    ("monitor base CS-1 all", "SetMonitoringBase", STATUS, "Rejected NotSupported EmptyResultSet"),
    ("monitor level CS-1 5", "SetMonitoringLevel", STATUS, "Rejected"),
    ("monitor report CS-1", "GetMonitoringReport", STATUS, "Rejected NotSupported EmptyResultSet"),
    ("report request base CS-1", "GetBaseReport", STATUS, "Rejected NotSupported EmptyResultSet"),
    ("log get CS-1 https://logs.example", "GetLog", STATUS, "Rejected"),
    ("locallist send CS-1 --full", "SendLocalList", STATUS, "Failed VersionMismatch"),
    ("locallist sync CS-1", "SyncLocalList", STATUS, "Failed VersionMismatch"),
    ("firmware update CS-1 https://f.example/1", "UpdateFirmware", STATUS, "Rejected InvalidCertificate"),
    (f"firmware publish CS-1 https://f.example/1 {MD5}", "PublishFirmware", STATUS, "Rejected"),
    (f"firmware unpublish CS-1 {MD5}", "UnpublishFirmware", STATUS, "DownloadOngoing NoFirmware"),
    ("message clear CS-1 7", "ClearDisplayMessage", STATUS, "Unknown"),
    ("message set CS-1 hello", "SetDisplayMessage", STATUS, "Rejected UnknownTransaction NotSupportedPriority"),
    ("profile clear CS-1 --id 7", "ClearChargingProfile", STATUS, "Unknown"),
    ("profile composite CS-1", "GetCompositeSchedule", STATUS, "Rejected"),
    ("reservation cancel CS-1 7", "CancelReservation", STATUS, "Rejected"),
    (
        "reservation add CS-1 --token DEADBEEF --until +1h",
        "ReserveNow",
        STATUS,
        "Rejected Faulted Occupied Unavailable",
    ),
    ("station reset CS-1", "Reset", STATUS, "Rejected"),
    ("station availability CS-1 inoperative", "ChangeAvailability", STATUS, "Rejected"),
    ("transaction start CS-1 DEADBEEF", "RequestStartTransaction", STATUS, "Rejected"),
]


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "--json"])
@pytest.mark.parametrize(
    ("line", "rpc", "answer", "status"),
    [(line, rpc, answer, status) for line, rpc, answer, statuses in CASES for status in statuses.split()],
)
def test_what_the_station_did_not_do_is_a_failure(
    citrine: Cli, core: ScriptedCore, line: str, rpc: str, answer: str, status: str, options: tuple[str, ...]
) -> None:
    (method,) = (one for one in methods() if one.name == rpc)
    action = "SendLocalList" if rpc == "SyncLocalList" else rpc
    message = GetMessageClass(method.response)()
    field = "commands" if rpc == "SyncLocalList" else "command"
    command = {"commandId": "1", "stationId": "CS-1", "request": {"requestId": 7}}
    ParseDict({field: [command] if field == "commands" else command}, message)
    response = ACTIONS[action].response
    assert response is not None
    content = decode(response, json.loads(answer.replace("?", status)))
    message.response.CopyFrom(content)  # type: ignore[attr-defined]  # each of these has one
    core.on(rpc, message)

    ran = citrine("--tenant", "acme", *line.split(), *options)

    assert (ran.code, ran.err.count("\n")) == (1, 1), (ran.out, ran.err)
    assert ran.err.startswith("error: ")
