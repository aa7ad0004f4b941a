"""Host and port: as they are written, and as a process listens on them."""

import ipaddress
import os
import socket
from typing import Protocol

from citrine_process.settings import InvalidSetting

__all__ = ["Listener", "is_loopback", "join_address", "listen", "split_address"]


class Listener(Protocol):
    """Something that listens on a host and a port, and says on which it does."""

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen from now on; return host and port, which port 0 leaves open."""


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port`` or ``[host]:port``.

    Raises:
        InvalidSetting: When it is neither.
    """
    host, separator, port = address.strip().rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InvalidSetting(f"{address!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def join_address(host: str, port: int) -> str:
    """Return ``host:port``, or ``[host]:port`` of an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, so that nothing that is sent to it passes a network.

    A name other than localhost is not, whatever its addresses are now.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def listen(listener: Listener, address: str) -> str:
    """Have a listener listen on an address; return the one on which it does.

    Raises:
        OSError: When it can't, with the address and the reason.
    """
    try:
        return join_address(*await listener.listen(*split_address(address)))
    except OSError as error:
        # A loop puts its own words into strerror, and a name that is not found has a number that is no errno.
        known = not isinstance(error, socket.gaierror) and error.errno
        reason = os.strerror(known) if known else error.strerror or str(error)
        raise OSError(f"cannot listen on {address}: {reason}") from error
