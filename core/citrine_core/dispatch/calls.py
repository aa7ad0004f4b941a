"""What a handler is given and may give, and the marks that bind it to a message."""

import enum
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

__all__ = [
    "Answered",
    "Call",
    "CallRefused",
    "Deduplication",
    "Mark",
    "content_key",
    "handles",
    "handles_answer",
    "handles_failure",
    "handles_vendor",
    "marks_of",
]

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(slots=True)
class Call(Generic[RequestT]):
    """One CALL (or SEND) of a station, which passed the schema of its OCPP version."""

    tenant_id: str
    station_id: str
    epoch: int
    """Number of the session it came by."""
    message_id: str
    """Chosen by the station; not unique over time."""
    message: RequestT
    receive_time: datetime
    """When the edge read it, UTC."""
    finding: Any = None
    """What the block's inquirer found out before the transaction of the database. None: it was not asked."""
    repeated: bool = False
    """Set by a handler with `own_key` where it handled the message before: it is answered as then, and observers are
    not told again."""


@dataclass(slots=True)
class Answered(Generic[RequestT, ResponseT]):
    """One CALLRESULT of a station, with the command that it answers."""

    tenant_id: str
    station_id: str
    command_id: str
    request: RequestT
    response: ResponseT
    receive_time: datetime
    """When the edge read the answer, UTC."""


class CallRefused(Exception):
    """Raised or returned by a handler: the station is answered CALLERROR, and nothing is stored of its call.

    Args:
        code: Error code of OCPP-J, e.g. "SecurityError".
        description: One sentence for the makers of the station, without internals.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description


class Deduplication(enum.Enum):
    """By what a message is recognised that was handled before. Edges send again what they have no answer to."""

    BY_CALL = "call"
    """By the identity that the edge gave to the call. A station that sends the message again makes another call."""
    BY_KEY = "key"
    """By its content, under whatever identity it comes."""
    NOT_NEEDED = "not needed"
    """Nothing is written, so that it may be handled again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a decorator wrote on a handler."""

    kind: str
    """"call", "answer", "failure" or "vendor"."""
    message: Any
    """Message class (of a failure: of the request), or for a vendor its (vendorId, messageId or None)."""
    batched: bool = False
    writes: bool = True
    once: Callable[[Any], str] | None = None
    own_key: bool = False

    @property
    def deduplication(self) -> Deduplication:
        """By what a message is recognised that was handled before."""
        if self.once is not None or self.own_key:
            return Deduplication.BY_KEY
        return Deduplication.BY_CALL if self.writes else Deduplication.NOT_NEEDED


_MARKS = "__citrine_marks__"


def _mark(mark: Mark) -> Callable[[Method], Method]:
    def decorate(method: Method) -> Method:
        setattr(method, _MARKS, (*getattr(method, _MARKS, ()), mark))
        return method

    return decorate


def marks_of(method: object) -> tuple[Mark, ...]:
    """Return what decorators wrote on a method; nothing for one without."""
    found: tuple[Mark, ...] = getattr(method, _MARKS, ())
    return found


def handles(
    message: type[RequestT],
    *,
    batched: bool = False,
    writes: bool = True,
    once: Callable[[RequestT], str] | None = None,
    own_key: bool = False,
) -> Callable[[Method], Method]:
    """Mark a method as the one that handles a message of stations.

    A call that an edge sends again, because it does not know what became of it, is not handled twice: it is answered
    as before. That is found out by the identity of the call, at the cost of a statement for each batch, unless the
    method is marked otherwise.

    Args:
        message: Request class of `citrine.ocpp.v2`.
        batched: The method is `async (work, calls) -> answers`, with calls of one tenant and as many answers
            in the same order, each a response or a CallRefused. Otherwise it is `async (work, call) -> answer`.
        writes: False for a method that only reads; then it may run where nothing can be written.
        once: Returns what makes two messages of one station the same. A message seen before is not handled
            again, but answered as it was, also where the station sent it again under another message id.
        own_key: The method itself recognises a message that it handled before, under whatever identity it comes:
            it answers it as before, has no second effect, and sets `Call.repeated`.
    """
    return _mark(Mark("call", message, batched, writes, once, own_key))


def handles_answer(message: type[ResponseT]) -> Callable[[Method], Method]:
    """Mark a method `async (work, answered) -> None` as one that is told what stations answer to a command."""
    return _mark(Mark("answer", message))


def handles_failure(message: type[RequestT]) -> Callable[[Method], Method]:
    """Mark a method `async (work, failed) -> None` as one that is told of commands that end without an answer."""
    return _mark(Mark("failure", message))


def handles_vendor(vendor_id: str, message_id: str | None = None) -> Callable[[Method], Method]:
    """Mark a method as the one that answers a vendor's DataTransfer.

    The method is `async (work, call) -> DataTransferResponse`. Without a message id it gets all of the vendor's
    messages that have no handler of their own (P02). It runs once for a call, however often the edge sends that; but
    again where the database rolled back what it did, so that effects outside of `work` belong behind its commit.
    """
    return _mark(Mark("vendor", (vendor_id, message_id)))


def content_key(message: Message) -> str:
    """Return what makes two messages the same that have nothing but their content: all of it, its times included."""
    return hashlib.blake2b(message.SerializeToString(deterministic=True), digest_size=16).hexdigest()
