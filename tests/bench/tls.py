"""What TLS costs: handshakes, idle connections, a boot storm and messages, beside the same without."""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.errors import BenchError
from tests.bench.scenarios import Sut
from tests.edge.tls_files import tls_settings
from tests.support.pki import Authority

__all__ = ["HANDSHAKES", "Handshakes", "handshakes", "tls_of"]

CLIENTS = 8
"""Threads that do handshakes, each one after the other."""

HANDSHAKES: Mapping[str, str] = {
    "ec": "full, EC certificate",
    "rsa": "full, RSA certificate",
    "resumed": "resumed",
}
"""Kinds of handshakes, and how people call them."""

SUITES: Mapping[str, str] = {
    "ec": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "rsa": "ECDHE-RSA-AES128-GCM-SHA256",
    "resumed": "ECDHE-ECDSA-AES128-GCM-SHA256",
}
"""TLS 1.2, whose sessions a client has as soon as the handshake is done."""


@dataclass(frozen=True)
class Handshakes:
    """TLS handshakes of connections that say nothing, and are closed then."""

    per_second: float
    edge_cpu_ms: float
    """CPU time of the edge for each."""


def tls_of(directory: Path) -> dict[str, str]:
    """Return settings of an edge with a listener for TLS; its authority is in `csms.pem` of the directory."""
    authority = Authority.root()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "csms.pem").write_text(authority.pem)
    return {name: str(value) for name, value in tls_settings(authority, directory).items()}


async def handshakes(sut: Sut, kind: str, seconds: float) -> Handshakes:
    """Do TLS handshakes for some seconds, as many as go.

    Raises:
        BenchError: When a session was to be resumed and was not.
    """
    context = ssl.create_default_context(cafile=sut.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES[kind])
    host, _, port = sut.tls_address.rpartition(":")
    meter = sut.meter(f"{kind} handshakes")
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(CLIENTS) as threads:
        meter.open()
        begun = time.monotonic()
        running = [
            loop.run_in_executor(threads, _drive, (host, int(port)), context, begun + seconds, kind == "resumed")
            for _ in range(CLIENTS)
        ]
        counts = await asyncio.gather(*running)
        took = time.monotonic() - begun
        meter.close()
    done = sum(counts)
    return Handshakes(done / took, 1000 * meter.cost.cpu["edge"] / max(1, done))


def _drive(address: tuple[str, int], context: ssl.SSLContext, until: float, resumes: bool) -> int:
    """Return how many handshakes one client has done."""
    count, session = 0, None
    while time.monotonic() < until:
        with (
            socket.create_connection(address, timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=address[0], session=session) as tls,
        ):
            if session is not None and not tls.session_reused:
                raise BenchError("a session was not resumed")
            session = tls.session if resumes else None
        count += 1
    return count
