"""Each action of operations, on three stations of which one is offline: what stations are sent, and what is shown."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from citrine.api.v1 import operations_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import AcceptStationRequest, GetStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1.link_pb2 import Command
from citrine.ocpp.actions import action_of, unwrap
from citrine.ocpp.codec import decode, encode
from citrine.ocpp.v2.local_auth_list_pb2 import GetLocalListVersionRequest, SendLocalListRequest
from tests.core.resources.operations.test_operations import CS_1_TO_3, Yard
from tests.end_to_end.test_operations import ACTIONS
from tests.support.core import running_core
from tests.support.databases import administrate, copy_template
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = CS_1_TO_3[:2]

SKIPPED = ("SKIPPED", "", "the station is not connected")

_OF_ITEMS: dict[str, tuple[str, str, tuple[str, ...], dict[str, Any]]] = {
    "SetVariables": (
        "setVariableData",
        "setVariableResult",
        ("component", "variable"),
        {"attributeStatus": "Accepted"},
    ),
    "GetVariables": (
        *("getVariableData", "getVariableResult", ("component", "variable")),
        {"attributeStatus": "Accepted", "attributeValue": "3600"},
    ),
    "SetVariableMonitoring": (
        *("setMonitoringData", "setMonitoringResult", ("component", "variable", "type", "severity")),
        {"id": 1, "status": "Accepted"},
    ),
}
"""Field of the items, field of their results, what a result says of its item, and what else it says."""


def answer(command: Command) -> Message:
    """Return what a station answers that does all that it is asked."""
    request = unwrap(command.request)
    action, content = action_of(request), encode(request)
    payload: dict[str, Any] = {"status": "Unlocked" if action.name == "UnlockConnector" else "Accepted"}
    if isinstance(request, GetLocalListVersionRequest):
        payload = {"versionNumber": 0}
    elif action.name == "ClearVariableMonitoring":
        payload = {"clearMonitoringResult": [{"id": number, "status": "Accepted"} for number in content["id"]]}
    elif action.name in _OF_ITEMS:
        items, results, names, more = _OF_ITEMS[action.name]
        payload = {results: [{name: item[name] for name in names} | more for item in content[items]]}
    assert action.response is not None
    return decode(action.response, payload)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a database of each kind in turn with our tables."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        file = tmp_path_factory.mktemp("database") / "citrine.db"
        yield f"sqlite+aiosqlite:///{shutil.copy(template, file)}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        asyncio.run(copy_template(server, "operation_actions"))
        yield server.url("operation_actions")
        asyncio.run(administrate(server, "DROP DATABASE operation_actions WITH (FORCE)"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def yard(url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Yard]:
    """CS-1 and CS-2, which do what they are asked, and CS-3, which is not connected."""
    async with running_core(url, tmp_path_factory.mktemp("core")) as core, core.edge() as edge:
        edge.on_command = answer
        found = Yard(core, edge)
        await found.add(*CS_1_TO_3)
        await found.connect(*HERE)
        yield found


def says(found: Any, wanted: Any) -> bool:
    """Return whether what a station is sent says what was wanted; the core adds ids, versions and times."""
    if isinstance(wanted, dict):
        return all(name in found and says(found[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(says, found, wanted))
    return bool(found == wanted)


async def done(yard: Yard, action: pb.OperationAction, *station_ids: str) -> list[tuple[str, str, str]]:
    """Do an action, and return state, status and reason of each station."""
    selection = pb.OperationSelection(stations=StationSelector(station_ids=station_ids))
    operation = await yard.ended(await yard.create(action, selection=selection))
    name, prefix = pb.OperationResultState.Name, "OPERATION_RESULT_STATE_"
    return [(name(one.state).removeprefix(prefix), one.status, one.reason) for one in await yard.results(operation)]


@pytest.mark.in_turn
@pytest.mark.parametrize("name", ACTIONS)
async def test_an_action_reaches_the_stations_that_are_connected(yard: Yard, name: str) -> None:
    message, status = ACTIONS[name]
    action = ParseDict({name: {"request": message}}, pb.OperationAction())
    wanted = getattr(action, action.WhichOneof("action") or "").request
    before = len(yard.edge.commands)

    found = await done(yard, action, *CS_1_TO_3)

    assert found == [("SUCCEEDED", status, ""), ("SUCCEEDED", status, ""), SKIPPED]
    sent = [(one.session.station_id, unwrap(one.request)) for one in yard.edge.commands[before:]]
    sent = [(station_id, request) for station_id, request in sent if isinstance(request, type(wanted))]
    assert sorted(station_id for station_id, _ in sent) == HERE
    assert all(says(MessageToDict(request), MessageToDict(wanted)) for _, request in sent)


async def test_local_lists_of_the_stations_that_are_connected_are_brought_up_to_date(yard: Yard) -> None:
    before = len(yard.edge.commands)

    found = await done(yard, ParseDict({"syncLocalList": {"full": True}}, pb.OperationAction()), *CS_1_TO_3)

    assert found == [("SUCCEEDED", "Accepted", ""), ("SUCCEEDED", "Accepted", ""), SKIPPED]
    sent = [one for one in yard.edge.commands[before:] if isinstance(unwrap(one.request), SendLocalListRequest)]
    assert sorted(one.session.station_id for one in sent) == HERE


async def test_stations_that_are_held_are_accepted_connected_or_not(yard: Yard) -> None:
    held = [f"H-{number}" for number in (1, 2, 3)]
    await yard.add(*held, held_time=yard.core.core.services.clock())
    before = len(yard.edge.commands)

    found = await done(yard, pb.OperationAction(accept_station=AcceptStationRequest(description="found")), *held)

    assert [state for state, _, _ in found] == ["SUCCEEDED"] * 3
    stations: Any = yard.core.stub(StationsServiceStub)
    shown = [await stations.GetStation(GetStationRequest(station_id=station_id)) for station_id in held]
    assert [(one.description, one.HasField("held_time")) for one in shown] == [("found", False)] * 3
    assert len(yard.edge.commands) == before


async def test_each_action_has_its_test() -> None:
    """But firmware by campaigns."""
    actions = {field.json_name for field in pb.OperationAction.DESCRIPTOR.fields}

    assert actions == {*ACTIONS, "syncLocalList", "acceptStation"}
