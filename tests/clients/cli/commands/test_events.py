"""`citrine events` and `citrine messages`: one line for each, as they come."""

import json
from collections.abc import Iterator

import grpc

from citrine.events.v1.events_pb2 import Event, StationConnected
from citrine.events.v1.events_service_pb2 import (
    SubscribeRequest,
    SubscribeResponse,
    WatchMessagesRequest,
    WatchMessagesResponse,
)
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def subscription(*tokens: str) -> list[SubscribeResponse]:
    connected = StationConnected(epoch=1, ocpp_version="2.1", remote_address="10.0.0.1")
    return [
        SubscribeResponse(event=Event(token=token, station_id="CS-1", station_connected=connected)) for token in tokens
    ]


def then_gone(request: SubscribeRequest, context: grpc.ServicerContext) -> Iterator[SubscribeResponse]:
    """Two events, and nothing after the second."""
    if request.from_token == "2":
        context.abort(grpc.StatusCode.OUT_OF_RANGE, "no longer kept")
    yield from subscription("1", "2")


def test_events_are_lines_with_their_tokens(citrine: Cli, core: ScriptedCore) -> None:
    core.on("Subscribe", then_gone)

    ran = citrine("events", "--station", "CS-1", "--from", "0")

    assert (ran.code, ran.err) == (1, "error: no longer kept\n")
    assert [line.split("  ", 1)[1] for line in ran.lines] == [
        f"CS-1  connected with OCPP 2.1 from 10.0.0.1  [{token}]" for token in ("1", "2")
    ]
    assert core.requests("Subscribe")[0] == SubscribeRequest(station_ids=["CS-1"], from_token="0")


def test_events_are_json_lines(citrine: Cli, core: ScriptedCore) -> None:
    core.on("Subscribe", then_gone)

    lines = [json.loads(line) for line in citrine("events", "--json").lines]

    assert [line["token"] for line in lines] == ["1", "2"]
    assert lines[0]["stationConnected"]["ocppVersion"] == "2.1"


def test_messages_are_frames_with_their_direction(citrine: Cli, core: ScriptedCore) -> None:
    def frames(request: WatchMessagesRequest, context: grpc.ServicerContext) -> Iterator[WatchMessagesResponse]:
        yield WatchMessagesResponse()
        yield WatchMessagesResponse(station_id="CS-1", from_station=True, frame='[2,"1","Heartbeat",{}]')
        yield WatchMessagesResponse(station_id="CS-1", frame='[3,"1",{}]')
        context.abort(grpc.StatusCode.UNAVAILABLE, "the core stops")

    core.on("WatchMessages", frames)

    ran = citrine("messages", "CS-1")

    assert (ran.code, ran.err) == (1, "error: the core stops\n")
    assert [line.split("  ", 1)[1] for line in ran.lines] == ['CS-1 < [2,"1","Heartbeat",{}]', 'CS-1 > [3,"1",{}]']
    assert core.requests("WatchMessages") == [WatchMessagesRequest(station_ids=["CS-1"])]
