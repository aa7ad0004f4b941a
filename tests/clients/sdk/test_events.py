"""Events are followed across lost streams: each once, none left out."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from citrine.events.v1.events_pb2 import Event, StationConnected
from citrine.events.v1.events_service_pb2 import SubscribeRequest, SubscribeResponse
from citrine_sdk import Backoff, Citrine
from citrine_sdk.events import follow_events
from tests.clients.scripted_core import ScriptedCore
from tests.clients.sdk.socketless import SocketlessChannel


class Waits:
    """Takes the place of sleeping, and remembers how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def backoff(self) -> Backoff:
        return Backoff(first=1.0, longest=8.0, random=lambda: 1.0, sleep=self.sleep)


def happened(token: str) -> SubscribeResponse:
    return SubscribeResponse(event=Event(token=token, station_id="CS-1", station_connected=StationConnected()))


def sign_of_life(token: str) -> SubscribeResponse:
    return SubscribeResponse(event=Event(token=token))


@pytest.fixture
def channel() -> SocketlessChannel:
    return SocketlessChannel()


@pytest.fixture
async def citrine(channel: SocketlessChannel) -> AsyncIterator[Citrine]:
    async with Citrine(channel=channel.as_channel()) as opened:
        yield opened


async def take(channel: SocketlessChannel) -> tuple[Any, Any]:
    _, request, stream = await channel.take_stream("events", "Subscribe")
    stream.send_initial_metadata(())
    return request, stream


def lose(stream: Any, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
    stream.terminate((), code, "lost")


async def test_an_event_that_comes_again_after_a_reconnect_is_yielded_once(
    channel: SocketlessChannel, citrine: Citrine
) -> None:
    """The second subscription resumes after the last token; what the core repeats is dropped."""
    waits = Waits()
    events = citrine.follow_events(["CS-1"], ["station_connected"], "0", backoff=waits.backoff())
    first = asyncio.ensure_future(anext(events))
    request, stream = await take(channel)
    assert (request.from_token, request.station_ids, request.kinds) == ("0", ["CS-1"], ["station_connected"])
    for token in ("1", "2"):
        stream.send_response(happened(token))
    assert [(await first).token, (await anext(events)).token] == ["1", "2"]

    third = asyncio.ensure_future(anext(events))
    lose(stream)
    request, stream = await take(channel)
    for token in ("1", "2", "3"):
        stream.send_response(happened(token))

    assert (await third).token == "3"
    assert request.from_token == "2"
    lose(stream)
    await events.aclose()


async def test_the_position_is_told_at_a_sign_of_life_once_what_is_before_it_was_handled(
    channel: SocketlessChannel, citrine: Citrine
) -> None:
    done = list[str]()

    async def follow() -> None:
        async for event in citrine.follow_events(on_position=lambda token: done.append(f"at {token}")):
            await asyncio.sleep(0)
            done.append(event.token)
            if event.token == "45":
                return

    following = asyncio.create_task(follow())
    _, stream = await take(channel)
    for response in (sign_of_life("40"), happened("41"), sign_of_life("44"), happened("45")):
        stream.send_response(response)
    await following

    assert done == ["at 40", "41", "at 44", "45"]


async def test_a_sign_of_life_moves_the_token_and_is_not_yielded(channel: SocketlessChannel, citrine: Citrine) -> None:
    waits, losses = Waits(), list[str]()
    events = citrine.follow_events(backoff=waits.backoff(), on_lost=losses.append)
    first = asyncio.ensure_future(anext(events))
    _, stream = await take(channel)
    stream.send_response(sign_of_life("41"))
    await channel.delivered.get()
    lose(stream)
    request, stream = await take(channel)
    stream.send_response(happened("42"))

    assert (await first).token == "42"
    assert request.from_token == "41"
    assert losses == ["UNAVAILABLE"]
    lose(stream)
    await events.aclose()


async def test_an_event_of_a_kind_that_is_not_known_yet_is_yielded(
    channel: SocketlessChannel, citrine: Citrine
) -> None:
    events = citrine.follow_events(backoff=Waits().backoff())
    first = asyncio.ensure_future(anext(events))
    _, stream = await take(channel)
    stream.send_response(SubscribeResponse(event=Event(token="7", station_id="CS-1")))

    assert (await first).token == "7"
    lose(stream)
    await events.aclose()


async def test_waits_grow_with_failures_and_start_again_after_a_message(
    channel: SocketlessChannel, citrine: Citrine
) -> None:
    waits = Waits()
    events = citrine.follow_events(backoff=waits.backoff())
    first = asyncio.ensure_future(anext(events))
    for _ in range(5):
        lose((await take(channel))[1])
    _, stream = await take(channel)
    stream.send_response(happened("1"))
    await first
    second = asyncio.ensure_future(anext(events))
    lose(stream)
    _, stream = await take(channel)
    stream.send_response(happened("2"))
    await second

    assert waits.seconds == [1.0, 2.0, 4.0, 8.0, 8.0, 1.0]
    lose(stream)
    await events.aclose()


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT],
    ids=lambda code: code.name,
)
async def test_a_refusal_ends_the_events(channel: SocketlessChannel, citrine: Citrine, code: grpc.StatusCode) -> None:
    waits = Waits()
    first = asyncio.ensure_future(anext(citrine.follow_events(backoff=waits.backoff())))
    lose((await take(channel))[1], code)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await first

    assert caught.value.code() is code
    assert waits.seconds == []


async def test_a_silent_stream_is_given_up(core: ScriptedCore) -> None:
    """A core that is gone without a word sends no sign of life either."""
    ended = threading.Event()

    def answer(request: SubscribeRequest, context: grpc.ServicerContext) -> Iterator[SubscribeResponse]:
        if len(core.seen) == 1:
            context.add_callback(ended.set)
            ended.wait()
        yield happened("1")

    core.on("Subscribe", answer)
    waits = Waits()
    async with Citrine(core.address, key="secret") as citrine:
        events = follow_events(citrine.events.Subscribe, backoff=waits.backoff(), silence=0.2)
        found = await anext(events)
        await events.aclose()

    assert found.token == "1"
    assert waits.seconds[0] == 1.0
    assert ended.is_set()
