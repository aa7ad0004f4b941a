"""What becomes of display messages, as stations tell."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1 import display_message_pb2 as pb
from citrine.api.v1 import reports_pb2
from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.codec import encode
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import CustomData, StatusInfo
from tests.support.displays import TARGET, Display, message_info
from tests.support.waiting import WAIT

UNKNOWN = ocpp.GetDisplayMessagesResponse(status=ocpp.GET_DISPLAY_MESSAGES_STATUS_ENUM_UNKNOWN)


async def run_of(display: Display, request_id: int) -> Any:
    request = reports_pb2.GetReportRunRequest(
        station_id="CS-1", kind=reports_pb2.REPORT_KIND_DISPLAY_MESSAGES, request_id=request_id
    )
    return await display.core.stub(ReportsServiceStub).GetReportRun(request)


async def test_O06_FR_01_a_message_replaces_the_one_of_its_id(display: Display) -> None:
    """As soon as the station accepts it, and not before."""
    await display.set("old", id=5)
    display.answers[ocpp.SetDisplayMessageRequest] = ocpp.SetDisplayMessageResponse(
        status=ocpp.DISPLAY_MESSAGE_STATUS_ENUM_NOT_SUPPORTED_STATE,
        status_info=StatusInfo(reason_code="NoState"),
    )
    refused = await display.set("refused", id=5)
    kept = await display.api.GetDisplayMessage(pb.GetDisplayMessageRequest(station_id="CS-1", message_id=5))
    display.answers[ocpp.SetDisplayMessageRequest] = ocpp.SetDisplayMessageResponse(
        status=ocpp.DISPLAY_MESSAGE_STATUS_ENUM_ACCEPTED
    )

    await display.set("new", id=5)

    assert (refused.detail, kept.message.message.content) == ("NoState", "old")
    assert await display.states() == {"old": "REPLACED", "refused": "REFUSED", "new": "SET"}
    assert (await display.told())[-2:] == [(5, "REPLACED"), (5, "SET")]


async def test_O01_FR_16_there_is_one_message_that_is_always_in_front(display: Display) -> None:
    await display.set("normal")
    await display.set("first", "ALWAYS_FRONT")
    await display.set("second", "ALWAYS_FRONT")

    assert await display.states() == {"normal": "SET", "first": "REPLACED", "second": "SET"}
    assert (await display.listed(state=pb.DISPLAY_MESSAGE_STATE_REPLACED))[0].detail == "by message 3"


async def test_O05_a_message_is_cleared(display: Display) -> None:
    """A station that knows none of this id holds none (O05.FR.02)."""
    await display.set("cleared")
    await display.set("lost")

    await display.clear(1)
    display.answers[ocpp.ClearDisplayMessageRequest] = ocpp.ClearDisplayMessageResponse(
        status=ocpp.CLEAR_MESSAGE_STATUS_ENUM_UNKNOWN
    )
    await display.clear(2)

    assert await display.states() == {"cleared": "CLEARED", "lost": "REMOVED"}


async def test_O03_a_report_of_all_messages_brings_the_record_in_step(display: Display) -> None:
    """In parts; what it does not bring is gone, but what was set meanwhile."""
    custom = CustomData(vendor_id="com.example")
    for text in ("kept", "gone", "changed"):
        await display.set(text)

    number = await display.ask()
    await display.set("new")
    await display.report(number, message_info("kept", id=1), message_info("unknown", id=90), tbc=True)
    await display.report(number, message_info("kept", id=1), message_info("unknown", id=90), tbc=True)
    before = await display.states()
    await display.report(number, message_info("other text", id=3, custom_data=custom))

    assert before["gone"] == "SET"
    assert await display.states() == {
        "kept": "SET",
        "gone": "REMOVED",
        "other text": "SET",
        "new": "SET",
        "unknown": "SET",
    }
    (changed,) = [one for one in await display.listed() if one.message.id == 3]
    assert changed.message.custom_data == custom
    assert changed.HasField("report_time")
    run = await run_of(display, number)
    assert (run.state, run.parts, run.items) == (reports_pb2.REPORT_STATE_COMPLETE, 2, 3)


async def test_O04_a_report_on_some_messages_tells_of_those_alone(display: Display) -> None:
    await display.set("front", "IN_FRONT")
    await display.set("normal")
    await display.set("third")
    display.answers[ocpp.GetDisplayMessagesRequest] = UNKNOWN

    await display.ask(priority=ocpp.MESSAGE_PRIORITY_ENUM_IN_FRONT)
    by_priority = await display.states()
    number = await display.ask(id=[2, 7])
    by_id = await display.states()
    await display.ask()

    assert by_priority == {"front": "REMOVED", "normal": "SET", "third": "SET"}
    assert by_id == {"front": "REMOVED", "normal": "REMOVED", "third": "SET"}
    assert set((await display.states()).values()) == {"REMOVED"}
    run = await run_of(display, number)
    assert (run.state, run.status) == (reports_pb2.REPORT_STATE_REFUSED, "Unknown")


async def test_parts_that_come_after_the_answer_may_be_handled_before_it(display: Display) -> None:
    """Within a batch, messages of stations go first."""
    for text in ("kept", "gone"):
        await display.set(text)
    edge = display.session.edge
    edge.on_command = lambda command: None
    asked = len(edge.commands)
    running = asyncio.ensure_future(display.ask())
    async with asyncio.timeout(WAIT):
        while len(edge.commands) == asked:
            await asyncio.sleep(0.01)
    command = edge.commands[-1]
    display.sent.append(command.request.get_display_messages)

    await display.report(command.request.get_display_messages.request_id, message_info("kept", id=1))
    answer = ocpp.GetDisplayMessagesResponse(status=ocpp.GET_DISPLAY_MESSAGES_STATUS_ENUM_ACCEPTED)
    edge.put(link.Upstream(command_result=edge.result(command, answer)))
    await running

    assert await display.states() == {"kept": "SET", "gone": "REMOVED"}


async def test_a_report_tells_whether_a_station_holds_what_it_did_not_confirm(display: Display) -> None:
    display.session.edge.on_command = lambda command: link.CommandFailure(reason=link.CommandFailure.REASON_TIMEOUT)
    for text in ("held", "not held"):
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await display.set(text)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await display.states() == {"held": "FAILED", "not held": "FAILED"}
    display.session.edge.on_command = display._answer

    number = await display.ask()
    await display.report(number, message_info("held", id=1))

    assert await display.states() == {"held": "SET", "not held": "FAILED"}


async def test_a_message_by_call_station_is_one(display: Display) -> None:
    request = CallStationRequest(target=TARGET, action="SetDisplayMessage")
    content = ocpp.SetDisplayMessageRequest(message=message_info("hello", id=3))
    ParseDict(encode(content), request.payload)

    await display.core.stub(CommandsServiceStub).CallStation(request)

    assert await display.states() == {"hello": "SET"}
    assert await display.told() == [(3, "REQUESTED"), (3, "SET")]
