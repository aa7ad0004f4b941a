"""Block O: messages on the display. They survive a power loss."""

from functools import partial
from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.clock import parse_time
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["DisplayAnswers"]

MEMORY = "display_messages"
"""Key of the messages in the store."""

PART_SIZE = 4
"""Most messages in one NotifyDisplayMessages."""

MOST_MESSAGES = 10
"""DisplayMessageCtrlr.DisplayMessages.maxLimit"""

Message = dict[str, Any]


class DisplayAnswers:
    """SetDisplayMessage, GetDisplayMessages and ClearDisplayMessage."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers("SetDisplayMessage")
    async def set_display_message(self, payload: dict[str, Any]) -> Answer:
        """Show a message (O01, O02); it replaces a message with the same id (O06)."""
        message = payload["message"]
        model = self._parts.model
        if message["message"]["format"] not in model.members("DisplayMessageCtrlr.SupportedFormats"):
            return Answer({"status": "NotSupportedMessageFormat"})
        transaction_id = message.get("transactionId")
        if transaction_id is not None and self._parts.charging.find(transaction_id) is None:
            # O02.FR.01
            return Answer({"status": "UnknownTransaction"})
        in_front = message["priority"] == "AlwaysFront"
        remaining = [
            one
            for one in self._messages()
            # O06.FR.01, O01.FR.16
            if one["id"] != message["id"] and not (in_front and one["priority"] == "AlwaysFront")
        ]
        if len(remaining) >= MOST_MESSAGES:
            # O01.FR.11
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "TooMany"}})
        self._remember([*remaining, message])
        return Answer({"status": "Accepted"})

    @answers("GetDisplayMessages")
    async def get_display_messages(self, payload: dict[str, Any]) -> Answer:
        """Report messages in parts (O03, O04)."""
        found = [
            one
            for one in self._messages()
            if one["id"] in payload.get("id", [one["id"]])
            and one["priority"] == payload.get("priority", one["priority"])
            and one.get("state") == payload.get("state", one.get("state"))
        ]
        if not found:
            # O03.FR.06, O04.FR.02
            return Answer({"status": "Unknown"})
        return Answer({"status": "Accepted"}, partial(self._report, payload["requestId"], found))

    @answers("ClearDisplayMessage")
    async def clear_display_message(self, payload: dict[str, Any]) -> Answer:
        """Remove a message (O05)."""
        messages = self._messages()
        remaining = [one for one in messages if one["id"] != payload["id"]]
        self._remember(remaining)
        return Answer({"status": "Accepted" if len(remaining) < len(messages) else "Unknown"})

    def _messages(self) -> list[Message]:
        """Return the current and future messages, without expired ones and those of ended transactions."""
        remembered: list[Message] = self._parts.store.recall(MEMORY) or []
        return [one for one in remembered if self._lasts(one)]

    def _lasts(self, message: Message) -> bool:
        end, transaction_id = message.get("endDateTime"), message.get("transactionId")
        # O01.FR.07, O02.FR.02
        if end is not None and parse_time(end) <= self._parts.now():
            return False
        return transaction_id is None or self._parts.charging.find(transaction_id) is not None

    def _remember(self, messages: list[Message]) -> None:
        # O01.FR.10
        self._parts.store.remember(MEMORY, messages)
        self._parts.model.assign("DisplayMessageCtrlr.DisplayMessages", str(len(messages)))

    async def _report(self, request_id: int, messages: list[Message]) -> None:
        for start in range(0, len(messages), PART_SIZE):
            part = messages[start : start + PART_SIZE]
            # O03.FR.04
            payload = {"requestId": request_id, "messageInfo": part, "tbc": start + PART_SIZE < len(messages)}
            await self._parts.call("NotifyDisplayMessages", payload)
