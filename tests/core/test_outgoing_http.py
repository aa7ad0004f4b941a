"""Requests to other systems: what is sent, what is let through, and what is never asked."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from citrine_core.outgoing_http import HttpFailed, post, sha256_of
from tests.support.waiting import WAIT

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """Run a server for the time of a block; yields its URL."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/path?query=1"
    finally:
        await runner.cleanup()


async def send(url: str, hosts: tuple[str, ...] | None = None) -> tuple[int, bytes]:
    async with asyncio.timeout(WAIT):
        found = await post(url, b"asked", {"Content-Type": "text/plain"}, largest=1000, hosts=hosts)
    return found.status, found.body


async def test_a_request_arrives_as_it_was_sent() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        shown = f"{request.method} {request.path_qs} {request.content_type} {(await request.read()).decode()}"
        return web.Response(status=201, text=shown)

    async with server(answer) as url:
        assert await send(url) == (201, b"POST /path?query=1 text/plain asked")


async def test_redirects_are_not_followed() -> None:
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with server(answer) as url:
        assert await send(url) == (307, b"")
    assert asked == ["/path"]


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
async def test_an_answer_is_bounded(headers: dict[str, str]) -> None:
    """In its bytes; and none is expanded."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"x" * (10 if headers else 1001), headers=headers)

    async with server(answer) as url:
        with pytest.raises(HttpFailed, match="compressed" if headers else "longer than 1000 bytes"):
            await send(url)


async def test_a_server_that_goes_on_for_ever_is_left() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 100)
        return response

    async with server(answer) as url:
        with pytest.raises(HttpFailed, match="longer than"):
            await send(url)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "localhost",
            "LOCALHOST",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
            "10.0.0.1",
            "169.254.169.254",
        ),
        # Other spellings of 127.0.0.1.
        *("2130706433", "0x7f000001", "127.1", "0177.0.0.1"),
    ],
)
async def test_a_private_address_is_asked_by_permission_alone(host: str) -> None:
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async with server(answer) as url:
        with pytest.raises(HttpFailed):
            await send(url.replace("127.0.0.1", host), hosts=("other",))
    assert asked == []


async def test_a_private_address_may_be_permitted() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response()

    async with server(answer) as url:
        assert await send(url, hosts=("127.0.0.1",)) == (200, b"")
        assert await send(url.replace("127.0.0.1", "localhost"), hosts=("LocalHost",)) == (200, b"")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "ldap://example.com/",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@127.0.0.1/",
        "http://a:x/",
    ],
)
async def test_what_is_no_plain_http_url_is_not_asked(url: str) -> None:
    with pytest.raises(HttpFailed):
        await send(url)


async def test_who_is_not_there_is_an_error() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response()

    async with server(answer) as url:
        pass
    with pytest.raises(HttpFailed, match="Connection refused"):
        await send(url)


async def test_a_file_is_hashed_as_it_comes() -> None:
    """Also one that is larger than any buffer; who asks says who it is as its URL does."""
    content = bytes(range(256)) * 20_000

    async def answer(request: web.BaseRequest) -> web.Response:
        assert request.path_qs == "/path?query=1&sig=a%2Fb"
        assert request.headers["Authorization"] == f"Basic {base64.b64encode(b'user:p@ss').decode()}"
        return web.Response(body=content)

    async with server(answer) as url:
        given = f"{url}&sig=a%2Fb".replace("http://", "http://user:p%40ss@")
        found = await sha256_of(given, largest=len(content), hosts=["127.0.0.1"])

    assert found == hashlib.sha256(content).digest()


@pytest.mark.parametrize(
    ("status", "largest", "hosts", "problem"),
    [
        pytest.param(404, 100, ["127.0.0.1"], "its status is 404", id="status"),
        pytest.param(302, 100, ["127.0.0.1"], "its status is 302", id="redirect"),
        pytest.param(200, 9, ["127.0.0.1"], "longer than 9 bytes", id="size"),
        pytest.param(200, 100, [], "private", id="private address"),
    ],
)
async def test_a_file_that_can_not_be_read_is_not_hashed(
    status: int, largest: int, hosts: list[str], problem: str
) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, body=b"0123456789", headers={"Location": "/elsewhere"})

    async with server(answer) as url:
        with pytest.raises(HttpFailed, match=problem):
            await sha256_of(url, largest=largest, hosts=hosts)


@pytest.mark.parametrize("url", ["ftp://example.org/one.bin", "https://", "no url", "http://[::1"])
async def test_only_files_of_http_are_read(url: str) -> None:
    with pytest.raises(HttpFailed):
        await sha256_of(url, largest=100)
