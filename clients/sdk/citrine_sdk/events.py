"""A subscription to events that survives reconnects and yields each event once."""

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
"""Seconds without a message after which a stream counts as lost. The core sends a sign of life every 15 seconds."""

REMEMBERED_TOKENS = 10_000
"""Number of latest event tokens that are remembered to deduplicate events."""

# Codes after which a new attempt may succeed. The others are about the request, the key or the token.
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
    """Exponential backoff with jitter: the wait is a random part of a limit that doubles with each failure."""

    first: float = 0.25
    """Limit of the first wait, in seconds."""
    longest: float = 10.0
    """Highest limit, in seconds."""
    random: Callable[[], float] = field(default=random.random)
    """Returns random numbers from 0 to 1."""
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    """Waits the given seconds."""

    def seconds(self, failures: int) -> float:
        """Return the seconds to wait after a number of failures in a row, which is at least 1."""
        limit = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        # At least half of the limit, so that a core that refuses immediately is not called in a tight loop.
        return limit * (0.5 + self.random() / 2)


class _Seen:
    """The tokens of the latest events, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens: OrderedDict[str, None] = OrderedDict()

    def add(self, token: str) -> bool:
        """Add a token. Return False if it is present already."""
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

    To resume in another process, pass the token of the last handled event as `from_token`. To stop, leave the loop
    and close the iterator; this also ends the stream to the core.

    Args:
        subscribe: `citrine.events.Subscribe`.
        stations: Only events of these stations. Empty: of all.
        kinds: Only bodies of these names, e.g. "transaction_ended". Empty: all.
        from_token: Resume after this token. Empty: from now on. "0": from the oldest retained event.
        backoff: Waiting times between attempts. None: up to 10 seconds.
        silence: Seconds without a message after which the stream counts as lost.
        on_lost: Called with a short reason each time the stream is lost or can't be opened, before the next attempt.

    Raises:
        grpc.aio.AioRpcError: When the core refuses for good, e.g. UNAUTHENTICATED, or OUT_OF_RANGE if the events after
            the token are no longer retained.
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
                # An event without a body is a sign of life; its token is the position of the stream.
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
