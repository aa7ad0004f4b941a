"""Why another system can't be asked is said in words, whatever raised it."""

import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from citrine_core.connection_failures import reason_of

KEY = ConnectionKey("nowhere.invalid", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(socket.gaierror(socket.EAI_NONAME, "?"), "its host has no address", id="name"),
        pytest.param(
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "?")),
            "its host has no address",
            id="name-in-aiohttp",
        ),
        pytest.param(
            aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "Connect call failed")),
            "Connection refused",
            id="refused",
        ),
        pytest.param(TimeoutError(), "it gave no answer in time", id="timeout"),
        pytest.param(ssl.SSLError(1, "?"), "TLS failed: the connection broke", id="tls"),
        pytest.param(
            aiohttp.ServerDisconnectedError(), "it closed the connection before it answered", id="disconnected"
        ),
        pytest.param(aiohttp.InvalidURL("https://u:secret@x"), "its URL is invalid", id="url"),
        pytest.param(RuntimeError("secret"), "the connection failed", id="unknown"),
    ],
)
def test_a_failure_is_said_in_words(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
