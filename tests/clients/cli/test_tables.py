"""Tables: whole lines for programs, and for people whatever their terminal has room for."""

import sys
from dataclasses import replace

import pytest
from rich.text import Text

from citrine.api.v1.local_auth_list_pb2 import ListLocalListsResponse, LocalList
from citrine.api.v1.stations_pb2 import HandshakeRefusal, ListStationsResponse, Station
from citrine.api.v1.transactions_pb2 import ListTransactionsResponse, Transaction
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from tests.clients.cli.conftest import Cli, Ran
from tests.clients.scripted_core import ScriptedCore

ID = "8f14e45f-ceea-467f-a0e6-5b2f1a3c9d10"


@pytest.fixture
def listed(citrine: Cli, core: ScriptedCore) -> Cli:
    """Two transactions to list, one with a long id."""
    long = Transaction(transaction_id=ID, station_id="STATION-OF-THE-NORTH-1", evse_id=12, energy_wh=1500.0)
    long.start_time.FromJsonString("2030-01-01T12:00:00Z")
    long.end_time.FromJsonString("2030-01-01T13:00:00Z")
    core.on("ListTransactions", ListTransactionsResponse(transactions=[long, Transaction(transaction_id="T-2")]))
    return citrine


@pytest.fixture
def terminal(listed: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The same on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        ran = listed(*arguments)
        return replace(ran, out=Text.from_ansi(ran.out).plain)

    return run


def test_programs_get_whole_lines(listed: Cli) -> None:
    heading, first, second = listed("transaction", "list").lines

    assert heading.split()[:3] == ["TRANSACTION", "STATION", "EVSE"]
    assert first.split()[:3] == [ID, "STATION-OF-THE-NORTH-1", "12"]
    assert second.split()[0] == "T-2"


def test_a_terminal_that_is_too_narrow_gets_paragraphs_and_loses_nothing(terminal: Cli) -> None:
    lines = terminal("transaction", "list").lines

    assert lines[0] == ID[:8]
    assert lines[1].startswith("  station STATION-OF-THE-NORTH-1  evse 12  ")
    assert "energy 1.500 kWh" in " ".join(lines)
    assert "T-2" in lines
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_a_table_may_be_as_wide_as_it_is(terminal: Cli, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("TERM", kind)
    lines = terminal("transaction", "list", "--wide").lines

    assert lines[0].startswith("TRANSACTION")
    assert len(lines) == 3
    assert len(lines[1]) > 80


def test_columns_are_chosen_by_their_headings(terminal: Cli) -> None:
    ran = terminal("transaction", "list", "--columns", "energy, transaction")

    assert [line.split() for line in ran.lines][:2] == [["ENERGY", "TRANSACTION"], ["1.500", "kWh", ID[:8]]]


def test_a_column_that_is_not_there_is_named_with_those_that_are(listed: Cli) -> None:
    ran = listed("transaction", "list", "--columns", "energy,cost")

    assert ran.code == 2
    assert ran.err.startswith("error: --columns: there is no 'cost', there are: transaction, station, evse")


def test_a_sentence_goes_on_in_the_next_line_of_its_column(
    citrine: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = LocalList(station_id="CS-1", problem="the station refused it because it has no room for so many tokens")
    lists = [refused, LocalList(station_id="CS-2", keep_in_step=True, group_ids=["staff", "guests"])]
    core.on("ListLocalLists", ListLocalListsResponse(local_lists=lists))
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    ran = citrine("--no-color", "locallist", "list")

    assert ran.lines == [
        "STATION  KEPT IN STEP  GROUPS         PROBLEM",
        "CS-1                                  the station refused it because",
        "                                      it has no room for so many",
        "                                      tokens",
        "CS-2     yes           staff, guests",
    ]


def test_a_remark_on_one_row_leaves_a_table_a_table(
    citrine: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations = [Station(station_id=f"DEMO-{number}", connected=True, ocpp_version="2.0.1") for number in (1, 2, 3)]
    for station in stations:
        station.registration = REGISTRATION_STATUS_ENUM_ACCEPTED
        station.hardware.vendor_name, station.hardware.model = "Citrine", "Simulated 22"
        station.clock_skew.seconds = 0
    for refused in stations[1:]:
        refused.connected = False
        refused.handshake_refusal.reason = HandshakeRefusal.REASON_WRONG_PASSWORD
    core.on("ListStations", ListStationsResponse(stations=stations))
    whole = citrine("--tenant", "acme", "station", "list")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    ran = citrine("--tenant", "acme", "--no-color", "station", "list")

    # One line for each where it is searched.
    assert [line.endswith("connection: wrong password") for line in whole.lines[1:]] == [False, True, True]
    heading, *rows = ran.lines
    assert max(map(len, ran.lines)) <= 80
    assert heading.startswith("STATION  CONNECTED  VERSION  REGISTRATION  VENDOR")
    assert [row.split()[0] for row in rows] == ["DEMO-1", "DEMO-2", "refused", "DEMO-3", "refused"]
    assert rows[2] == rows[4] == "  refused connection: wrong password"
    assert {row.index("Accepted") for row in (rows[0], rows[1], rows[3])} == {heading.index("REGISTRATION")}
