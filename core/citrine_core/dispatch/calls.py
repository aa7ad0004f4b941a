"""Arguments and results of handlers, and the decorators that bind a handler to a message."""

import enum
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Select

from citrine.edge.v1.link_pb2 import Supplement
from citrine_core.db import Database

__all__ = [
    "Answered",
    "Call",
    "CallRefused",
    "Deduplication",
    "FirstQuery",
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
    """One CALL (or SEND) of a station, valid by the schema of its OCPP version."""

    tenant_id: str
    station_id: str
    epoch: int
    """Epoch of the session that it came by."""
    message_id: str
    """Chosen by the station; not unique over time."""
    message: RequestT
    receive_time: datetime
    """When the edge read it, in UTC."""
    finding: Any = None
    """Result of the block's inquirer, from before the transaction. None: the inquirer was not asked."""
    repeated: bool = False
    """Set by a handler with `own_key` if it handled the message before. Observers are then not called again."""
    supplement: Supplement | None = None
    """What the station's version of OCPP says, or leaves out, beside the message. None: nothing."""
    transaction_number: int | None = None
    """Set by the handler of a call that wants a number for its transaction."""


@dataclass(slots=True)
class Answered(Generic[RequestT, ResponseT]):
    """One CALLRESULT of a station, with the command that it answers."""

    tenant_id: str
    station_id: str
    command_id: str
    request: RequestT
    response: ResponseT
    receive_time: datetime
    """When the edge read the answer, in UTC."""


class CallRefused(Exception):
    """Raised or returned by a handler to answer CALLERROR; nothing of the call is stored.

    Args:
        code: Error code of OCPP-J, e.g. "SecurityError".
        description: One sentence for the vendor of the station, without internals.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description


class Deduplication(enum.Enum):
    """How a message that was handled before is recognised. Edges resend calls that were not answered."""

    BY_CALL = "call"
    """By the identity that the edge gave to the call. A message that the station resends is another call."""
    BY_KEY = "key"
    """By its content, whatever its identity."""
    NOT_NEEDED = "not needed"
    """The handler writes nothing, so the message may be handled again."""


@dataclass(frozen=True, slots=True)
class FirstQuery:
    """The query that a batched handler begins with. It may be executed by one statement with the check of sessions."""

    query: Callable[[Database], Select[Any]]
    """Returns the query for a database. It has the parameters `tenant_id` and `keys`, a first column that is never
    NULL, and a column `station_id`."""
    key: Callable[[Any], tuple[str, ...]]
    """Returns the key of a call among `keys`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The mark that a decorator set on a handler."""

    kind: str
    """"call", "answer", "failure" or "vendor"."""
    message: Any
    """Message class (for a failure: that of the request), or for a vendor (vendorId, messageId or None)."""
    batched: bool = False
    writes: bool = True
    once: Callable[[Any], str] | None = None
    own_key: bool = False
    at_once: bool = False
    first_query: FirstQuery | None = None

    @property
    def deduplication(self) -> Deduplication:
        """How a message that was handled before is recognised."""
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
    """Return the marks of a method; empty if it has none."""
    found: tuple[Mark, ...] = getattr(method, _MARKS, ())
    return found


def handles(
    message: type[RequestT],
    *,
    batched: bool = False,
    writes: bool = True,
    once: Callable[[RequestT], str] | None = None,
    own_key: bool = False,
    at_once: bool = False,
    first_query: FirstQuery | None = None,
) -> Callable[[Method], Method]:
    """Mark a method as the handler of a message of stations.

    A call that an edge resends is deduplicated: the handler runs once, and the resent call is answered as before. By
    default this uses the identity of the call, which costs one statement per batch.

    Args:
        message: Request class of `citrine.ocpp.v2`.
        batched: The method is `async (work, calls) -> answers`, with calls of one tenant and as many answers
            in the same order, each a response or a CallRefused. Otherwise it is `async (work, call) -> answer`.
        writes: False for a method that only reads. It may run in a read-only transaction.
        once: Returns the business key of a message. Of two messages of a station with one key only the first is
            handled; the second is answered as the first, even if the station resent it under another message id.
        own_key: The method itself deduplicates messages by a business key: it answers a duplicate as before, without
            a second effect, and sets `Call.repeated`.
        at_once: The method is `(call) -> answer`, not async, and uses no database. It mostly runs without a
            transaction (see `fast_path`).
        first_query: The query that a batched method begins with. The method gets its rows as a third argument, or
            none if the query was not executed.
    """
    return _mark(Mark("call", message, batched, writes and not at_once, once, own_key, at_once, first_query))


def handles_answer(message: type[ResponseT]) -> Callable[[Method], Method]:
    """Mark a method `async (work, answered) -> None`, which is called with the answers of stations to a command."""
    return _mark(Mark("answer", message))


def handles_failure(message: type[RequestT]) -> Callable[[Method], Method]:
    """Mark a method `async (work, failed) -> None`, which is called with commands that end without an answer."""
    return _mark(Mark("failure", message))


def handles_vendor(vendor_id: str, message_id: str | None = None) -> Callable[[Method], Method]:
    """Mark a method as the handler of a vendor's DataTransfer.

    The method is `async (work, call) -> DataTransferResponse`. Without a message id it handles all of the vendor's
    messages without a handler of their own (P02). A resent call is deduplicated. The method runs again if its
    transaction was rolled back, so effects outside of `work` must wait for `work.after_commit`.
    """
    return _mark(Mark("vendor", (vendor_id, message_id)))


def content_key(message: Message) -> str:
    """Return a key of the whole content of a message, times included, for messages without a business key."""
    return hashlib.blake2b(message.SerializeToString(deterministic=True), digest_size=16).hexdigest()
