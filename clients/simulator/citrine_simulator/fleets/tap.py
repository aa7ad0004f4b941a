"""The tap of a station of a fleet: it records, and lets faults come between."""

from collections.abc import Awaitable, Callable, Sequence

from websockets.asyncio.client import ClientConnection

from citrine_simulator.fleets.record import StationRecord
from citrine_simulator.tap import Sample, Tap

__all__ = ["BendAnswer", "BendSamples", "BendSend", "FleetTap"]

BendSend = Callable[[ClientConnection, str], Awaitable[bool]]
"""Sends a frame in another way, or returns False."""

BendAnswer = Callable[[str], Awaitable[bool]]
"""Waits, raises CallRefusedError, or returns False where a CALL of this action is not answered."""

BendSamples = Callable[[int, list[Sample]], list[Sample]]
"""Returns what the meter of an EVSE says instead."""


class FleetTap(Tap):
    """Where the faults of a station are attached.

    Once it is calm nothing is bent any more.
    """

    def __init__(self, record: StationRecord) -> None:
        super().__init__()
        self._record = record
        self.calm = False
        self.on_send: list[BendSend] = []
        self.on_answer: list[BendAnswer] = []
        self.on_samples: list[BendSamples] = []

    async def send(self, socket: ClientConnection, text: str) -> None:
        """Send a frame in the first way that a fault knows, or as it is."""
        if not self.calm:
            for bend in self.on_send:
                if await bend(socket, text):
                    return
        await socket.send(text)

    async def before_answer(self, action: str) -> bool:
        """Ask every fault in turn whether there is an answer."""
        if not self.calm:
            for bend in self.on_answer:
                if not await bend(action):
                    return False
        return True

    def samples(self, evse_id: int, samples: Sequence[Sample]) -> list[Sample]:
        """Let every fault in turn bend what was measured."""
        bent = list(samples)
        if not self.calm:
            for bend in self.on_samples:
                bent = bend(evse_id, bent)
        return bent

    def called(self, action: str, outcome: str, seconds: float | None = None, problem: str = "") -> None:
        """Record what became of a CALL."""
        self._record.called(action, outcome, seconds, problem)

    def answered(self, action: str, outcome: str, problem: str = "") -> None:
        """Record how a CALL of the CSMS was answered."""
        self._record.answered(action, outcome, problem)
