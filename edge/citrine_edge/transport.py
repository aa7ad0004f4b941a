"""The interface between a session and the connection of its station."""

from typing import Protocol

__all__ = ["Receiver", "Transport"]


class Transport(Protocol):
    """One open connection of one station, which carries whole messages in order, in both directions.

    A WebSocket that ends in this process is a transport. A connection that ends in an API gateway, which forwards
    each message, can be another. Every implementation guarantees that one process sees all messages of a connection,
    in order: an edge must know which CALL a message answers.

    The session calls all methods on the event loop. A method may call the receiver before it returns: `resume`
    delivers what was read already, and `close` and `send_text` may discover that the connection is gone.
    """

    @property
    def remote_address(self) -> str:
        """Address of the peer, as host:port."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        ...

    def send_text(self, data: bytes) -> bool:
        """Send one text message; return False if the connection is no longer open."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Begin to close, with a code and a reason of at most 123 bytes. `Receiver.closed` follows."""
        ...

    def pause(self) -> None:
        """Stop reading, so that TCP applies backpressure. Messages that were read already may still be delivered."""
        ...

    def resume(self) -> None:
        """Deliver messages again."""
        ...


class Receiver(Protocol):
    """Callbacks of a transport, which a session implements."""

    def receive(self, data: bytes, text: bool) -> None:
        """Called with each message, in order; text is False for a binary one, which OCPP-J does not have."""

    def broken(self, code: int, reason: str) -> None:
        """Called with the close code for a message that can't be read, and that closes the connection."""

    def closed(self, code: int, reason: str) -> None:
        """Called once, last, when the connection is gone."""
