"""A subscription to events that survives reconnects and yields each event once."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection

import grpc
from grpc.aio import UnaryStreamMultiCallable

from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import SubscribeRequest, SubscribeResponse
from citrine_sdk.backoff import RETRIED, Backoff

__all__ = ["event_position", "follow_events"]

logger = logging.getLogger(__name__)

SILENCE_TIMEOUT = 45.0
"""Seconds without a message after which a stream counts as lost. The core sends a sign of life every 15 seconds."""

REMEMBERED_TOKENS = 10_000
"""Number of latest event tokens that are remembered to deduplicate events."""


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


async def event_position(
    subscribe: UnaryStreamMultiCallable[SubscribeRequest, SubscribeResponse], *, stations: Collection[str] = ()
) -> str:
    """Return the token of the latest event.

    Whoever reads the current state after that, and then follows the events from this token, misses nothing.

    Args:
        subscribe: `citrine.events.Subscribe`.
        stations: Those whose events are followed then. Empty: all.

    Raises:
        grpc.aio.AioRpcError: When the call fails.
    """
    stream = subscribe(SubscribeRequest(station_ids=stations))
    try:
        # The first message is a sign of life.
        first = await stream.read()
        return first.event.token if isinstance(first, SubscribeResponse) else ""
    finally:
        stream.cancel()


async def follow_events(
    subscribe: UnaryStreamMultiCallable[SubscribeRequest, SubscribeResponse],
    *,
    stations: Collection[str] = (),
    kinds: Collection[str] = (),
    from_token: str = "",
    include_samples: bool = False,
    backoff: Backoff | None = None,
    silence: float = SILENCE_TIMEOUT,
    on_lost: Callable[[str], None] | None = None,
    on_position: Callable[[str], None] | None = None,
) -> AsyncGenerator[Event, None]:
    """Yield events as they are committed, each once, across lost connections and stopped cores.

    To resume in another process, pass the token of the last handled event as `from_token`, or the later one that
    `on_position` was called with: where no event comes for longer than events are retained, only that one is still
    valid. To stop, leave the loop
    and close the iterator; this also ends the stream to the core.

    Args:
        subscribe: `citrine.events.Subscribe`.
        stations: Only events of these stations. Empty: of all.
        kinds: Only bodies of these names, e.g. "transaction_ended". Empty: all.
        from_token: Resume after this token. Empty: from now on. "0": from the oldest retained event.
        include_samples: Events of transactions and of meter values come with the meter values themselves.
        backoff: Waiting times between attempts. None: up to 10 seconds.
        silence: Seconds without a message after which the stream counts as lost.
        on_lost: Called with a short reason each time the stream is lost or can't be opened, before the next attempt.
        on_position: Called with the position of the stream at each sign of life, once the loop has handled all events
            up to there. Signs come when nothing was sent for 15 seconds.

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
        request = SubscribeRequest(station_ids=stations, kinds=kinds, from_token=token, include_samples=include_samples)
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
                    if on_position is not None:
                        on_position(token)
                    continue
                if seen.add(event.token):
                    yield event
        except grpc.aio.AioRpcError as error:
            if error.code() not in RETRIED:
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
