"""A station with a display that a test plays, and the API of its messages."""

from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from citrine.api.v1 import display_message_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.display_message_pb2_grpc import DisplayMessageServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import MESSAGE_FORMAT_ENUM_UTF8, MessageContent
from tests.support.blocks import events
from tests.support.core import RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeSession

__all__ = ["TARGET", "Display", "message_info"]

TARGET = CommandTarget(station_id="CS-1")


def message_info(text: str = "Welcome", priority: str = "NORMAL_CYCLE", **fields: Any) -> ocpp.MessageInfo:
    """Return a message that has what every one must have, besides the given fields."""
    return ocpp.MessageInfo(
        priority=ocpp.MessagePriorityEnum.Value(f"MESSAGE_PRIORITY_ENUM_{priority}"),
        message=MessageContent(format=MESSAGE_FORMAT_ENUM_UTF8, content=text),
        **fields,
    )


@dataclass
class Display:
    """The API of display messages, and the one station that shows them."""

    core: RunningCore
    session: FakeSession
    answers: dict[type[Message], Message] = field(default_factory=dict)
    """What the station answers; Accepted where nothing is said."""
    sent: list[Any] = field(default_factory=list)
    """What the station was sent."""

    def __post_init__(self) -> None:
        self.api = self.core.stub(DisplayMessageServiceStub)
        self.session.edge.on_command = self._answer
        self.answers = {
            ocpp.SetDisplayMessageRequest: ocpp.SetDisplayMessageResponse(
                status=ocpp.DISPLAY_MESSAGE_STATUS_ENUM_ACCEPTED
            ),
            ocpp.GetDisplayMessagesRequest: ocpp.GetDisplayMessagesResponse(
                status=ocpp.GET_DISPLAY_MESSAGES_STATUS_ENUM_ACCEPTED
            ),
            ocpp.ClearDisplayMessageRequest: ocpp.ClearDisplayMessageResponse(
                status=ocpp.CLEAR_MESSAGE_STATUS_ENUM_ACCEPTED
            ),
        }

    def _answer(self, command: Any) -> Any:
        message = unwrap(command.request)
        self.sent.append(message)
        return self.answers[type(message)]

    async def set(self, text: str = "Welcome", priority: str = "NORMAL_CYCLE", **fields: Any) -> pb.DisplayMessage:
        """Set a message, and return what is known of it."""
        request = ocpp.SetDisplayMessageRequest(message=message_info(text, priority, **fields))
        response = await self.api.SetDisplayMessage(pb.SetDisplayMessageRequest(target=TARGET, request=request))
        message: pb.DisplayMessage = response.display_message
        return message

    async def clear(self, message_id: int) -> None:
        request = ocpp.ClearDisplayMessageRequest(id=message_id)
        await self.api.ClearDisplayMessage(pb.ClearDisplayMessageRequest(target=TARGET, request=request))

    async def ask(self, **fields: Any) -> int:
        """Ask for a report, and return its number."""
        request = ocpp.GetDisplayMessagesRequest(**fields)
        await self.api.GetDisplayMessages(pb.GetDisplayMessagesRequest(target=TARGET, request=request))
        number: int = self.sent[-1].request_id
        return number

    async def report(self, request_id: int, *messages: ocpp.MessageInfo, tbc: bool | None = None) -> None:
        """Have the station send a part of a report."""
        await self.session.call(
            ocpp.NotifyDisplayMessagesRequest(request_id=request_id, message_info=messages, tbc=tbc)
        )

    async def listed(self, **fields: Any) -> list[pb.DisplayMessage]:
        return list((await self.api.ListDisplayMessages(pb.ListDisplayMessagesRequest(**fields))).display_messages)

    async def states(self) -> dict[str, str]:
        """Return the state of each message by its text."""
        return {
            one.message.message.content: pb.DisplayMessageState.Name(one.state).removeprefix("DISPLAY_MESSAGE_STATE_")
            for one in await self.listed()
        }

    async def told(self) -> list[tuple[int, str]]:
        """Return the ids and states that events told, in their order."""
        found = await events(self.core.core.unit_of_work)
        return [
            (event.display_message_changed.message_id, name_in(event.display_message_changed, "state"))
            for event in found
            if event.HasField("display_message_changed")
        ]
