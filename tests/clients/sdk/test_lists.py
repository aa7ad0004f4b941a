"""Lists are read page by page."""

import asyncio
from typing import Any

import grpc
import pytest

from citrine.api.v1.stations_pb2 import GetStationRequest, ListStationsRequest, ListStationsResponse, Station
from citrine_sdk import Citrine
from tests.clients.sdk.socketless import SocketlessChannel


async def answer(channel: SocketlessChannel, response: ListStationsResponse) -> Any:
    _, request, call = await channel.take_unary("stations", "ListStations")
    call.send_initial_metadata(())
    call.terminate(response, (), grpc.StatusCode.OK, "")
    return request


async def test_pages_are_asked_for_until_the_last() -> None:
    channel = SocketlessChannel()
    request = ListStationsRequest(page_size=1, connected_only=True)
    async with Citrine(channel=channel.as_channel()) as citrine:
        pages = citrine.pages(citrine.stations.ListStations, request)
        first = asyncio.ensure_future(anext(pages))
        asked_first = await answer(
            channel, ListStationsResponse(stations=[Station(station_id="A")], next_page_token="A")
        )
        found = [(await first).stations[0].station_id]
        second = asyncio.ensure_future(anext(pages))
        asked_second = await answer(channel, ListStationsResponse(stations=[Station(station_id="B")]))
        found.append((await second).stations[0].station_id)
        ended = await anext(pages, None)

    assert found == ["A", "B"]
    assert ended is None
    assert asked_first == request
    assert asked_second == ListStationsRequest(page_size=1, connected_only=True, page_token="A")


async def test_a_method_that_is_no_list_is_refused() -> None:
    channel = SocketlessChannel()
    async with Citrine(channel=channel.as_channel()) as citrine:
        with pytest.raises(TypeError, match="GetStationRequest"):
            await anext(citrine.pages(citrine.stations.GetStation, GetStationRequest()))
