"""Reports are followed to their end, across lost streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import reports_pb2 as pb
from citrine_sdk import Backoff, Citrine
from tests.clients.sdk.socketless import SocketlessChannel

ASKED = pb.ReportRun(request_id=7, state=pb.REPORT_STATE_REQUESTED)
HALF = pb.ReportRun(request_id=7, state=pb.REPORT_STATE_RECEIVING, parts=1)
WHOLE = pb.ReportRun(request_id=7, state=pb.REPORT_STATE_COMPLETE, parts=2, finish_time=Timestamp(seconds=1))


async def at_once(seconds: float) -> None:
    """Take the place of sleeping."""


@pytest.fixture
def channel() -> SocketlessChannel:
    return SocketlessChannel()


@pytest.fixture
async def citrine(channel: SocketlessChannel) -> AsyncIterator[Citrine]:
    async with Citrine(channel=channel.as_channel()) as opened:
        yield opened


async def follow(citrine: Citrine) -> list[pb.ReportRun]:
    return [run async for run in citrine.follow_report("CS-1", 7, pb.REPORT_KIND_LOG, backoff=Backoff(sleep=at_once))]


async def answer(channel: SocketlessChannel, *runs: pb.ReportRun, code: grpc.StatusCode) -> Any:
    _, request, stream = await channel.take_stream("reports", "WatchReportRun")
    stream.send_initial_metadata(())
    for run in runs:
        stream.send_response(run)
        # A stream that fails drops what was not read yet.
        await channel.delivered.get()
    stream.terminate((), code, "over")
    return request


async def test_report_is_followed_across_a_lost_stream(channel: SocketlessChannel, citrine: Citrine) -> None:
    following = asyncio.ensure_future(follow(citrine))
    request = await answer(channel, ASKED, HALF, code=grpc.StatusCode.UNAVAILABLE)
    await answer(channel, HALF, WHOLE, code=grpc.StatusCode.OK)

    assert await following == [ASKED, HALF, WHOLE]
    assert request == pb.WatchReportRunRequest(station_id="CS-1", kind=pb.REPORT_KIND_LOG, request_id=7)


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        pytest.param([], grpc.StatusCode.UNAVAILABLE, id="never reached"),
        pytest.param([ASKED], grpc.StatusCode.NOT_FOUND, id="deleted meanwhile"),
    ],
)
async def test_report_that_can_not_be_followed_says_so(
    channel: SocketlessChannel, citrine: Citrine, runs: list[pb.ReportRun], code: grpc.StatusCode
) -> None:
    following = asyncio.ensure_future(follow(citrine))
    await answer(channel, *runs, code=code)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await following
    assert error.value.code() == code
