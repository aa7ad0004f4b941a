"""The CALLs of one station: one in flight, the others in their order behind it. No input or output."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine_edge.dialects import CanonicalRequest, CommandExchange, StationExchange
from citrine_edge.ocppj import Call

__all__ = ["Derived", "Flight", "Inbound", "Inbox"]


class Derived:
    """An exchange of messages that no CALL brought: a station's answer to a command says them. Nobody is answered."""

    __slots__ = ("requests",)

    def __init__(self, requests: Sequence[CanonicalRequest]) -> None:
        self.requests = requests

    def write_result(
        self, responses: Sequence[Message], transaction_number: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """Return nothing: see `StationExchange`."""
        return {}, []

    def follow_ups(self, responses: Sequence[Message]) -> Sequence[CommandExchange]:
        """Return nothing: see `StationExchange`."""
        return ()


@dataclass(slots=True)
class Inbound:
    """A CALL that was read, and when."""

    call: Call
    receive_time: Timestamp
    size: int = 0
    """Bytes that it counts for."""
    derived: Derived | None = None
    """Set if there is no such CALL, and nothing to answer."""


class Flight:
    """A CALL that cores have to answer: request by request, in the order of its exchange."""

    __slots__ = ("call", "call_id", "exchange", "inbound", "responses", "traceparent", "transaction_number")

    def __init__(self, inbound: Inbound, exchange: StationExchange) -> None:
        self.call = inbound.call
        self.inbound = inbound
        self.exchange = exchange
        self.responses: tuple[Message, ...] = ()
        """To the first requests; the next one is out."""
        self.transaction_number: int | None = None
        """The number that the core gave to the transaction; None if no request wanted one, or not yet."""
        self.call_id = 0
        """Identity of the request that is out; each has another."""
        self.traceparent = ""
        """Of the CALL, and so of all its requests."""

    def receive(self, response: Message) -> bool:
        """Add the response to the request that is out; return whether it was the last one.

        Raises:
            ValueError: When it answers another action.
        """
        requests, position = self.exchange.requests, len(self.responses)
        if type(response) is not requests[position][0].response:
            raise ValueError("the answer is of another action")
        self.responses += (response,)
        return position + 1 == len(requests)


class Inbox:
    """The queue of one station's CALLs: at most one is in flight."""

    __slots__ = ("_waiting", "flight")

    def __init__(self) -> None:
        self.flight: Flight | None = None
        # Most stations never have a second call; a deque would cost each of them 600 bytes.
        self._waiting: deque[Inbound] | None = None

    def __len__(self) -> int:
        return len(self._waiting) if self._waiting else 0

    def is_repeated(self, call: Call) -> bool:
        """Return whether the same message, with the same id, already waits for its answer."""
        if self.flight is not None and call == self.flight.call:
            return True
        if not self._waiting:
            return False
        return any(call == each.call for each in self._waiting)

    def put(self, inbound: Inbound) -> None:
        """Append a CALL."""
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(inbound)

    def next(self) -> Inbound | None:
        """Dequeue the next CALL; return None while one is in flight, or if none waits."""
        return self._waiting.popleft() if self._waiting and self.flight is None else None

    @property
    def size(self) -> int:
        """Bytes of all that waits or is in flight."""
        waiting = sum(each.size for each in self._waiting or ())
        return waiting + (self.flight.inbound.size if self.flight is not None else 0)

    def land(self) -> Flight:
        """Return the CALL in flight, which is so no more."""
        flight, self.flight = self.flight, None
        assert flight is not None, "the router knows of a call in flight"
        return flight
