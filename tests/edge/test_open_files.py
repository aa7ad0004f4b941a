"""Edges that may open few files, as processes."""

import asyncio
import json
import signal
import socket
from pathlib import Path

import pytest

from tests.support.edge_process import edge_process, line_with
from tests.support.fake_core import FakeCore
from tests.support.waiting import WAIT


@pytest.mark.parametrize(
    ("chosen", "level"), [([], "INFO"), (["--ocpp-max-sockets=91"], "WARNING"), (["--ocpp-max-sockets=90"], "INFO")]
)
async def test_few_open_files_mean_few_sockets(core: FakeCore, chosen: list[str], level: str) -> None:
    few = ("sh", "-c", 'ulimit -n 300; exec "$@"', "sh")
    async with edge_process(f"--core={core.address}", "--edge-credential=secret", *chosen, under=few) as process:
        line = await line_with(process, "fewer sockets than CITRINE_OCPP_MAX_SOCKETS")

    assert f" {level} " in line
    assert "raise the hard limit of open files (ulimit -Hn, " in line
    assert "sockets=90 idle=10 open_files=300 needed=" in line


async def test_enough_open_files_are_nothing_to_tell(core: FakeCore) -> None:
    few = ("sh", "-c", 'ulimit -n 310; exec "$@"', "sh")
    numbers = ["--ocpp-max-sockets=100", "--ocpp-max-unfinished=10"]
    arguments = [f"--core={core.address}", "--edge-credential=secret", *numbers]
    async with edge_process(*arguments, under=few) as process:
        line = await line_with(process, "")

    assert "edge listens" in line


async def test_few_open_files_let_in_all_who_come_at_once(core: FakeCore, tmp_path: Path) -> None:
    """They are accepted before any of them is read, and many more than may be unfinished otherwise."""
    few, ready = ("sh", "-c", 'ulimit -n 450; exec "$@"', "sh"), tmp_path / "ready.json"
    arguments = [f"--core={core.address}", "--edge-credential=secret", f"--ready-file={ready}"]
    async with edge_process(*arguments, under=few) as process:
        assert "sockets=227 idle=23 " in await line_with(process, "fewer sockets")
        await line_with(process, "link up")
        host, port = json.loads(ready.read_text())["ocpp"].split(":")
        process.send_signal(signal.SIGSTOP)
        stations = [await asyncio.to_thread(knock, host, int(port), number) for number in range(200)]
        process.send_signal(signal.SIGCONT)
        try:
            answers = await asyncio.to_thread(lambda: [station.recv(12) for station in stations])
        finally:
            for station in stations:
                station.close()

    assert answers == [b"HTTP/1.1 101"] * 200


def knock(host: str, port: int, number: int) -> socket.socket:
    """Connect as a station, and send the request."""
    station = socket.create_connection((host, port), WAIT)
    headers = [
        *("Host: edge", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: ocpp2.0.1"),
    ]
    station.sendall("\r\n".join([f"GET /CS{number} HTTP/1.1", *headers, "", ""]).encode())
    return station
