"""Accepts connections that say something before their first HTTP request: a PROXY header, a TLS handshake, or both."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from citrine_edge.proxies import Proxies
from citrine_edge.proxy_protocol import HEAD, InvalidHeader, ProxyHeader, body_length, read_header
from citrine_process.addresses import join_address

__all__ = ["Acceptor", "Arrival", "Arrivals", "Entrance"]

ACCEPTED_AT_ONCE = 64
"""Connections that are accepted before the event loop runs other tasks."""

RETRY_TIME = 1.0
"""Seconds until connections are accepted again after none could be, as where there are too many open files."""

SHUTDOWN_TIME = 5.0
"""Seconds for the closing alert of TLS."""

_logger = logging.getLogger(__name__)


class Arrival:
    """A TCP connection until its PROXY header is read and its TLS handshake is done."""

    def __init__(self, remote_address: str) -> None:
        self.remote_address = remote_address
        """Address of the peer, as host:port."""
        self.header: ProxyHeader | None = None
        """What the PROXY header says, once it is read. None: there is none on this listener."""
        self.problem = ""
        """Why it did not become a socket. Empty: it did, or it was aborted."""
        self.is_handed_over = False
        """Whether the TCP connection belongs to a transport."""
        self.task: asyncio.Task[None] | None = None

    def abort(self) -> None:
        """Drop the connection."""
        if self.task is not None:
            self.task.cancel()


class Arrivals(Protocol):
    """Counts connections that arrive. All methods are called on the event loop."""

    def arrived(self, arrival: Arrival) -> None:
        """Called once for each connection."""

    def ended(self, arrival: Arrival) -> None:
        """Called once, last: it became a socket, has a problem, or was aborted."""


@dataclass(frozen=True)
class Entrance:
    """What connections of a listener begin with."""

    context: Callable[[], ssl.SSLContext] | None
    """Returns the context of a TLS handshake. None: there is none."""
    proxies: Proxies | None
    """Who must send a PROXY header; others are not let in. None: there are no such headers."""
    timeout: float
    """Seconds for the header, and for the handshake."""


class Acceptor:
    """Accepts the connections of one listener.

    Args:
        entrance: What connections begin with.
        arrivals: Counts them.
        new_protocol: Returns the protocol of a connection that arrived.
    """

    def __init__(
        self, entrance: Entrance, arrivals: Arrivals, new_protocol: Callable[[Arrival], asyncio.Protocol]
    ) -> None:
        self._entrance = entrance
        self._arrivals = arrivals
        self._new_protocol = new_protocol
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int, backlog: int, *, shares_port: bool) -> tuple[str, int]:
        """Start to accept; return the address.

        Raises:
            OSError: When it can't be listened on.
        """
        places = await self._loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, place in dict.fromkeys(places):
                address = (place[0], port, *place[2:])
                listener = socket.create_server(address, family=family, backlog=backlog, reuse_port=shares_port)
                listener.setblocking(False)
                self._listeners.append(listener)
                # Where port 0 is any free one, all addresses of the host have the same.
                port = listener.getsockname()[1]
        except OSError:
            self.close()
            raise
        for listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)
        first = self._listeners[0].getsockname()
        return first[0], first[1]

    def close(self) -> None:
        """Stop to accept, and drop what has not become a socket yet."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        for task in self._tasks:
            task.cancel()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, place = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _logger.error("no connection can be accepted now", exc_info=error)
                self._loop.remove_reader(listener)
                self._loop.call_later(RETRY_TIME, self._resume, listener)
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            arrival = Arrival(join_address(place[0], place[1]))
            arrival.task = self._loop.create_task(self._admit(arrival, connection), name="arrival")
            self._tasks.add(arrival.task)
            # Not within the task, which does nothing any more where it is aborted before it begins.
            arrival.task.add_done_callback(partial(self._ended, arrival, connection))
            self._arrivals.arrived(arrival)

    def _resume(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)

    def _ended(self, arrival: Arrival, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not arrival.is_handed_over:
            connection.close()
        self._arrivals.ended(arrival)
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("a connection could not be accepted", exc_info=error)

    async def _admit(self, arrival: Arrival, connection: socket.socket) -> None:
        try:
            if self._entrance.proxies is not None:
                arrival.header = await self._read_header(arrival, connection, self._entrance.proxies)
            context = None if self._entrance.context is None else self._entrance.context()
            arrival.is_handed_over = True
            await self._loop.connect_accepted_socket(
                lambda: self._new_protocol(arrival),
                connection,
                ssl=context,
                ssl_handshake_timeout=None if context is None else self._entrance.timeout,
                ssl_shutdown_timeout=None if context is None else SHUTDOWN_TIME,
            )
        except (InvalidHeader, OSError, EOFError) as error:
            arrival.problem = _problem(error)
            # Its frames hold asyncio's transport, which holds it: some 30 kB that wait for the garbage collector.
            error.__traceback__ = error.__context__ = None

    async def _read_header(self, arrival: Arrival, connection: socket.socket, proxies: Proxies) -> ProxyHeader:
        """Read the header and not a byte of what follows it."""
        if not proxies.trusts(arrival.remote_address):
            raise InvalidHeader
        async with asyncio.timeout(self._entrance.timeout):
            head = await self._read(connection, HEAD)
            return read_header(head, await self._read(connection, body_length(head)))

    async def _read(self, connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self._loop.sock_recv(connection, size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def _problem(error: Exception) -> str:
    """Return one of few words for why a connection did not arrive."""
    match error:
        case InvalidHeader():
            return "proxy_header"
        case ssl.SSLCertVerificationError():
            return f"certificate: {error.verify_message}"
        case ssl.SSLError():
            return (error.reason or "tls").lower()
        case TimeoutError() | ConnectionAbortedError():
            return "timeout"
    return "lost"
