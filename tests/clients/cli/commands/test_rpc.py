"""`citrine rpc`: any rpc by its name, with JSON in and out."""

from collections.abc import Iterator

import pytest

from citrine.api.v1.stations_pb2 import GetStationRequest, Station
from citrine.events.v1.events_pb2 import Event, StationConnected
from citrine.events.v1.events_service_pb2 import SubscribeResponse
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


@pytest.mark.parametrize(
    "name", ["GetStation", "StationsService/GetStation", "citrine.api.v1.StationsService/GetStation"]
)
@pytest.mark.parametrize("field", ["stationId", "station_id"])
def test_an_rpc_is_called_by_its_name_with_fields_in_either_spelling(
    citrine: Cli, core: ScriptedCore, name: str, field: str
) -> None:
    core.on("GetStation", Station(station_id="CS-1", connected=True))

    ran = citrine("rpc", name, f'{{"{field}": "CS-1"}}')

    assert (ran.code, ran.json) == (0, {"stationId": "CS-1", "connected": True})
    assert core.requests("GetStation") == [GetStationRequest(station_id="CS-1")]


def test_a_stream_is_printed_line_by_line_and_may_end_early(citrine: Cli, core: ScriptedCore) -> None:
    def endless(*_: object) -> Iterator[SubscribeResponse]:
        while True:
            yield SubscribeResponse(event=Event(token="1", station_id="CS-1", station_connected=StationConnected()))

    core.on("Subscribe", endless)

    ran = citrine("rpc", "Subscribe", "--count", "2")

    line = '{"event":{"token":"1","stationId":"CS-1","stationConnected":{}}}'
    assert (ran.code, ran.lines) == (0, [line, line])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["GetStatoin"], "is no rpc of the API, did you mean GetStation?", id="misspelt"),
        pytest.param(["TokensService/GetStation"], "is no rpc of the API", id="of another service"),
        pytest.param(["GetStation", '{"stationID": "CS-1"}'], 'no field named "stationID"', id="no such field"),
        pytest.param(["GetStation", "{"], "the request is not JSON", id="no JSON"),
        pytest.param(["GetStation", "[]"], "the request is no GetStationRequest", id="no object"),
    ],
)
def test_a_call_that_can_not_be_right_is_not_sent(
    citrine: Cli, core: ScriptedCore, arguments: list[str], said: str
) -> None:
    ran = citrine("rpc", *arguments)

    assert ran.code == 2
    assert said in ran.err
    assert not core.requests("GetStation")
