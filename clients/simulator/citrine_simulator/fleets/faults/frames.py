"""Faults of frames: malformed ones, and duplicates."""

from typing import Literal, get_args

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from citrine_simulator.errors import NotConnectedError
from citrine_simulator.fleets.faults.base import OccasionalFault, TimedFault
from citrine_simulator.fleets.member import Member

__all__ = ["DuplicateFrames", "MalformedFrames"]

_FRAMES = {
    "not_json": '[2,"{id}","Heartbeat",',
    "not_an_array": '{{"messageTypeId":2,"action":"Heartbeat"}}',
    "unknown_type": '[9,"{id}","Heartbeat",{{}}]',
    "no_payload": '[2,"{id}","Heartbeat"]',
    "unknown_action": '[2,"{id}","MakeCoffee",{{}}]',
    "broken_payload": '[2,"{id}","StatusNotification",{{"evseId":"one"}}]',
    "answer_to_nothing": '[3,"{id}",{{}}]',
}

Form = Literal[
    "not_json", "not_an_array", "unknown_type", "no_payload", "unknown_action", "broken_payload", "answer_to_nothing"
]


class MalformedFrames(TimedFault):
    """The station sends malformed frames between its other messages.

    The CSMS must handle the other messages as usual, and must not close the connection.
    """

    kind: Literal["malformed_frames"]
    forms: list[Form] = list(get_args(Form))
    """Forms of the frames; each is chosen at random."""

    async def strike(self, member: Member) -> None:
        """Send one malformed frame."""
        form = member.random.choice(self.forms)
        text = _FRAMES[form].format(id=f"malformed-{len(member.record.faults)}")
        try:
            await member.station.send_raw(text)
        except (NotConnectedError, ConnectionClosed):
            return
        member.struck(self.kind, form=form)


class DuplicateFrames(OccasionalFault):
    """The station sends messages twice, with the same message id."""

    kind: Literal["duplicate_frames"]
    actions: list[str] = []
    """Only CALLs of these actions; by default all CALLs and answers."""

    def attach(self, member: Member) -> None:
        """Intercept messages before they are sent."""
        rng = member.random_of(f"duplicate {self!r}")

        async def bend(socket: ClientConnection, text: str) -> bool:
            parts = text.split('"', 4)
            action = parts[3] if text.startswith("[2,") and len(parts) > 3 else ""
            if (self.actions and action not in self.actions) or not self.strikes(member, rng.random()):
                return False
            member.struck(self.kind, action=action or "answer")
            await socket.send(text)
            await socket.send(text)
            return True

        member.tap.on_send.append(bend)
