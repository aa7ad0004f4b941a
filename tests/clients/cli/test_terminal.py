"""The command line on a real terminal: colours, widths, zones."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1.stations_pb2 import CreateStationResponse, Station, StationAddress
from citrine.api.v1.transactions_pb2 import (
    GetTransactionRequest,
    ListTransactionEventsResponse,
    ListTransactionsResponse,
    Transaction,
)
from citrine.events.v1.events_pb2 import Event, TransactionSummary, TransactionUpdated
from citrine.events.v1.events_service_pb2 import SubscribeRequest, SubscribeResponse
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_CHARGING
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore
from tests.support.terminal import OnTerminal, on_terminal

GREEN = "\x1b[32m"
ID = "8f14e45f-ceea-467f-a0e6-5b2f1a3c9d10"


def missing(request: GetTransactionRequest, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.NOT_FOUND, "transaction 8f does not exist")


@pytest.fixture
def listing(core: ScriptedCore) -> ScriptedCore:
    """A core that lists a transaction of the north, and one with a name in Chinese."""
    one = Transaction(transaction_id=ID, station_id="STATION-OF-THE-NORTH-1", evse_id=12, energy_wh=1500.0)
    one.charging_state = CHARGING_STATE_ENUM_CHARGING
    one.start_time.FromJsonString("2025-01-01T12:00:00Z")
    two = Transaction(transaction_id="T-2", station_id="充电站🔌", energy_wh=12.0)
    core.on("ListTransactions", ListTransactionsResponse(transactions=[one, two]))
    return core


def listed(
    core: ScriptedCore, directory: Path, *options: str, columns: int = 80, environment: Mapping[str, str] | None = None
) -> OnTerminal:
    ran = on_terminal(
        *options,
        *("transaction", "list"),
        columns=columns,
        directory=directory,
        CITRINE_CORE=core.address,
        CITRINE_KEY="secret",
        **(environment or {}),
    )
    assert ran.code == 0, ran.text
    return ran


def test_states_have_colours_on_a_terminal(listing: ScriptedCore, tmp_path: Path) -> None:
    ran = listed(listing, tmp_path)

    assert f"{GREEN}Charging" in ran.raw
    heading, one, two = ran.lines
    assert one.split() == ["8f14e45f", "STATION-OF-THE-NORTH-1", "12", "Charging", "1.500", "kWh", *one.split()[6:]]
    assert "充电站🔌" in two
    # Widths are those of what is seen: the energy of both ends in the same column, where two columns make a character.
    assert one.index("kWh") == two.index("kWh") + 4
    assert heading.index("ENERGY") + len("ENERGY") == one.index("kWh") + 3


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (["--no-color"], {}),
        ([], {"NO_COLOR": "1"}),
        ([], {"TERM": "dumb"}),
        (["--json"], {}),
    ],
    ids=["--no-color", "NO_COLOR", "dumb terminal", "--json"],
)
def test_there_is_not_one_code_where_colours_are_not_wanted(
    listing: ScriptedCore, tmp_path: Path, options: list[str], environment: dict[str, str]
) -> None:
    assert "\x1b" not in listed(listing, tmp_path, *options, environment=environment).raw


def test_json_is_what_the_api_says_wherever_it_is_read(listing: ScriptedCore, tmp_path: Path) -> None:
    assert (
        '"startTime": "2025-01-01T12:00:00Z"'
        in listed(listing, tmp_path, "--json", environment={"TZ": "Asia/Tokyo"}).raw
    )


def test_a_narrow_terminal_gets_paragraphs(listing: ScriptedCore, tmp_path: Path) -> None:
    lines = listed(listing, tmp_path, columns=40).lines

    assert lines[:2] == ["8f14e45f", "  station STATION-OF-THE-NORTH-1"]
    assert max(map(len, lines)) <= 40


def test_times_are_those_of_the_zone_of_the_terminal(listing: ScriptedCore, tmp_path: Path) -> None:
    core, shown = listing, Transaction(transaction_id=ID, station_id="CS-1")
    shown.start_time.FromJsonString("2025-01-01T12:00:00Z")
    core.on("GetTransaction", shown)
    core.on("ListTransactionEvents", ListTransactionEventsResponse())

    ran = on_terminal(
        *("transaction", "show", ID),
        directory=tmp_path,
        CITRINE_CORE=core.address,
        CITRINE_KEY="secret",
        TZ="America/New_York",
    )

    (started,) = (line for line in ran.lines if line.startswith("started"))
    assert "2025-01-01 07:00:00 EST (" in started
    assert started.endswith(" ago)")
    assert f"transaction  {ID}" in " ".join(ran.lines[0].split()).replace(" ", "  ", 1)


def test_a_word_is_whole_however_narrow_the_terminal_is(core: ScriptedCore, tmp_path: Path) -> None:
    name = "S" * 48
    core.on("DeleteStation", Empty())

    ran = on_terminal(
        *("station", "remove", name, "--yes"),
        columns=40,
        directory=tmp_path,
        CITRINE_CORE=core.address,
        CITRINE_KEY="secret",
    )

    assert ran.lines[-3:] == ["station", f"    {name}", "    removed"]


def test_an_error_is_broken_between_words(core: ScriptedCore, tmp_path: Path) -> None:
    ids = [f"8f14e45f-ceea-467f-a0e6-5b2f1a3c9d{number:02}" for number in range(10)]
    listed = ListTransactionsResponse(transactions=[Transaction(transaction_id=one, station_id="CS-1") for one in ids])
    core.on("ListTransactions", listed)
    core.on("GetTransaction", missing)

    lines = on_terminal(
        *("transaction", "show", "8f"), directory=tmp_path, CITRINE_CORE=core.address, CITRINE_KEY="secret"
    ).lines

    assert lines[0] == "error: several transactions begin with '8f':"
    assert len(lines) > 1
    assert all(len(line) <= 80 for line in lines)
    assert all(line.startswith("    ") for line in lines[1:])
    said = " ".join(lines)
    assert all(one in said for one in ids)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_what_to_set_in_a_station_is_whole_on_any_terminal(
    core: ScriptedCore, citrine: Cli, tmp_path: Path, columns: int
) -> None:
    address = StationAddress(urls=["ws://csms.example:9000/acme/CS-1"], username="CS-1")
    station = Station(station_id="CS-1", tenant_id="acme")
    created = CreateStationResponse(station=station, generated_password="correct-horse-battery", address=address)
    core.on("CreateStation", created)
    words = ("--tenant", "acme", "station", "add", "CS-1")
    whole = citrine(*words)

    ran = on_terminal(
        *words, columns=columns, directory=tmp_path, CITRINE_CORE=core.address, CITRINE_KEY="secret", NO_COLOR="1"
    )

    assert ran.text.split() == whole.out.split()
    assert max(map(len, ran.lines)) <= columns
    assert len(whole.lines) == 7


@pytest.mark.parametrize("columns", [80, 120])
def test_events_fit_a_terminal(core: ScriptedCore, tmp_path: Path, columns: int) -> None:
    summary = TransactionSummary(transaction_id=ID, evse_id=1, energy_wh=1371.0, power_w=11000.0, soc_percent=28)
    summary.charging_state = CHARGING_STATE_ENUM_CHARGING
    event = Event(token="4711", station_id="DEMO-1", transaction_updated=TransactionUpdated(transaction=summary))
    event.time.FromJsonString("2025-01-01T12:00:00.123Z")

    def one_event(request: SubscribeRequest, context: grpc.ServicerContext) -> Iterator[SubscribeResponse]:
        yield SubscribeResponse(event=event)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no more of them")

    core.on("Subscribe", one_event)

    ran = on_terminal("events", columns=columns, directory=tmp_path, CITRINE_CORE=core.address, CITRINE_KEY="secret")

    assert max(map(len, ran.lines)) <= columns
    first, *rest = (line for line in ran.lines if "DEMO-1" in line or line.startswith("    "))
    if columns == 80:
        assert first == "2025-01-01 12:00:00  DEMO-1  updated evse 1 Charging 1.371 kWh 11.000 kW 28 %"
        assert rest == ["    8f14e45f [4711]"]
    else:
        assert "2025-01-01 12:00:00.123  DEMO-1  transaction updated  evse 1  Charging  1.371 kWh" in first
