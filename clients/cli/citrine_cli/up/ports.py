"""Checks that addresses are free to listen on, before anything is started."""

import errno
import socket

from citrine_cli.errors import CliError
from citrine_cli.up.settings import host_and_port

__all__ = ["check_free", "reachable"]


def check_free(purpose: str, variable: str, address: str) -> None:
    """Check that no process listens on an address.

    Args:
        purpose: Purpose of the address, for the error.
        variable: Environment variable of the address. It works with make and without.
        address: HOST:PORT; a port of 0 is always free.

    Raises:
        CliError: When a process does, or this machine does not have the address.
    """
    host, port = host_and_port(address)
    if port == 0:
        return
    try:
        _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = next((other for other in range(port + 100, 65536, 100) if _is_free(host, other)), 0)
            another = f"[{host}]:{free}" if ":" in host else f"{host}:{free}"
            raise CliError(
                f"port {port} for {purpose} is in use on {host}; end what uses it, or start with another, as in: "
                f"{variable}={another} make up"
            ) from error
        raise CliError(f"{address} for {purpose} can't be used: {error.strerror or error}") from error


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # Servers set it, too: connections in TIME_WAIT do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def reachable(address: str) -> str:
    """Return the address under which this machine reaches its own listener: 0.0.0.0 is no destination."""
    host, port = host_and_port(address)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
