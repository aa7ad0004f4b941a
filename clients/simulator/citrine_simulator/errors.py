"""Errors of the simulator.

* :exc:`SimulatorError`
    * :exc:`UsageError`: the request can't be fulfilled
    * :exc:`HandshakeRefusedError`: the CSMS refused the opening handshake
    * :exc:`CallRefusedError`: raised by handlers to answer a CALL of the CSMS with a CALLERROR
    * :exc:`CallFailedError`: a CALL of the station has no valid CALLRESULT
        * :exc:`NotConnectedError`: the CALL was never sent
        * :exc:`CallErrorReceivedError`: the answer is a CALLERROR
        * :exc:`CallTimedOutError`: no answer came in time
        * :exc:`CallInterruptedError`: the socket closed before the answer
        * :exc:`AnswerInvalidError`: the answer violates its schema
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
    """Base class of the errors that the simulator raises on purpose."""


class UsageError(SimulatorError):
    """The request can't be fulfilled, e.g. because of an unknown name or the state of the station."""


class HandshakeRefusedError(SimulatorError):
    """The CSMS answered the opening handshake without accepting it."""

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
    """A CALL of the station has no valid CALLRESULT."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action

    def __str__(self) -> str:
        return f"{self.action} failed"


class NotConnectedError(CallFailedError):
    """There is no connection, and nothing was sent."""

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
    """The socket closed between the CALL and its answer."""

    def __str__(self) -> str:
        return f"{self.action} was sent, then the connection was lost"


class AnswerInvalidError(CallFailedError):
    """The answer of the CSMS violates the schema of the response."""

    def __init__(self, action: str, problem: str) -> None:
        super().__init__(action)
        self.problem = problem

    def __str__(self) -> str:
        return f"the answer to {self.action} is invalid: {self.problem}"
