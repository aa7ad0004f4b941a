"""The fault of a connection that is lost again and again."""

import asyncio
from typing import Literal

from websockets.asyncio.client import ClientConnection

from citrine_simulator.fleets.faults.base import TimedFault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration

__all__ = ["FlappingLink"]


class FlappingLink(TimedFault):
    """The TCP connection is cut without a closing handshake."""

    kind: Literal["flapping_link"]
    down_for: Duration | None = None
    """Time for which no connection can be made; by default the station's own back-off applies."""
    mid_message: bool = False
    """Whether it is cut in the middle of the station's next message instead of at once."""

    def attach(self, member: Member) -> None:
        """Intercept messages before they are sent, with `mid_message`."""
        if not self.mid_message:
            return

        async def cut(socket: ClientConnection, text: str) -> bool:
            if not member.armed.is_set():
                return False
            member.armed.clear()
            member.record.disturbed = True
            member.struck(self.kind, mid_message=True, bytes=len(text) // 2)
            socket.protocol.send_text(text.encode())
            frame = b"".join(socket.protocol.data_to_send())
            socket.transport.write(frame[: len(frame) // 2])
            socket.transport.abort()
            return True

        member.tap.on_send.append(cut)

    async def strike(self, member: Member) -> None:
        """Cut the connection now, or within the next message. The station then reconnects."""
        if self.mid_message:
            member.armed.set()
            return
        member.struck(self.kind, down_for=self.down_for)
        member.disturb()
        if self.down_for is None:
            return
        await member.station.disconnect()
        try:
            await asyncio.sleep(self.down_for)
        finally:
            await member.station.reconnect()
