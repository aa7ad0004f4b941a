"""`citrine transaction unmatched`, `citrine station update --allow-version`, and details of connectors."""

from citrine.api.v1.availability_pb2 import ConnectorDetail
from citrine.api.v1.stations_pb2 import Connector, Evse, Station
from citrine.api.v1.transactions_pb2 import (
    ListTransactionEventsResponse,
    ListUnmatchedEndsRequest,
    ListUnmatchedEndsResponse,
    Transaction,
    UnmatchedEnd,
)
from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_OCCUPIED
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore
from tests.support.charging import ended


def test_unmatched_ends_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    request = ended(2, 4000, transaction_id="-1", id_token="0A0B0C0D")
    end = UnmatchedEnd(station_id="CS-1", transaction_id="-1", request=request)
    core.on("ListUnmatchedEnds", ListUnmatchedEndsResponse(ends=[end]))

    ran = citrine("transaction", "unmatched", "--station", "CS-1")

    assert ran.lines[1].split()[:2] == ["-1", "CS-1"]
    assert ran.lines[1].split()[-3:] == ["0A0B0C0D", "4", "kWh"]
    [asked] = core.requests("ListUnmatchedEnds")
    assert asked.station_id == ListUnmatchedEndsRequest(station_id="CS-1").station_id
    assert citrine("transaction", "unmatched", "--json").json[0]["transactionId"] == "-1"


def test_that_there_are_none_is_said(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListUnmatchedEnds", ListUnmatchedEndsResponse())

    assert citrine("transaction", "unmatched").lines == ["no unmatched ends"]


def test_that_events_have_no_numbers_is_said(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransaction", Transaction(transaction_id="4711", station_id="CS-1", events=3, unnumbered=True))
    core.on("ListTransactionEvents", ListTransactionEventsResponse())

    assert "3, not numbered" in citrine("transaction", "show", "4711", "--station", "CS-1").out


def test_a_station_is_pinned_to_versions(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateStation", Station(station_id="CS-1"))

    citrine("station", "update", "CS-1", "--allow-version", "1.6", "--allow-version", "2.0.1")
    citrine("station", "update", "CS-1", "--allow-version", "any")

    pinned, free = core.requests("UpdateStation")
    assert list(pinned.station.allowed_versions) == ["1.6", "2.0.1"]
    assert list(free.station.allowed_versions) == []
    assert list(pinned.update_mask.paths) == list(free.update_mask.paths) == ["allowed_versions"]


def test_the_detail_of_a_connector_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    detail = ConnectorDetail(state=ConnectorDetail.STATE_SUSPENDED_EV, error_code="HighTemperature", info="fan")
    connector = Connector(connector_id=1, status=CONNECTOR_STATUS_ENUM_OCCUPIED, detail=detail)
    station = Station(station_id="CS-1", allowed_versions=["1.6"], evses=[Evse(evse_id=1, connectors=[connector])])
    core.on("GetStation", station)

    output = citrine("station", "show", "CS-1").out

    assert "suspended ev, HighTemperature, fan" in output
    assert "versions" in output
