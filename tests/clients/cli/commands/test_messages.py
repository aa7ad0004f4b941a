"""`citrine message`: what is asked, what is printed, how it ends."""

from google.protobuf.struct_pb2 import Struct

from citrine.api.v1 import display_message_pb2 as pb
from citrine.api.v1 import reports_pb2
from citrine.api.v1.common_pb2 import Command
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import MESSAGE_FORMAT_ENUM_UTF8, MessageContent
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def message(number: int, text: str) -> pb.DisplayMessage:
    return pb.DisplayMessage(
        station_id="CS-1",
        state=pb.DISPLAY_MESSAGE_STATE_SET,
        message=ocpp.MessageInfo(
            id=number,
            priority=ocpp.MESSAGE_PRIORITY_ENUM_IN_FRONT,
            state=ocpp.MESSAGE_STATE_ENUM_IDLE,
            message=MessageContent(format=MESSAGE_FORMAT_ENUM_UTF8, content=text),
        ),
    )


def test_a_message_is_set(citrine: Cli, core: ScriptedCore) -> None:
    core.on(
        "SetDisplayMessage",
        pb.SetDisplayMessageResponse(
            command=Command(command_id="c-1", station_id="CS-1"),
            response=ocpp.SetDisplayMessageResponse(status=ocpp.DISPLAY_MESSAGE_STATUS_ENUM_ACCEPTED),
            display_message=message(5, "Hello"),
        ),
    )

    ran = citrine("message", "set", "CS-1", "Hello", "--priority", "in-front", "--in", "Idle", "--transaction", "T-1")

    assert ran.lines == ["CS-1 answered Accepted", "message 5 is set"]
    (request,) = core.requests("SetDisplayMessage")
    wanted = message(0, "Hello").message
    wanted.transaction_id = "T-1"
    assert request.request.message == wanted


def test_a_message_that_is_not_there_is_an_error(citrine: Cli, core: ScriptedCore) -> None:
    unknown = ocpp.ClearDisplayMessageResponse(status=ocpp.CLEAR_MESSAGE_STATUS_ENUM_UNKNOWN)
    core.on(
        "ClearDisplayMessage",
        pb.ClearDisplayMessageResponse(command=Command(command_id="c-1", station_id="CS-1"), response=unknown),
    )

    ran = citrine("message", "clear", "CS-1", "5")

    assert ran.code == 1
    assert "CS-1 answered Unknown" in ran.err


def test_messages_are_got_from_the_station(citrine: Cli, core: ScriptedCore) -> None:
    request = Struct()
    request.update({"requestId": 7})
    core.on(
        "GetDisplayMessages",
        pb.GetDisplayMessagesResponse(
            command=Command(command_id="c-1", request=request),
            response=ocpp.GetDisplayMessagesResponse(status=ocpp.GET_DISPLAY_MESSAGES_STATUS_ENUM_ACCEPTED),
        ),
    )
    core.on("WatchReportRun", lambda request, context: iter([reports_pb2.ReportRun(request_id=7)]))
    found = [message(5, "Hello"), message(6, "Bye")]
    core.on("ListDisplayMessages", pb.ListDisplayMessagesResponse(display_messages=found))

    ran = citrine("message", "get", "CS-1", "--id", "5")

    assert [line.split() for line in ran.lines[1:]] == [["5", "CS-1", "set", "InFront", "Idle", "Hello"]]
    (watched,) = core.requests("WatchReportRun")
    assert (watched.kind, watched.request_id) == (reports_pb2.REPORT_KIND_DISPLAY_MESSAGES, 7)


def test_messages_are_listed_and_shown(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListDisplayMessages", pb.ListDisplayMessagesResponse(display_messages=[message(5, "Hello")]))
    core.on("GetDisplayMessage", message(5, "Hello"))

    listed = citrine("message", "list", "--state", "removed", "--priority", "always-front", "--json")
    shown = citrine("message", "show", "CS-1", "5")

    assert listed.json[0]["message"]["message"]["content"] == "Hello"
    (request,) = core.requests("ListDisplayMessages")
    assert request.state == pb.DISPLAY_MESSAGE_STATE_REMOVED
    assert request.priority == ocpp.MESSAGE_PRIORITY_ENUM_ALWAYS_FRONT
    assert ["text", "Hello"] in [line.split() for line in shown.lines]
