"""Events across reconnects: each one once, from a token on, for as long as somebody listens."""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from dataclasses import dataclass, field

import grpc
from grpc.aio import UnaryStreamMultiCallable

from citrine.api.v1.events_pb2 import SubscribeRequest, SubscribeResponse
from citrine.events.v1.events_pb2 import Event

__all__ = ["Backoff", "follow_events"]

logger = logging.getLogger(__name__)

SILENCE_TIMEOUT = 45.0
"""Seconds without a message after which a stream is lost: the core sends a sign of life every 15."""

REMEMBERED_TOKENS = 10_000
"""Tokens of events kept to recognise one that comes again."""

# What a later attempt may cure. The rest is about the request, the key or the token.
_RETRIED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


@dataclass(frozen=True)
class Backoff:
    """How long to wait before the next attempt: a random part of a limit that doubles with each failure."""

    first: float = 0.25
    """Limit of the first wait, in seconds."""
    longest: float = 10.0
    """Limit that is not passed, in seconds."""
    random: Callable[[], float] = field(default=random.random)
    """Where the random part, from 0 to 1, comes from."""
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    """What waits."""

    def seconds(self, failures: int) -> float:
        """Return the wait after the given number of failures in a row, at least 1."""
        limit = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        # Half of it is certain, so that a core that refuses at once is not asked in a loop.
        return limit * (0.5 + self.random() / 2)


class _Seen:
    """The tokens of the latest events."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens: OrderedDict[str, None] = OrderedDict()

    def add(self, token: str) -> bool:
        """Remember a token. Return False where it is remembered already."""
        if token in self._tokens:
            return False
        self._tokens[token] = None
        if len(self._tokens) > self._limit:
            self._tokens.popitem(last=False)
        return True


async def follow_events(
    subscribe: UnaryStreamMultiCallable[SubscribeRequest, SubscribeResponse],
    *,
    stations: Collection[str] = (),
    kinds: Collection[str] = (),
    from_token: str = "",
    backoff: Backoff | None = None,
    silence: float = SILENCE_TIMEOUT,
    on_lost: Callable[[str], None] | None = None,
) -> AsyncGenerator[Event, None]:
    """Yield events as they are committed, each once, across lost connections and stopped cores.

    The token of the event that was handled last, given as `from_token`, goes on after it in another process. To
    stop, leave the loop and close the iterator; the stream to the core ends with it.

    Args:
        subscribe: `citrine.events.Subscribe`.
        stations: Only events of these stations. Empty: of all.
        kinds: Only bodies of these names, e.g. "transaction_ended". Empty: all.
        from_token: Resume after this token. Empty: from now on. "0": from the oldest event that is kept.
        backoff: How long to wait between attempts. None: up to 10 seconds.
        silence: Seconds without a message after which the stream counts as lost.
        on_lost: Called with the reason, in a few words, each time that the stream is lost or can't be opened; it is
            opened again afterwards.

    Raises:
        grpc.aio.AioRpcError: When the core refuses in a way that no later attempt cures, e.g. UNAUTHENTICATED, or
            OUT_OF_RANGE where the events after the token are no longer kept.
    """
    wait = backoff or Backoff()
    seen = _Seen(REMEMBERED_TOKENS)
    token = from_token
    failures = 0
    while True:
        reason = "the core ended the stream"
        request = SubscribeRequest(station_ids=stations, kinds=kinds, from_token=token)
        stream = subscribe(request)
        try:
            while True:
                async with asyncio.timeout(silence):
                    response = await stream.read()
                if not isinstance(response, SubscribeResponse):  # grpc.aio.EOF
                    break
                failures = 0
                event = response.event
                token = event.token or token
                # An event without a body is a sign of life; its token says how far the stream is.
                if event.WhichOneof("body") is None and not event.station_id:
                    continue
                if seen.add(event.token):
                    yield event
        except grpc.aio.AioRpcError as error:
            if error.code() not in _RETRIED:
                raise
            reason = error.code().name
            logger.info("event stream lost", extra={"code": reason})
        except TimeoutError:
            reason = f"nothing for {silence:g} s"
            logger.info("event stream silent", extra={"seconds": silence})
        finally:
            stream.cancel()
        failures += 1
        if on_lost is not None:
            on_lost(reason)
        await wait.sleep(wait.seconds(failures))
