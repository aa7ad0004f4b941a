"""Commands of several CALLs to a connected station of OCPP 1.6."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import decode, encode
from tests.edge.conftest import RunningEdge
from tests.support.fake_core import FakeCore
from tests.support.raw_station import RawStation

BASE_REPORT = {"requestId": 3, "reportBase": "FullInventory"}

VARIABLES = {
    "setVariableData": [
        {"component": {"name": "OCPP16Configuration"}, "variable": {"name": name}, "attributeValue": "1"}
        for name in ("A", "B")
    ]
}


@pytest.fixture
async def station(edge: RunningEdge) -> AsyncIterator[RawStation]:
    """A station that speaks 1.6."""
    async with edge.station(version="1.6") as station:
        yield station


async def send(core: FakeCore, action: str, payload: dict[str, Any]) -> None:
    session = (await core.next("opened")).session
    core.command(session, "c1", decode(ACTIONS[action].request, payload))


def reported(call: pb.StationCall) -> list[str]:
    data = encode(call.request.notify_report)["reportData"]
    return [each["variable"]["name"] for each in data]


async def test_configuration_of_a_station_is_a_report(core: FakeCore, station: RawStation) -> None:
    await send(core, "GetBaseReport", BASE_REPORT)
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]

    assert await station.answer({"configurationKey": keys}) == ("GetConfiguration", {})

    result, call = await core.next("command_result"), await core.next("call")
    assert encode(result.response.get_base_report) == {"status": "Accepted"}
    assert reported(call) == ["HeartbeatInterval", "BasicAuthPassword"]


async def test_of_a_configuration_that_violates_the_schema_the_valid_part_is_a_report(
    core: FakeCore, station: RawStation
) -> None:
    await send(core, "GetBaseReport", BASE_REPORT)
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "TooLong", "readonly": False, "value": "x" * 501},
    ]
    await station.answer({"configurationKey": keys, "vendorField": 1})

    failure, call = await core.next("command_failure"), await core.next("call")

    assert failure.reason == pb.CommandFailure.REASON_BAD_ANSWER
    assert encode(failure.answer.get_base_report) == {"status": "Accepted"}
    assert reported(call)[0] == "HeartbeatInterval"


async def test_what_was_answered_before_an_answer_that_violates_the_schema_counts(
    core: FakeCore, station: RawStation
) -> None:
    await send(core, "SetVariables", VARIABLES)
    await station.answer({"status": "Accepted"})
    await station.answer({"status": "Perhaps"})

    failure = await core.next("command_failure")

    assert failure.answered_calls == 1
    [result] = encode(failure.answer.set_variables)["setVariableResult"]
    assert (result["variable"]["name"], result["attributeStatus"]) == ("A", "Accepted")


async def test_answer_that_is_no_object_fails_the_command(core: FakeCore, station: RawStation) -> None:
    await send(core, "GetBaseReport", BASE_REPORT)
    frame = await station.receive()
    await station.send([3, frame[1], []])

    failure = await core.next("command_failure")
    assert (failure.reason, failure.error.code) == (pb.CommandFailure.REASON_BAD_ANSWER, "ProtocolError")
    assert not failure.HasField("answer")


async def test_command_that_1_6_can_not_express_is_unsupported(core: FakeCore, station: RawStation) -> None:
    await send(core, "Reset", {"type": "Immediate", "evseId": 1})

    failure = await core.next("command_failure")
    assert failure.reason == pb.CommandFailure.REASON_UNSUPPORTED
    assert "/evseId can't be sent: OCPP 1.6 resets whole stations" in failure.error.description
