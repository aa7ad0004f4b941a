"""Ports that several processes share (SO_REUSEPORT), reserved by the one that starts them."""

import contextlib
import os
import socket
from collections.abc import Iterator

from citrine_process.addresses import join_address, split_address

__all__ = ["reserved"]

ATTEMPTS = 50
"""How often a free port is looked for whose neighbours are free as well."""


@contextlib.contextmanager
def reserved(address: str, behind: int = 0) -> Iterator[str]:
    """Reserve an address, and so many ports behind its own, until the block ends.

    The sockets are bound and do not listen: connections go to the processes that do. No process of another user can
    bind the ports, nor one that does not share them.

    Args:
        address: host:port; port 0 is any free one.
        behind: Number of further ports, from the next one on.

    Yields:
        The address, with its port.

    Raises:
        InvalidSetting: When it is not host:port.
        OSError: When one of the ports is in use, or the address is none of this machine; with the reason.
    """
    host, port = split_address(address)
    with contextlib.ExitStack() as sockets:
        yield join_address(host, _reserve(host, port, behind, sockets))


def _reserve(host: str, port: int, behind: int, sockets: contextlib.ExitStack) -> int:
    """Bind all ports and return the first one."""
    for attempt in range(1, ATTEMPTS + 1):
        with contextlib.ExitStack() as bound:
            try:
                first = _bind(host, port, bound)
                for number in range(first + 1, first + 1 + behind):
                    _bind(host, number, bound)
            except OSError:
                if port != 0 or attempt == ATTEMPTS:
                    raise
                continue
            sockets.push(bound.pop_all())
            return first
    raise AssertionError("the last attempt returns or raises")


def _bind(host: str, port: int, bound: contextlib.ExitStack) -> int:
    """Bind one port of all addresses of a host, and return it."""
    try:
        for family, kind, protocol, _, place in _places(host, port):
            # Without SO_REUSEPORT first: this fails if another program listens there, also one that shares its port.
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((place[0], port))
            shared = bound.enter_context(socket.socket(family, kind, protocol))
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind((place[0], port))
            port = shared.getsockname()[1]
    except (OSError, OverflowError) as error:
        known = isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno
        reason = os.strerror(known) if known else str(error)
        raise OSError(f"cannot listen on {join_address(host, port)}: {reason}") from error
    return port


def _places(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, kind, protocol, name, (str(place[0]), port)) for family, kind, protocol, name, place in found]
