"""No list walks through the history of a tenant, whatever it is filtered by: of 500,000 rows it reads hundreds."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1.operations_pb2 import (
    OPERATION_RESULT_STATE_PENDING,
    OPERATION_RESULT_STATE_SUCCEEDED,
    OPERATION_STATE_COMPLETED,
    OPERATION_STATE_RUNNING,
)
from citrine.api.v1.reservation_pb2 import RESERVATION_STATE_ACTIVE, RESERVATION_STATE_CANCELLED
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_CLOSED,
    STATION_CONNECTION_NEVER,
    STATION_CONNECTION_OPEN,
    STATION_ORDER_FIRMWARE,
    STATION_ORDER_LAST_SEEN,
    STATION_ORDER_MODEL,
    STATION_ORDER_STATE,
)
from citrine.api.v1.tariff_and_cost_pb2 import COST_STATE_PROVISIONAL
from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_AVAILABLE, CONNECTOR_STATUS_ENUM_FAULTED
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_PENDING
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_CHARGING
from citrine_core.blocks.authorization.records import AuthorizationRecords
from citrine_core.blocks.availability.repository import ConnectorRepository
from citrine_core.blocks.data_transfer.repository import DataTransferRepository
from citrine_core.blocks.diagnostics.repository import StationEventRepository
from citrine_core.blocks.remote_control.repository import RemoteStartRepository
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.tariff_and_cost.models import ANY_LABELLED
from citrine_core.blocks.tariff_and_cost.repository import LookedAssignments, TariffRepository
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRepository
from citrine_core.blocks.transactions.lists import Looked, TransactionLists
from citrine_core.db import Page, Span
from citrine_core.events import OutboxRepository
from citrine_core.events.servicer import MOST_PASSED
from citrine_core.resources.commands.repository import CommandRepository
from citrine_core.resources.configurations import ConfigurationRepository
from citrine_core.resources.connections import ConnectionRecords
from citrine_core.resources.operations import OperationRepository
from citrine_core.resources.operations.models import Operation
from citrine_core.resources.stations.lists import LookedStations, list_stations
from citrine_core.resources.stations.tags import write_labels
from tests.support.databases import administrate, copy_template
from tests.support.engines import new_engine
from tests.support.many_rows import BEGIN, ROWS, Sql, fill, work_of
from tests.support.postgres import PostgresServer

PAGE = 100

FEWER_SHOWN = 20
"""Less than each station has."""

MOST_PAGES = 900
"""Most pages of PostgreSQL that are read for a list: each row may be on a page of its own, found by an index."""

MOST_STEPS = 100
"""Most thousands of steps that SQLite makes for a list."""

STATIONS = 5_000

FEWER = 100_000

WITH_ALL = {"transactions"}
"""Tables with as many rows. The others have fewer, so that the test is quick, and are read in the same way."""

LABELS = {"site": "north"}

FEW = f"n <= {ROWS // 100_000}"
"""Condition of the earliest rows, which a list that begins with the latest would find last."""

_STATION = f"'CS-' || (n % {STATIONS})"


TAGS = {
    "station_labels": {
        "station_id": _STATION,
        "label_key": "'site'",
        "label_value": f"CASE WHEN {FEW} THEN 'few' ELSE 'most' END",
    },
    "station_groups": {"station_id": _STATION, "group_name": f"CASE WHEN {FEW} THEN 'few' ELSE 'most' END"},
}
"""Columns of the labels and groups of each station that has transactions."""


def _case(condition: str, then: str, otherwise: str) -> str:
    return f"CASE WHEN {condition} THEN {then} ELSE {otherwise} END"


def _tables(sql: Sql) -> dict[str, dict[str, str]]:
    """Return the columns in which rows of each table differ."""
    of_token = {"id_token_lookup": f"'card' || (n % {ROWS // 50})"}
    return {
        "transactions": {
            **of_token,
            "station_id": _STATION,
            "transaction_id": "'T-' || n",
            "sequence": "n",
            "evse_id": "n % 3",
            "charging_state": str(int(CHARGING_STATE_ENUM_CHARGING)),
            "start_time": sql.time(),
            "end_time": _case(FEW, "NULL", sql.time("n + 5")),
            "settle_time": _case(FEW, "NULL", sql.time("n + 9")),
            "reference": _case(FEW, "'ORDER'", "NULL"),
        },
        "transaction_costs": {
            "station_id": _STATION,
            "transaction_id": "'T-' || n",
            "sequence": "n",
            "tariff_id": _case("n <= 1000", "'flat'", "NULL"),
            "after_tax": _case("n <= 1000", "'1'", "NULL"),
            "state": _case(FEW, "2", "3"),
        },
        "commands": {
            "command_id": sql.id(),
            "station_id": _STATION,
            "action": _case(FEW, "'Reset'", "'GetVariables'"),
            "requested_by": _case(FEW, "'bob'", "'console'"),
            "state": _case(FEW, "6", "3"),
            "finish_time": sql.time(),
        },
        "alerts": {
            "station_id": _STATION,
            "component": "'fan'",
            "monitor_id": "n",
            "is_cleared": _case(FEW, "false", "true"),
            "update_time": sql.time(),
        },
        "reservations": {
            **of_token,
            "id": "n",
            "station_id": _STATION,
            "reservation_id": "n",
            "evse_id": "1",
            "state": _case(FEW, "2", "5"),
            "create_time": sql.time(),
            "update_time": sql.time(),
        },
        "stations": {
            "station_id": "'CS-' || n",
            "vendor_name": _case(FEW, "'Acme'", "'Bolt'"),
            "model": _case(FEW, "'One'", "'Two'"),
            "firmware_version": _case(FEW, "'1.0'", "'2.0'"),
            "registration": _case(FEW, "2", "1"),
            "held_time": _case(FEW, sql.time(), "NULL"),
            "boot_time": _case("n = 9", "NULL", sql.time()),
            "update_time": sql.time(),
        },
        "station_sightings": {"station_id": "'CS-' || n", "last_seen_time": sql.time()},
        "outbox": {
            "id": "n",
            "station_id": _STATION,
            "kind": _case(FEW, "'transaction_ended'", "'transaction_updated'"),
        },
        "connections": {
            "station_id": "'CS-' || n",
            "is_open": _case(FEW, "false", "true"),
            "ocpp_version": _case(FEW, "1", "2"),
            "open_time": sql.time(),
            "close_time": _case(FEW, sql.time(), "NULL"),
        },
        "connectors": {
            "station_id": "'CS-' || n",
            "evse_id": "1",
            "connector_id": "1",
            "status": _case(FEW, "5", "1"),
        },
        "connection_records": {
            "station_id": _STATION,
            "epoch": "n",
            "edge_id": _case(FEW, "'edge-old'", "'edge-new'"),
            "open_time": sql.time(),
            "ocpp_version": _case(FEW, "1", "2"),
            "close_time": _case(FEW, "NULL", sql.time("n + 1")),
        },
        "data_transfers": {
            "id": "n",
            "station_id": _STATION,
            "vendor_id": "'com.acme'",
            "message_id": _case(FEW, "'Tap'", "'Ping'"),
            "create_time": sql.time(),
        },
        "operations": {
            "operation_id": "'O-' || n",
            "state": _case(FEW, "1", "3"),
            "create_time": sql.time(),
            "update_time": sql.time(),
        },
        "configurations": {"configuration_id": "'C-' || n", "update_time": sql.time()},
        "remote_starts": {
            "station_id": _STATION,
            "remote_start_id": "n",
            "create_time": sql.time(),
            "update_time": sql.time(),
        },
        "operation_stations": {
            "operation_id": "'O-' || (n % 10)",
            "station_id": "'CS-' || n",
            "state": _case(FEW, "1", "3"),
        },
        "tariff_assignments": {
            **of_token,
            "id": "n",
            "assignment_id": "'A-' || n",
            "tariff_id": _case(FEW, "'night'", "'day'"),
            "station_id": f"CASE WHEN {FEW} THEN 'CS-7' WHEN n % 2 = 0 THEN '{ANY_LABELLED}' ELSE '' END",
            "evse_id": "0",
            "location_id": _case(FEW, "'L-1'", "''"),
            "station_group": _case(FEW, "'depot'", "''"),
            "station_labels": _case(
                "n % 2 = 0", f"""'{{"bay": "' || n || '", ' || '{write_labels(LABELS)[1:]}'""", "''"
            ),
            "group_id": _case(FEW, "'fleet'", "''"),
            "update_time": sql.time(),
        },
        "authorization_records": {
            **of_token,
            "id": "n",
            "station_id": _STATION,
            "group_id": _case(FEW, "'fleet'", "''"),
            "status": _case(FEW, "3", "1"),
            "decide_time": sql.time(),
        },
    }


async def _fill(url: str) -> None:
    engine = new_engine(url)
    try:
        rows = {name: ROWS if name in WITH_ALL else FEWER for name in _tables(Sql(engine))}
        await fill(engine, {name: (columns, rows[name]) for name, columns in _tables(Sql(engine)).items()})
        await fill(engine, {name: (columns, STATIONS) for name, columns in TAGS.items()}, believed=0)
    finally:
        await engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database of each kind in turn with many rows in each table."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        with tempfile.TemporaryDirectory(dir=request.getfixturevalue("sqlite_folder")) as folder:
            url = f"sqlite+aiosqlite:///{shutil.copy(template, Path(folder) / 'citrine.db')}"
            asyncio.run(_fill(url))
            yield url
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        asyncio.run(copy_template(server, "many_rows"))
        asyncio.run(_fill(server.url("many_rows")))
        yield server.url("many_rows")
        asyncio.run(administrate(server, "DROP DATABASE many_rows WITH (FORCE)"))


def _span(begin: int, end: int) -> Span:
    start = datetime.fromtimestamp(BEGIN, UTC)
    return Span(start + timedelta(seconds=begin), start + timedelta(seconds=end))


SOME_IDS = ("T-7", "T-3", f"T-{ROWS - 1}")

EARLY, LATE = _span(1, 6), _span(ROWS // 2, ROWS)
LATER = _span(FEWER // 2, FEWER)

Ask = Callable[[AsyncSession], Awaitable[tuple[Sequence[Any], str]]]


def _transactions(**fields: Any) -> Ask:
    return lambda session: TransactionLists(session).list("default", Page(PAGE), Looked(**fields))


def _of_stations(**selected: Any) -> Ask:
    looked = Looked(stations=StationSelector(**selected))
    return lambda session: TransactionLists(session).list("default", Page(FEWER_SHOWN), looked)


def _costs(**fields: Any) -> Ask:
    return lambda session: CostRepository(session).list("default", Page(PAGE), **{"station_id": "", **fields})


def _commands(**fields: Any) -> Ask:
    return lambda session: CommandRepository(session).list("default", Page(PAGE), **fields)


def _alerts(**fields: Any) -> Ask:
    return lambda session: StationEventRepository(session).list_alerts("default", Page(PAGE), **fields)


def _reservations(**fields: Any) -> Ask:
    return lambda session: ReservationRepository(session).list("default", Page(PAGE), **fields)


def _stations(**fields: Any) -> Ask:
    return lambda session: list_stations(session, "default", Page(PAGE), LookedStations(**fields))


def _ordered(order: int, after: tuple[Any, ...] | None = None, *, descending: bool = False, **fields: Any) -> Ask:
    looked, page = LookedStations(**fields), Page(PAGE, after)
    return lambda session: list_stations(session, "default", page, looked, order, descending=descending)


def _newest_events(**fields: Any) -> Ask:
    async def ask(session: AsyncSession) -> tuple[Sequence[Any], str]:
        outbox = OutboxRepository(session)
        return (await outbox.newest("default", through=FEWER, most=MOST_PASSED, limit=PAGE, **fields)).events, ""

    return ask


def _connectors(**fields: Any) -> Ask:
    return lambda session: ConnectorRepository(session).list("default", Page(PAGE), **fields)


def _connection_records(**fields: Any) -> Ask:
    return lambda session: ConnectionRecords(session).list("default", Page(PAGE), **fields)


def _data_transfers(**fields: Any) -> Ask:
    return lambda session: DataTransferRepository(session).list("default", Page(PAGE), **fields)


def _operations(**fields: Any) -> Ask:
    return lambda session: OperationRepository(session).list("default", Page(PAGE), **fields)


_OPERATION = Operation(tenant_id="default", operation_id="O-1")


def _results(state: int) -> Ask:
    return lambda session: OperationRepository(session).list_results(_OPERATION, Page(PAGE), state=state)


async def _ready(session: AsyncSession) -> tuple[Sequence[Any], str]:
    now = datetime.fromtimestamp(BEGIN, UTC)
    return await OperationRepository(session).ready(_OPERATION, now, PAGE, "", connected_only=False), ""


def _authorization_records(**fields: Any) -> Ask:
    return lambda session: AuthorizationRecords(session).list("default", Page(PAGE), **fields)


def _remote_starts(**fields: Any) -> Ask:
    return lambda session: RemoteStartRepository(session).list("default", Page(PAGE), **fields)


def _configurations(**fields: Any) -> Ask:
    return lambda session: ConfigurationRepository(session).list("default", Page(PAGE), **fields)


def _assignments(**fields: Any) -> Ask:
    looked = LookedAssignments(**fields)
    now = datetime.fromtimestamp(BEGIN, UTC)
    return lambda session: TariffRepository(session).list_assignments("default", Page(PAGE), looked, open_at=now)


LISTS: dict[str, tuple[int, Ask]] = {
    "transactions": (PAGE, _transactions()),
    "transactions of a station": (PAGE, _transactions(station_id="CS-7")),
    "transactions of an EVSE": (34, _transactions(station_id="CS-7", evse_id=1)),
    "transactions that are active": (5, _transactions(active_only=True)),
    "transactions that charge": (5, _transactions(charging_state=CHARGING_STATE_ENUM_CHARGING)),
    "transactions that are not settled": (5, _transactions(unsettled_only=True)),
    "transactions of a token": (50, _transactions(id_token="CA:RD7")),
    "transactions that began then": (5, _transactions(started=EARLY)),
    "transactions of a station that began then": (50, _transactions(station_id="CS-7", started=LATE)),
    "transactions that were settled then": (PAGE, _transactions(settled=LATE)),
    "transactions with a reference": (5, _transactions(reference="ORDER")),
    "transactions with some ids": (3, _transactions(transaction_ids=SOME_IDS)),
    "transactions with some ids at a station": (1, _transactions(transaction_ids=SOME_IDS, station_id="CS-7")),
    "transactions with some ids that began then": (1, _transactions(transaction_ids=SOME_IDS, started=EARLY)),
    "transactions with some ids that are not settled": (
        1,
        _transactions(transaction_ids=SOME_IDS, unsettled_only=True),
    ),
    "transactions of stations with a label that few have": (FEWER_SHOWN, _of_stations(labels={"site": "few"})),
    "transactions of stations with a label that most have": (FEWER_SHOWN, _of_stations(labels={"site": "most"})),
    "transactions of stations with a label that none has": (0, _of_stations(labels={"site": "none"})),
    "transactions of a group of stations": (FEWER_SHOWN, _of_stations(groups=["few"])),
    "transactions by the beginning of the id": (PAGE, _transactions(prefix="T-77")),
    "costs": (PAGE, _costs()),
    "costs of a station": (1, _costs(station_id="CS-7")),
    "costs of transactions with some ids": (2, _costs(transaction_ids=SOME_IDS)),
    "costs of transactions with some ids at a station": (1, _costs(transaction_ids=SOME_IDS, station_id="CS-7")),
    "costs of a token": (1, _costs(id_token="CA:RD7")),
    "costs that are provisional": (5, _costs(state=COST_STATE_PROVISIONAL)),
    "commands": (PAGE, _commands()),
    "commands of a station": (20, _commands(station_id="CS-7")),
    "commands that are answered": (PAGE, _commands(state=common.COMMAND_STATE_ANSWERED)),
    "commands that expired": (5, _commands(state=common.COMMAND_STATE_EXPIRED)),
    "commands that failed": (0, _commands(state=common.COMMAND_STATE_FAILED)),
    "commands of an action": (5, _commands(action="Reset")),
    "commands of a requester": (5, _commands(requested_by="bob")),
    "commands of a time": (5, _commands(created=EARLY)),
    "alerts": (5, _alerts()),
    "alerts of a component": (5, _alerts(component="Fan")),
    "alerts that changed then": (5, _alerts(changed=EARLY, with_cleared=True)),
    "alerts that are open and changed later": (0, _alerts(changed=_span(FEWER - 500, FEWER))),
    "reservations": (PAGE, _reservations()),
    "reservations of a station": (20, _reservations(station_id="CS-7")),
    "reservations that are active": (5, _reservations(state=RESERVATION_STATE_ACTIVE)),
    "reservations that were cancelled": (PAGE, _reservations(state=RESERVATION_STATE_CANCELLED)),
    "reservations that are open": (5, _reservations(open_only=True)),
    "reservations of a token": (10, _reservations(id_token="card7")),
    "reservations that were asked for then": (5, _reservations(created=EARLY)),
    "reservations that changed then": (5, _reservations(changed=EARLY)),
    "stations": (PAGE, _stations()),
    "stations by the beginning of the id": (PAGE, _stations(prefix="CS-444")),
    "stations of a vendor": (5, _stations(vendor_name="Acme")),
    "stations of a model": (5, _stations(model="One")),
    "stations with a firmware": (5, _stations(firmware_version="1.0")),
    "stations that are pending": (5, _stations(registration=REGISTRATION_STATUS_ENUM_PENDING)),
    "stations that are held": (5, _stations(held=True)),
    "stations that speak a version": (5, _stations(ocpp_version=1)),
    "stations that are connected": (PAGE, _stations(connection=STATION_CONNECTION_OPEN)),
    "stations that were connected": (5, _stations(connection=STATION_CONNECTION_CLOSED)),
    "stations that were never connected": (0, _stations(connection=STATION_CONNECTION_NEVER)),
    "stations that are faulted": (5, _stations(faulted_only=True)),
    "stations by state": (PAGE, _ordered(STATION_ORDER_STATE)),
    "stations by state the other way": (PAGE, _ordered(STATION_ORDER_STATE, descending=True)),
    "stations by state behind those that are connected": (PAGE, _ordered(STATION_ORDER_STATE, (3, "CS-5"))),
    "stations by when they were seen": (PAGE, _ordered(STATION_ORDER_LAST_SEEN)),
    "stations that were seen last": (PAGE, _ordered(STATION_ORDER_LAST_SEEN, descending=True)),
    "stations by model": (PAGE, _ordered(STATION_ORDER_MODEL)),
    "stations by model the other way": (
        PAGE,
        _ordered(STATION_ORDER_MODEL, (0, "Bolt", "Two", "CS-5"), descending=True),
    ),
    "stations by firmware": (PAGE, _ordered(STATION_ORDER_FIRMWARE, (0, "2.0", "CS-5"))),
    "stations of a vendor by when they were seen": (5, _ordered(STATION_ORDER_LAST_SEEN, vendor_name="Acme")),
    "stations that changed then": (5, _stations(changed=EARLY)),
    "stations that changed later": (PAGE, _stations(changed=LATER)),
    "newest events": (PAGE, _newest_events()),
    "newest events of a station": (1, _newest_events(station_ids=["CS-7"])),
    "newest events of a kind": (0, _newest_events(kinds=["transaction_ended"])),
    "connectors that are faulted": (5, _connectors(status=CONNECTOR_STATUS_ENUM_FAULTED)),
    "connectors that are available": (PAGE, _connectors(status=CONNECTOR_STATUS_ENUM_AVAILABLE)),
    "connections of before": (PAGE, _connection_records()),
    "connections of a station": (20, _connection_records(station_id="CS-7")),
    "connections of a time": (5, _connection_records(opened=EARLY)),
    "connections by an edge": (5, _connection_records(edge_id="edge-old")),
    "connections of a version": (5, _connection_records(version=1)),
    "connections that are open": (5, _connection_records(is_open=True)),
    "connections that ended": (PAGE, _connection_records(is_open=False)),
    "data transfers": (PAGE, _data_transfers()),
    "data transfers with a message": (5, _data_transfers(message_id="Tap")),
    "data transfers of a station": (20, _data_transfers(station_id="CS-7")),
    "data transfers of a time": (5, _data_transfers(created=EARLY)),
    "operations": (PAGE, _operations()),
    "operations that have not ended": (5, _operations(state=OPERATION_STATE_RUNNING)),
    "operations that are completed": (PAGE, _operations(state=OPERATION_STATE_COMPLETED)),
    "operations of a time": (5, _operations(created=EARLY)),
    "operations that changed then": (5, _operations(changed=EARLY)),
    "operations that changed later": (PAGE, _operations(changed=LATER)),
    "remote starts that changed then": (5, _remote_starts(changed=EARLY)),
    "remote starts that changed later": (PAGE, _remote_starts(changed=LATER)),
    "configurations that changed then": (5, _configurations(changed=EARLY)),
    "configurations that changed later": (PAGE, _configurations(changed=LATER)),
    "results of an operation": (PAGE, _results(0)),
    "results of stations that wait": (1, _results(OPERATION_RESULT_STATE_PENDING)),
    "results of stations that are done": (PAGE, _results(OPERATION_RESULT_STATE_SUCCEEDED)),
    "stations of an operation that are next": (1, _ready),
    "assignments": (PAGE, _assignments()),
    "assignments of a tariff": (5, _assignments(tariff_id="night")),
    "assignments of the tariff that most have": (PAGE, _assignments(tariff_id="day")),
    "assignments to a station": (5, _assignments(station_id="CS-7")),
    "assignments to a location": (5, _assignments(location_id="L-1")),
    "assignments to a group of stations": (5, _assignments(station_group="depot")),
    "assignments by one of their labels": (PAGE, _assignments(station_labels=LABELS)),
    "assignments by a label that is rare": (1, _assignments(station_labels={"bay": "2222"})),
    "assignments by labels that none has": (0, _assignments(station_labels={"bay": "Z", **LABELS})),
    "assignments to a group of tokens": (5, _assignments(group_id="fleet")),
    "assignments to a token": (10, _assignments(id_token="CA:RD7")),
    "assignments that changed then": (5, _assignments(changed=EARLY)),
    "assignments that changed later": (PAGE, _assignments(changed=LATER)),
    "decisions": (PAGE, _authorization_records()),
    "decisions of a time": (5, _authorization_records(decided=EARLY)),
    "decisions of a token": (10, _authorization_records(id_token="card7")),
    "decisions of a group": (5, _authorization_records(group_id="fleet")),
    "decisions that are refusals": (5, _authorization_records(refused_only=True)),
    "decisions at a station": (20, _authorization_records(station_id="CS-7")),
}
"""How many rows a list has, and how it is asked for."""


@pytest.fixture
async def filled(filled_url: str) -> Any:
    engine = new_engine(filled_url)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_reads_little_more_than_it_shows(filled: AsyncEngine, name: str) -> None:
    number, ask = LISTS[name]

    (rows, _), effort, plan = await work_of(filled, ask)

    assert len(rows) == number
    assert effort <= (MOST_STEPS if filled.dialect.name == "sqlite" else MOST_PAGES), f"{effort}: {plan}"
