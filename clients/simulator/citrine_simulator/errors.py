"""Errors of the simulator.

* :exc:`SimulatorError`
    * :exc:`UsageError`: what was asked for cannot be done
    * :exc:`HandshakeRefusedError`: the CSMS did not let the station in
    * :exc:`CallRefusedError`: what a handler raises to answer a CSMS's CALL with a CALLERROR
    * :exc:`CallFailedError`: a CALL of the station has no good answer
        * :exc:`NotConnectedError`: it was never sent
        * :exc:`CallErrorReceivedError`: it was answered with a CALLERROR
        * :exc:`CallTimedOutError`: it was not answered in time
        * :exc:`CallInterruptedError`: the socket closed before the answer
        * :exc:`AnswerInvalidError`: it was answered, and the answer breaks its schema
"""

from typing import Any

__all__ = [
    "AnswerInvalidError",
    "CallErrorReceivedError",
    "CallFailedError",
    "CallInterruptedError",
    "CallRefusedError",
    "CallTimedOutError",
    "HandshakeRefusedError",
    "NotConnectedError",
    "SimulatorError",
    "UsageError",
]


class SimulatorError(Exception):
    """Anything the simulator raises on purpose."""


class UsageError(SimulatorError):
    """What was asked for cannot be done."""


class HandshakeRefusedError(SimulatorError):
    """The CSMS answered the opening handshake, but not with an OCPP connection."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"the handshake was refused with {self.status} {self.reason}"


class CallRefusedError(SimulatorError):
    """The answer to a CALL of the CSMS is a CALLERROR."""

    def __init__(self, code: str, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.code}: {self.description}"


class CallFailedError(SimulatorError):
    """A CALL of the station has no good answer."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action

    def __str__(self) -> str:
        return f"{self.action} failed"


class NotConnectedError(CallFailedError):
    """There is no connection; nothing was sent."""

    def __str__(self) -> str:
        return f"{self.action} was not sent: not connected"


class CallErrorReceivedError(CallFailedError):
    """The CSMS answered with a CALLERROR."""

    def __init__(self, action: str, code: str, description: str, details: dict[str, Any]) -> None:
        super().__init__(action)
        self.code = code
        self.description = description
        self.details = details

    def __str__(self) -> str:
        return f"{self.action} was answered with {self.code}: {self.description}"


class CallTimedOutError(CallFailedError):
    """The CSMS did not answer within the message timeout."""

    def __str__(self) -> str:
        return f"{self.action} was not answered in time"


class CallInterruptedError(CallFailedError):
    """The socket closed after the CALL was sent and before it was answered."""

    def __str__(self) -> str:
        return f"{self.action} was sent, then the connection was lost"


class AnswerInvalidError(CallFailedError):
    """The CSMS answered, but the answer breaks the schema of the response."""

    def __init__(self, action: str, problem: str) -> None:
        super().__init__(action)
        self.problem = problem

    def __str__(self) -> str:
        return f"the answer to {self.action} is invalid: {self.problem}"
