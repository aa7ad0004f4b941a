"""Where somebody may watch what a station sends and gets, and come between."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection

__all__ = ["Sample", "Tap"]

Sample = dict[str, Any]
"""A SampledValue as OCPP writes it."""


class Tap:
    """Watches nothing and changes nothing; a fleet's stations have one that does.

    It outlasts power cycles of the station.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """What was received and could not be used, by kind."""

    async def send(self, socket: ClientConnection, text: str) -> None:
        """Send a frame of the station; raises ConnectionClosed."""
        await socket.send(text)

    async def before_answer(self, action: str) -> bool:
        """Return whether a CALL of the CSMS is answered at all.

        Raises:
            CallRefusedError: When the answer is to be a CALLERROR.
        """
        return True

    def samples(self, evse_id: int, samples: Sequence[Sample]) -> list[Sample]:
        """Return what the meter of an EVSE says, from what it has measured."""
        return list(samples)

    def called(self, action: str, outcome: str, seconds: float | None = None, problem: str = "") -> None:
        """Take notice of what became of a CALL of the station.

        Args:
            action: OCPP name of the message without ``Request``.
            outcome: ``accepted``, ``invalid``, ``timeout``, ``lost``, or the code of the CALLERROR.
            seconds: From when it was sent to its answer, where there is one.
            problem: What was wrong with the answer.
        """

    def answered(self, action: str, outcome: str, problem: str = "") -> None:
        """Take notice of a CALL of the CSMS: ``answered``, ``unanswered``, or the code of our CALLERROR."""
