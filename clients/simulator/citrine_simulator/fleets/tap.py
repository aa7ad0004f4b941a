"""The tap of a fleet's station: it records messages and lets faults change them."""

from collections.abc import Awaitable, Callable, Sequence

from websockets.asyncio.client import ClientConnection

from citrine_simulator.fleets.record import StationRecord
from citrine_simulator.tap import Sample, Tap

__all__ = ["BendAnswer", "BendSamples", "BendSend", "FleetTap"]

BendSend = Callable[[ClientConnection, str], Awaitable[bool]]
"""Sends a frame in another way and returns True, or does nothing and returns False."""

BendAnswer = Callable[[str], Awaitable[bool]]
"""Called before a CALL of this action is handled. Waits, raises CallRefusedError, or returns False for no answer."""

BendSamples = Callable[[int, list[Sample]], list[Sample]]
"""Returns the samples to send instead of those of an EVSE's meter."""


class FleetTap(Tap):
    """The hooks to which the faults of a station are attached.

    When ``calm`` is set, no hook is called any more.
    """

    def __init__(self, record: StationRecord) -> None:
        super().__init__()
        self._record = record
        self.calm = False
        self.on_send: list[BendSend] = []
        self.on_answer: list[BendAnswer] = []
        self.on_samples: list[BendSamples] = []

    async def send(self, socket: ClientConnection, text: str) -> None:
        """Send a frame by the first fault that handles it, or unchanged."""
        if not self.calm:
            for bend in self.on_send:
                if await bend(socket, text):
                    return
        await socket.send(text)

    async def before_answer(self, action: str) -> bool:
        """Call each fault in turn; return False as soon as one does."""
        if not self.calm:
            for bend in self.on_answer:
                if not await bend(action):
                    return False
        return True

    def samples(self, evse_id: int, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples, changed by each fault in turn."""
        bent = list(samples)
        if not self.calm:
            for bend in self.on_samples:
                bent = bend(evse_id, bent)
        return bent

    def called(self, action: str, outcome: str, seconds: float | None = None, problem: str = "") -> None:
        """Record the outcome of a CALL of the station."""
        self._record.called(action, outcome, seconds, problem)

    def answered(self, action: str, outcome: str, problem: str = "") -> None:
        """Record the answer to a CALL of the CSMS."""
        self._record.answered(action, outcome, problem)
