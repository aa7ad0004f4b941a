"""Single bounded HTTP requests to other systems, whose URLs may come from stations, certificates and callers."""

import base64
import contextlib
import hashlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from citrine_core.connection_failures import reason_of

__all__ = ["HttpAnswer", "HttpFailed", "post", "sha256_of"]

_PLAIN = "identity"
"""Content encoding of answers: a compressed one could expand to any size."""


class HttpFailed(Exception):
    """A request was not sent, or got no usable answer. The text says why, without what the other system sent."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer of any status, in whole."""

    status: int
    body: bytes


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    largest: int,
    hosts: Collection[str] | None = (),
) -> HttpAnswer:
    """Send a POST request on a connection of its own, and return the answer.

    Redirects are not followed, and neither cookies nor proxies of the environment are used. It has no time limit:
    the caller sets one, and its cancellation closes the connection.

    Args:
        url: Where to. Only http and https.
        body: What to send.
        headers: Besides those that HTTP needs.
        largest: Most bytes of an answer.
        hosts: Hosts that may be asked although their addresses are private. None: any host may be asked, because the
            operator trusts the source of the URL. Else a station could make the core call any service in its network.

    Raises:
        HttpFailed: When the URL is invalid or not allowed, the connection fails, or the answer is too large.
    """
    async with _asked("POST", url, hosts, data=body, headers=headers) as response:
        return HttpAnswer(response.status, await _read(response, largest))


async def sha256_of(url: str, *, largest: int, hosts: Collection[str] = ()) -> bytes:
    """Return the SHA-256 of a file, which is read by a GET request piece by piece and not kept.

    As `post` does it, but a user and a password in the URL are sent as Basic authentication.

    Args:
        url: Where the file is. Only http and https.
        largest: Most bytes of the file.
        hosts: Hosts that may be asked although their addresses are private.

    Raises:
        HttpFailed: Also when the status is not 200.
    """
    with _failing():
        # Encoded as it is, because a signature in it may be over its spelling.
        target = URL(url, encoded=True)
        if target.scheme not in ("http", "https") or not target.raw_host:
            raise HttpFailed("its URL is not one of HTTP")
        headers = {}
        if target.user:
            login = base64.b64encode(f"{target.user}:{target.password or ''}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
    hashed, size = hashlib.sha256(), 0
    async with _asked("GET", target.with_user(None), hosts, headers=headers) as response:
        if response.status != 200:
            raise HttpFailed(f"its status is {response.status}")
        async for chunk in _chunks(response):
            hashed.update(chunk)
            size += len(chunk)
            if size > largest:
                raise HttpFailed(f"it is longer than {largest} bytes")
    return hashed.digest()


@contextlib.asynccontextmanager
async def _asked(
    method: str, url: str | URL, hosts: Collection[str] | None, *, headers: Mapping[str, str], data: bytes | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request on a connection of its own; the block reads the answer."""
    with _failing():
        target = URL(url)
        if target.scheme not in ("http", "https") or not target.raw_host or target.user or target.password:
            raise HttpFailed("its URL is not a plain HTTP URL")
        resolver = _Resolver(hosts)
        # aiohttp asks no resolver about an address in place of a name.
        await resolver.resolve(target.raw_host, target.port or 0)
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                auto_decompress=False,
            ) as session,
            session.request(
                method, target, data=data, headers={"Accept-Encoding": _PLAIN, **headers}, allow_redirects=False
            ) as response,
        ):
            yield response


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """Raise what goes wrong within a block as HttpFailed."""
    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise HttpFailed(reason_of(error)) from error


async def _read(response: aiohttp.ClientResponse, largest: int) -> bytes:
    found = bytearray()
    async for chunk in _chunks(response):
        found += chunk
        if len(found) > largest:
            raise HttpFailed(f"its answer is longer than {largest} bytes")
    return bytes(found)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    if response.headers.get("Content-Encoding", _PLAIN) != _PLAIN:
        raise HttpFailed("its answer is compressed")
    async for chunk in response.content.iter_any():
        yield chunk


class _Resolver(AbstractResolver):
    """Resolves names once, and refuses private addresses: a name may resolve to another address later."""

    def __init__(self, hosts: Collection[str] | None) -> None:
        self._allowed = None if hosts is None else {name.lower() for name in hosts}
        self._resolver = aiohttp.ThreadedResolver()
        self._found: dict[str, list[ResolveResult]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            HttpFailed: When one of them is private and the host is not allowed.
        """
        if host not in self._found:
            found = await self._resolver.resolve(host, port, socket.AF_UNSPEC)
            is_open = self._allowed is None or host.lower() in self._allowed
            if not found or not (is_open or all(_is_public(one["host"]) for one in found)):
                raise HttpFailed("its address is private")
            self._found[host] = found
        return self._found[host]

    async def close(self) -> None:
        """Release nothing: there is nothing to release."""


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_global
