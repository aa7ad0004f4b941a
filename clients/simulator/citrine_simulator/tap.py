"""Hooks to observe and change the messages of a station."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection

__all__ = ["Sample", "Tap"]

Sample = dict[str, Any]
"""A SampledValue as OCPP writes it."""


class Tap:
    """A tap that changes nothing. Stations of a fleet have a subclass with faults.

    It lives longer than the power cycles of its station.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Number of received frames that could not be used, by kind."""

    async def send(self, socket: ClientConnection, text: str) -> None:
        """Send a frame of the station; raises ConnectionClosed."""
        await socket.send(text)

    async def before_answer(self, action: str) -> bool:
        """Return whether to handle and answer a CALL of the CSMS.

        Raises:
            CallRefusedError: To answer with a CALLERROR.
        """
        return True

    def samples(self, evse_id: int, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples to send, from those that the meter of an EVSE has measured."""
        return list(samples)

    def called(self, action: str, outcome: str, seconds: float | None = None, problem: str = "") -> None:
        """Observe the outcome of a CALL of the station.

        Args:
            action: OCPP name of the message, without ``Request``.
            outcome: ``accepted``, ``invalid``, ``timeout``, ``lost``, or the code of the CALLERROR.
            seconds: Seconds until the answer; None without an answer.
            problem: Description of the CALLERROR or of the violated schema.
        """

    def answered(self, action: str, outcome: str, problem: str = "") -> None:
        """Observe the outcome of a CALL of the CSMS: ``answered``, ``unanswered``, or the code of a CALLERROR."""
