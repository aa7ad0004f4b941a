"""Errors of OCPP-J, and what the edge answers to the station for each.

* :exc:`OcppjError`
    * :exc:`RpcError` -> CALLERROR with its code
    * :exc:`BrokenAnswer` -> nothing; CALLRESULTERROR in OCPP 2.1 if it answers a command of ours
    * :exc:`BrokenSend` -> nothing, as a SEND is never answered (part 4 of OCPP 2.1, 4.2.4)
"""

import enum
from collections.abc import Collection

__all__ = ["MAX_DESCRIPTION", "BrokenAnswer", "BrokenSend", "Code", "OcppjError", "RpcError", "clip"]

MAX_DESCRIPTION = 255
"""Characters of an errorDescription (part 4, 4.2.3)."""


class Code(enum.StrEnum):
    """The RPC framework error codes of OCPP 2.0.1 and 2.1 (part 4, 4.3), spelled as on the wire."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


class OcppjError(Exception):
    """A frame that can't be processed."""


class RpcError(OcppjError):
    """A defect that OCPP-J has a code for.

    The message id is empty until the frame is known: :func:`citrine_edge.ocppj.parse` sets it; code that checks only
    payloads need not.
    """

    def __init__(self, code: Code, description: str, message_id: str | int = "", path: str = "") -> None:
        super().__init__(code, description, message_id)
        self.code = code
        self.description = clip(description)
        self.message_id = message_id
        self.path = path
        """JSON pointer to the defect in the payload; empty if the defect is of the whole message."""
        self.remedies: Collection[str] = ()
        """The kinds of tolerance that would let the message pass, if any would and it is known."""

    def __str__(self) -> str:
        return f"{self.code}: {self.description}"


class BrokenAnswer(OcppjError):
    """A malformed CALLRESULT, CALLERROR or CALLRESULTERROR; never answered with a CALLERROR."""

    def __init__(self, message_id: str | None, error: RpcError) -> None:
        super().__init__(message_id, error)
        self.message_id = message_id
        self.error = error

    def __str__(self) -> str:
        return str(self.error)


class BrokenSend(OcppjError):
    """A SEND that can't be processed."""

    def __init__(self, error: RpcError) -> None:
        super().__init__(error)
        self.error = error

    def __str__(self) -> str:
        return str(self.error)


def clip(text: str, limit: int = MAX_DESCRIPTION) -> str:
    """Return the text, shortened to the limit in characters, without characters that a frame cannot carry."""
    text = text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
