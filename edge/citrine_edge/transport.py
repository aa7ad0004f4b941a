"""What a session needs of the connection that it speaks over, and what the connection tells it."""

from typing import Protocol

__all__ = ["Receiver", "Transport"]


class Transport(Protocol):
    """One connection of one station: whole messages, in order, both ways, from its opening until it is closed.

    A WebSocket that ends in this process is one; a connection that ends in an API gateway, which hands on each
    message, can be another. Whoever implements it makes sure that one process sees all messages of the connection,
    in order: an edge has to know which CALL a message answers.

    All of it is called on the event loop, and may call the receiver before it returns: `resume` brings what was read
    already, `close` and `send_text` may find that the connection is gone.
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
        """Send one text message; return False where the connection is not open any more."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Begin to close, with a code and a reason of at most 123 bytes. The receiver hears of the end by `closed`."""
        ...

    def pause(self) -> None:
        """Bring no more messages, and have the station held back. Some that were read may still come."""
        ...

    def resume(self) -> None:
        """Bring messages again."""
        ...


class Receiver(Protocol):
    """Who gets what a station sends over an open connection."""

    def receive(self, data: bytes, text: bool) -> None:
        """Take one message; text is False for a binary one, which OCPP-J does not have."""

    def broken(self, code: int, reason: str) -> None:
        """Take note of a message that can't be read and that closes the connection, with the close code for it."""

    def closed(self, code: int, reason: str) -> None:
        """Take note that the connection is gone, as the last call."""
