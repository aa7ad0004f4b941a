"""The progress line of a call that waits for a station: which station, since when, and how far."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import Message

from citrine_cli.progress import progress_line
from citrine_words.times import duration_words

if TYPE_CHECKING:
    from citrine_sdk import Citrine

__all__ = ["StationWait"]

LOOK = 1.0
"""Seconds until the first line, and between updates. Most stations answer within that time."""

MANY = 10
"""Fewest items of a request that the core may have to send in several messages."""

_HowFar = Callable[[], Awaitable[str]]


# Any, because interceptors apply to methods of all types.
class StationWait(grpc.aio.UnaryUnaryClientInterceptor):
    """Shows a line for each call to a station that is not answered within a second.

    For a list with several pages it shows the number of received items.
    """

    def __init__(self) -> None:
        self.citrine: Citrine | None = None
        """The client with which the progress is read."""
        self._listed = 0

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        if "page_token" in request.DESCRIPTOR.fields_by_name:
            return await self._page(continuation, client_call_details, request)
        station_id = _station_of(request)
        if not station_id or self.citrine is None:
            return await continuation(client_call_details, request)
        how_far = await self._how_far(station_id, request)
        call = await continuation(client_call_details, request)
        line = asyncio.create_task(_show(station_id, how_far))
        ended = asyncio.ensure_future(call)
        try:
            await asyncio.wait([ended])
        finally:
            line.cancel()
            await asyncio.wait([line])
        if not ended.cancelled():
            # Retrieved so that asyncio does not log it; the caller gets the error.
            ended.exception()
        return call

    async def _page(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        with progress_line(is_wanted=bool(request.page_token)) as line:
            self._listed = self._listed if request.page_token else 0
            line.show(f"{self._listed} so far")
            call = await continuation(client_call_details, request)
            with contextlib.suppress(grpc.aio.AioRpcError):
                self._listed += _items(await call)
        return call

    async def _how_far(self, station_id: str, request: Message) -> _HowFar | None:
        """Return a function that reads the progress of a request with many messages, or None."""
        if request.DESCRIPTOR.name == "SyncLocalListRequest":
            return lambda: self._confirmed_tokens(station_id)
        if "request" not in request.DESCRIPTOR.fields_by_name or _items(request.request) < MANY:  # type: ignore[attr-defined]
            return None
        with contextlib.suppress(grpc.aio.AioRpcError):
            before = await self._newest_commands(station_id, 1)
            last = before[0].command_id if before else ""
            return lambda: self._answered_messages(station_id, last)
        return None

    async def _confirmed_tokens(self, station_id: str) -> str:
        from citrine.api.v1.local_auth_list_pb2 import GetLocalListRequest

        assert self.citrine is not None
        found = await self.citrine.local_auth_list.GetLocalList(GetLocalListRequest(station_id=station_id))
        return f"{max(found.entries - found.differences, 0)} of {found.entries} tokens confirmed"

    async def _answered_messages(self, station_id: str, last: str) -> str:
        from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED

        answered = 0
        for command in await self._newest_commands(station_id, 1000):
            if command.command_id == last:
                break
            answered += command.state == COMMAND_STATE_ANSWERED
        return f"{answered} message{'' if answered == 1 else 's'} answered"

    async def _newest_commands(self, station_id: str, count: int) -> Any:
        from citrine.api.v1.commands_pb2 import ListCommandsRequest

        assert self.citrine is not None
        request = ListCommandsRequest(station_id=station_id, page_size=count)
        return (await self.citrine.commands.ListCommands(request)).commands


async def _show(station_id: str, how_far: _HowFar | None) -> None:
    began = time.monotonic()
    await asyncio.sleep(LOOK)
    with progress_line() as line:
        while True:
            said = ""
            if how_far is not None:
                # The key may lack the scope to read commands.
                with contextlib.suppress(grpc.aio.AioRpcError):
                    said = f"{await how_far()}, "
            waited = duration_words(timedelta(seconds=round(time.monotonic() - began)))
            line.show(f"waiting for {station_id}: {said}{waited}")
            await asyncio.sleep(LOOK)


def _station_of(request: Message) -> str:
    """Return the station that must answer a request; empty if none must, or if the request may wait for it."""
    if "target" not in request.DESCRIPTOR.fields_by_name:
        return ""
    target: Any = request.target  # type: ignore[attr-defined]
    return "" if target.when_online else str(getattr(target, "station_id", ""))


def _items(message: Message) -> int:
    """Return the length of the longest list in a message."""
    return max((len(value) for field, value in message.ListFields() if field.is_repeated), default=0)
