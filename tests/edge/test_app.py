"""The edge process, as it is started."""

import asyncio
import json
import os
import resource
import signal
import socket
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from citrine_edge.app import main
from tests.support.edge_process import edge_process, line_with
from tests.support.fake_core import FakeCore
from tests.support.waiting import WAIT


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CITRINE_"):
            monkeypatch.delenv(name)


async def test_process_serves_stations_until_it_is_asked_to_stop(core: FakeCore, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    arguments = [f"--core={core.address}", "--edge-credential=secret", f"--ready-file={ready}"]
    async with edge_process(*arguments) as process:
        line = await line_with(process, "edge listens")
        await core.linked()
        await line_with(process, "link up")
        addresses = json.loads(ready.read_text())
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        async with connect(f"ws://{addresses['ocpp']}/CS1", subprotocols=["ocpp2.1"]) as websocket:  # type: ignore[list-item]
            await websocket.send('[2,"m1","Heartbeat",{}]')
            assert await websocket.recv() == '[3,"m1",{"currentTime":"2025-01-31T12:00:00Z"}]'
            process.send_signal(signal.SIGTERM)
            await websocket.wait_closed()
            assert websocket.close_code == 1001
        async with asyncio.timeout(WAIT):
            code = await process.wait()

    assert code == 0
    assert soft >= min(hard, 20_000)
    assert addresses["pid"] == process.pid
    assert addresses["ocpp"] in line
    assert addresses["http"] in line
    assert core.order()[-1] == "closed"


@pytest.mark.parametrize(
    ("arguments", "host"),
    [
        pytest.param(["--ocpp-listen=127.0.0.1:0"], "127.0.0.1", id="one address"),
        pytest.param(["--ocpp-listen=[::1]:0"], "[::1]", id="one of IPv6"),
        pytest.param(["--ocpp-listen=0.0.0.0:0"], socket.gethostname(), id="all addresses"),
    ],
)
async def test_an_edge_says_where_stations_reach_it(
    core: FakeCore, tmp_path: Path, arguments: list[str], host: str
) -> None:
    ready = tmp_path / "ready.json"
    async with edge_process(
        f"--core={core.address}", "--edge-credential=secret", f"--ready-file={ready}", *arguments
    ) as process:
        await line_with(process, "link up")
        port = json.loads(ready.read_text())["ocpp"].rpartition(":")[2]
        hello = core.link.hello

    assert hello.public_url == f"ws://{host}:{port}"


@pytest.mark.parametrize(
    ("given", "problem"), [([], "CITRINE_EDGE_CREDENTIAL_FILE"), (["--edge-credential=x"], "no such edge")]
)
async def test_an_edge_that_no_core_lets_in_says_so(core: FakeCore, given: list[str], problem: str) -> None:
    async with edge_process(f"--core={core.address}", *given) as process:
        line = await line_with(process, problem)

    assert " WARNING " in line


async def test_second_signal_ends_it_at_once(core: FakeCore, tmp_path: Path) -> None:
    core.reply = lambda call: None
    arguments = [f"--core={core.address}", "--edge-credential=secret", f"--ready-file={tmp_path / 'ready'}"]
    async with edge_process(*arguments) as process:
        await line_with(process, "link up")
        address = json.loads((tmp_path / "ready").read_text())["ocpp"]
        async with connect(f"ws://{address}/CS1", subprotocols=["ocpp2.1"]) as websocket:  # type: ignore[list-item]
            await websocket.send('[2,"m1","Heartbeat",{}]')
            await core.next("call")
            process.send_signal(signal.SIGTERM)
            await core.next("draining")
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WAIT):
                assert await process.wait() == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--ocpp-lisen", "x"], "--ocpp-lisen"),
        (["--ocpp-listen", "nowhere"], "'nowhere' is not host:port"),
        (["--core", "a:1,b"], "'b' is not host:port"),
        (["--edge-credential-file", "/none/such"], "edge_credential_file"),
    ],
)
def test_wrong_setting_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    assert main(arguments) == 2

    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--ocpp-listen", "--http-listen"])
async def test_port_in_use_is_one_line_and_exit_code_1(core: FakeCore, option: str) -> None:
    async with edge_process(f"{option}={core.address}") as process:
        line = await line_with(process, "citrine edge: ")

        assert await process.wait() == 1
    assert line == f"citrine edge: cannot listen on {core.address}: Address already in use\n"


def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--help"])

    assert done.value.code == 0
    assert "--ocpp-max-frame" in capsys.readouterr().out
