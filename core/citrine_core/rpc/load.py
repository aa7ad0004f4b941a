"""Limits of the load by callers: concurrent rpcs per key, per tenant and in total, and the size of requests."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError, Message

from citrine_core.errors import InvalidArgument, Overloaded
from citrine_core.rpc.access import EDGE_LINK
from citrine_core.rpc.caller import Caller

__all__ = ["LARGEST_REQUEST", "Load", "Reader", "largest_request"]

LARGEST_REQUEST = 8 * 1024 * 1024
"""Most bytes of a request of any method: a local list, or a batch of an edge that catches up after an outage."""

LARGE_REQUEST = 4 * 1024 * 1024
"""Most bytes of a request of methods that need no more."""

_LARGE_METHODS = ("LocalAuthListService/SendLocalList", "LocalAuthListService/UpdateLocalList", f"{EDGE_LINK}/Link")

CALLS = 2000
"""Most concurrent rpcs with one response."""

CALLS_OF_KEY = 1000
"""Most of them with the same key."""

CALLS_OF_TENANT = 1500
"""Most of them of the same tenant, so that others have places left. The operator is none."""

STREAMS = 1000
"""Most concurrent streams, without the links of edges."""

STREAMS_OF_KEY = 400
"""Most of them with the same key."""

STREAMS_OF_TENANT = 700
"""Most of them of the same tenant."""

PUBLIC = 100
"""Most concurrent rpcs, and as many streams, of services that need no key: health and reflection."""

PUBLIC_READINGS = 2
"""Most requests read concurrently for services that need no key; each may be as large as any."""

READ_TIMEOUT = 60.0
"""Seconds within which a caller must send its request."""

PUBLIC_READ_TIMEOUT = 5.0
"""The same for services that need no key."""


class Load:
    """Counts the rpcs in progress. Links of edges are not counted, so that callers can't lock them out.

    Calls and streams have separate limits, so that long streams lock out no calls.
    """

    def __init__(self) -> None:
        self._calls = _Counts("calls", lambda: (CALLS_OF_KEY, CALLS_OF_TENANT, CALLS))
        self._streams = _Counts("streams", lambda: (STREAMS_OF_KEY, STREAMS_OF_TENANT, STREAMS))
        self.readings = asyncio.Semaphore(PUBLIC_READINGS)

    def check(self, caller: Caller | None) -> None:
        """Check, before its request is read, whether one more rpc with one response may begin.

        Raises:
            Overloaded: When there are too many.
        """
        self._calls.check(caller)

    @contextlib.contextmanager
    def call(self, caller: Caller | None, method: str) -> Iterator[None]:
        """Count an rpc with one response within a block.

        Raises:
            Overloaded: When there are too many.
        """
        with self._counted(self._calls, caller, method):
            yield

    @contextlib.contextmanager
    def stream(self, caller: Caller | None, method: str) -> Iterator[None]:
        """Count a stream within a block.

        Raises:
            Overloaded: When there are too many.
        """
        with self._counted(self._streams, caller, method):
            yield

    @contextlib.contextmanager
    def _counted(self, counts: "_Counts", caller: Caller | None, method: str) -> Iterator[None]:
        if method.startswith(f"/{EDGE_LINK}/"):
            yield
            return
        counts.check(caller)
        counts.add(caller, 1)
        try:
            yield
        finally:
            counts.add(caller, -1)


class _Counts:
    """Rpcs in progress of one kind.

    Args:
        what: Of what kind, in errors.
        limits: Returns the most of one key, of one tenant, and of all.
    """

    def __init__(self, what: str, limits: Callable[[], tuple[int, int, int]]) -> None:
        self._what = what
        self._limits = limits
        self._keys: Counter[str | None] = Counter()
        self._tenants: Counter[str] = Counter()

    def check(self, caller: Caller | None) -> None:
        """Check whether one more may begin."""
        of_key, of_tenant, most = self._limits()
        key = _key_of(caller)
        if self._keys[key] >= (PUBLIC if key is None else of_key):
            raise Overloaded(f"{self._what} without a key" if key is None else f"{self._what} with this key")
        if caller is None:
            return
        if not caller.is_operator and self._tenants[caller.tenant_id] >= of_tenant:
            raise Overloaded(f"{self._what} of this tenant")
        if self._keys.total() - self._keys[None] >= most:
            raise Overloaded(self._what)

    def add(self, caller: Caller | None, number: int) -> None:
        """Count one that begins (1) or ends (-1)."""
        _add(self._keys, _key_of(caller), number)
        if caller is not None and not caller.is_operator:
            _add(self._tenants, caller.tenant_id, number)


def _add(counts: Counter[Any], of: Any, number: int) -> None:
    counts[of] += number
    if not counts[of]:
        del counts[of]


def _key_of(caller: Caller | None) -> str | None:
    return None if caller is None else caller.key_id or caller.name


class Reader:
    """Reads the requests of one method, after their caller was identified.

    Args:
        method: Path of the rpc.
        parse: Parses a message from bytes.
        load: The counts of the server.
    """

    def __init__(self, method: str, parse: Any, load: Load) -> None:
        self._parse = parse
        self._load = load
        self._largest = largest_request(method)

    async def one(self, read: Callable[[], Awaitable[Any]], caller: Caller | None) -> Message:
        """Return the one request of an rpc.

        Args:
            read: Returns the next request in bytes. Not the iterator over requests, which references the last one
                for long.
            caller: None for a service that needs no key.

        Raises:
            InvalidArgument: When no request arrives in time, or it is too large, or can't be parsed.
        """
        seconds = PUBLIC_READ_TIMEOUT if caller is None else READ_TIMEOUT
        try:
            async with asyncio.timeout(seconds), self._load.readings if caller is None else contextlib.nullcontext():
                return self.message(await read())
        except TimeoutError:
            raise InvalidArgument("request", f"did not come within {seconds:.0f} seconds") from None

    async def each(self, requests: AsyncIterator[bytes]) -> AsyncIterator[Message]:
        """Yield the requests of a stream as they arrive."""
        async for request in requests:
            yield self.message(request)

    def message(self, request: Any) -> Message:
        """Parse a request from bytes.

        Raises:
            InvalidArgument: When there are no bytes, or too many, or they can't be parsed.
        """
        if not isinstance(request, bytes):
            raise InvalidArgument("request", "is missing")
        size = len(request)
        try:
            message: Message | None = self._parse(request) if size <= self._largest else None
        except DecodeError:
            raise InvalidArgument("request", "is no message of the type that this method takes") from None
        finally:
            # The traceback of an error references its frames, and they their local variables.
            del request
        if message is None:
            raise InvalidArgument("request", f"has {size} bytes, and {self._largest} are allowed")
        return message


def largest_request(method: str) -> int:
    """Return the most bytes that a request of a method may have."""
    return LARGEST_REQUEST if method.endswith(_LARGE_METHODS) else LARGE_REQUEST
