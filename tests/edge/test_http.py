"""/healthz, /readyz and /metrics."""

import asyncio
import contextlib

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine_process import http
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore
from tests.support.waiting import WAIT


async def test_edge_lives_and_is_ready_while_a_core_serves(core: FakeCore, edge: RunningEdge) -> None:
    assert await edge.get("/healthz") == (200, "ok\n")
    assert await edge.get("/readyz?verbose") == (200, "ok\n")
    core.send(serving=pb.Serving(serving=False))
    await edge.until(lambda: not edge.edge.router.available)
    assert await edge.get("/readyz") == (503, "no core serves\n")


async def test_draining_edge_lives_and_is_not_ready(core: FakeCore) -> None:
    core.reply = lambda call: None
    async with running_edge(core) as edge, edge.station() as station:
        await station.send([2, "m1", "Heartbeat", {}])
        call = await core.next("call")
        edge.stop()
        await core.next("draining")

        assert await edge.get("/readyz") == (503, "draining\n")
        assert (await edge.get("/healthz"))[0] == 200
        core.answer(call, pb.CallError(code="GenericError"))


async def test_metrics_tell_what_passed(edge: RunningEdge) -> None:
    async with edge.station() as station:
        await station.ask("Heartbeat", {})
        await station.ask("Nothing", {})

        status, body = await edge.get("/metrics")

    assert status == 200
    for line in (
        "citrine_edge_sockets 1.0",
        'citrine_edge_frames_total{action="Heartbeat",direction="in"} 1.0',
        'citrine_edge_frames_total{action="Heartbeat",direction="out"} 1.0',
        'citrine_edge_rpc_errors_total{code="NotImplemented",direction="out"} 1.0',
        'citrine_edge_handshakes_total{status="101"} 1.0',
        "citrine_edge_links 1.0",
        "citrine_edge_links_serving 1.0",
        "citrine_edge_held_calls 0.0",
    ):
        assert line in body.splitlines()
    assert "process_resident_memory_bytes" in body


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/healthz/", "GET", 404), ("/healthz", "POST", 405), ("/healthz", "HEAD", 200)],
)
async def test_other_requests(edge: RunningEdge, path: str, method: str, status: int) -> None:
    assert (await edge.get(path, method))[0] == status


@pytest.mark.parametrize("request_", [b"\r\n\r\n", b"x" * 20_000 + b"\r\n\r\n"])
async def test_bad_requests_harm_nobody(edge: RunningEdge, request_: bytes) -> None:
    reader, writer = await asyncio.open_connection(*edge.http.split(":"))
    writer.write(request_)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), WAIT)
    writer.close()

    assert (await edge.get("/healthz"))[0] == 200


async def test_slow_request_is_dropped(edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_process.http.REQUEST_TIMEOUT", 0.05)
    reader, writer = await asyncio.open_connection(*edge.http.split(":"))
    writer.write(b"GET /healthz")

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), WAIT)
    writer.close()


async def test_connections_that_say_nothing_lock_nobody_out(edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_CONNECTIONS", 5)
    silent = [await asyncio.open_connection(*edge.http.split(":")) for _ in range(20)]

    assert await edge.get("/healthz") == (200, "ok\n")

    ended = asyncio.gather(*(reader.read() for reader, _ in silent[:15]), return_exceptions=True)
    async with asyncio.timeout(http.REQUEST_TIMEOUT / 2):
        await ended
    for _, writer in silent:
        writer.close()


async def test_a_flood_of_scrapes_is_one_now_and_then(edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = 0
    render = edge.edge.metrics.render

    def count() -> bytes:
        nonlocal rendered
        rendered += 1
        return render()

    monkeypatch.setattr(edge.edge.metrics, "render", count)

    answers = await asyncio.gather(*(edge.get("/metrics") for _ in range(50)))

    assert {status for status, _ in answers} == {200}
    assert rendered <= 3
