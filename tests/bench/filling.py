"""Fills a database with copies of what one station did, by statements that the database executes by itself.

The station connects, boots and charges once, as any other. Its rows are copied under other ids and at earlier times, so
a copy has whatever a core writes, also in columns and tables that are added later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine_core.db import create_engine
from citrine_core.db.base import UtcDateTime
from citrine_core.db.partitions import PARTITIONED
from citrine_core.db.tables import metadata, own_tables
from tests.support.deployment import Deployment
from tests.support.raw_station import RawStation, raw_station

__all__ = ["SAMPLES", "Fill", "charge_once", "clear", "fill", "id_token", "station_id", "transaction_id"]

SEED, SEED_TRANSACTION, SEED_TOKEN = "SEED", "SEED", "C0FFEE00"

SAMPLES = 20
"""Sampled values of a transaction, in four events."""

MONTHS = 4
"""Months before this one that have partitions."""

DAYS_APART = 9
"""Days from one transaction of a station to the one before."""

CHUNK = 1000
"""Stations whose rows are copied in one transaction of the database."""

_MEASURANDS = (
    ("Energy.Active.Import.Register", "Wh"),
    ("Power.Active.Import", "W"),
    ("Current.Import", "A"),
    ("Voltage", "V"),
    ("SoC", "Percent"),
)


def station_id(number: int) -> str:
    """Return the id of a copied station, from 1."""
    return f"SIM-{number}"


def transaction_id(station: int, number: int) -> str:
    """Return the id of a copied transaction of a station; 0 is its latest one."""
    return f"T{station}-{number}"


def id_token(station: int) -> str:
    """Return the token of whoever charged at a copied station."""
    return f"C0FFEE{station}"


@dataclass(frozen=True)
class Fill:
    """What to add."""

    stations: range
    """Numbers of stations to add."""
    charged: range
    """Numbers of stations to which transactions are added."""
    transactions: int
    """To each of these."""


async def charge_once(deployment: Deployment) -> None:
    """Register a station and a token, and have the station boot and charge once."""
    async with deployment.client() as citrine:
        token = Token(id_token=SEED_TOKEN, type="ISO14443")
        await citrine.tokens.CreateToken(CreateTokenRequest(token=token))
        station = Station(station_id=SEED, allow_no_password=True)
        await citrine.stations.CreateStation(CreateStationRequest(station=station))
    async with raw_station(deployment.url(), SEED, patient=True) as connected:
        await connected.boot()
        status = {"timestamp": _stamp(0), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        await connected.result("StatusNotification", status)
        for number, (kind, trigger) in enumerate(
            [("Started", "Authorized"), *[("Updated", "MeterValuePeriodic")] * 2, ("Ended", "StopAuthorized")]
        ):
            await _event(connected, number, kind, trigger)


async def _event(station: RawStation, number: int, kind: str, trigger: str) -> None:
    moment = _stamp(60 * (number - 4))
    sampled = [
        {"value": 1000.0 + number, "measurand": measurand, "unitOfMeasure": {"unit": unit}}
        for measurand, unit in _MEASURANDS
    ]
    token = {"idToken": {"idToken": SEED_TOKEN, "type": "ISO14443"}} if number == 0 else {}
    stopped = {"stoppedReason": "Local"} if kind == "Ended" else {}
    event = {
        "eventType": kind,
        "timestamp": moment,
        "triggerReason": trigger,
        "seqNo": number,
        "transactionInfo": {"transactionId": SEED_TRANSACTION, **stopped},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": moment, "sampledValue": sampled}],
        **token,
    }
    await station.result("TransactionEvent", event)


def _stamp(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")


async def fill(database: str, add: Fill, say: Callable[[str], None]) -> None:
    """Copy the rows of the station that charged once. No core may run: on SQLite this takes longer than one waits."""
    engine = create_engine(database, limited=False)
    try:
        async with engine.begin() as connection:
            await _add_partitions(connection)
            tables = await _tables_of_seed(connection)
        by_station = [table for table in tables if "transaction_id" not in table.columns]
        by_transaction = [table for table in tables if "transaction_id" in table.columns]
        tokens = metadata().tables["tokens"]
        await _copy(engine, "stations", [tokens, *by_station], add.stations, 1, say)
        await _copy(engine, "stations' transactions", by_transaction, add.charged, add.transactions, say)
        await _tidy(engine)
    finally:
        await engine.dispose()


async def clear(database: str) -> None:
    """Delete what copied stations have brought since they were copied: their transactions, and commands to them."""
    engine = create_engine(database, limited=False)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM commands"))
            for table in reversed(_tables()):
                if {"station_id", "transaction_id"} <= {*table.columns.keys()}:
                    own = "station_id LIKE 'SIM-%' AND transaction_id NOT LIKE 'T%-%'"
                    await connection.execute(text(f"DELETE FROM {table.name} WHERE {own}"))
    finally:
        await engine.dispose()


def _tables() -> list[Table]:
    """Return our tables, referred to before those that refer, without any that plug-ins of tests added."""
    own = own_tables()
    return [table for table in metadata().sorted_tables if table.name in own]


async def _tables_of_seed(connection: AsyncConnection) -> list[Table]:
    """Return the tables that have rows of the station."""
    found = []
    for table in _tables():
        if "station_id" in table.columns:
            rows = await connection.scalar(text(f"SELECT count(*) FROM {table.name} WHERE station_id = '{SEED}'"))
            if rows:
                found.append(table)
    return found


async def _copy(
    engine: AsyncEngine, what: str, tables: Sequence[Table], stations: range, each: int, say: Callable[[str], None]
) -> None:
    if not each:
        return
    for first in range(stations.start, stations.stop, CHUNK):
        last = min(first + CHUNK, stations.stop) - 1
        async with engine.begin() as connection:
            for table in tables:
                await connection.execute(text(_copies(table, engine.dialect.name, first, last, each)))
        if last % (10 * CHUNK) == 0 or last == stations.stop - 1:
            say(f"filled {what}, up to {last} of {stations.stop - 1}")


def _copies(table: Table, dialect: str, first: int, last: int, each: int) -> str:
    """Return the statement that copies the rows of one table, so many times for each of these stations."""
    columns = [column for column in table.columns if not (column.name == "id" and column.primary_key)]
    names = ", ".join(column.name for column in columns)
    values = ", ".join(_copied(column, dialect) for column in columns)
    seed = f"id_token = '{SEED_TOKEN}'" if table.name == "tokens" else f"station_id = '{SEED}'"
    return (
        f"INSERT INTO {table.name} ({names}) WITH RECURSIVE "
        f"s(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM s WHERE i < {last}), "
        f"k(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM k WHERE j + 1 < {each}) "
        f"SELECT {values} FROM s CROSS JOIN k CROSS JOIN (SELECT * FROM {table.name} WHERE {seed}) AS seed"
    )


_AGO = f"((k.j * {DAYS_APART} + 1) * 86400 + s.i % 86400)"
"""Seconds that a copy is older than what it is a copy of."""

_VALUES = {
    "station_id": "'SIM-' || CAST(s.i AS VARCHAR(20))",
    "transaction_id": "'T' || CAST(s.i AS VARCHAR(20)) || '-' || CAST(k.j AS VARCHAR(20))",
    "sequence": f"seed.sequence - CAST({_AGO} AS BIGINT) * 1000000",
    # Each station has a driver of its own.
    "id_token": "'C0FFEE' || CAST(s.i AS VARCHAR(20))",
    **dict.fromkeys(("lookup", "id_token_lookup"), "'c0ffee' || CAST(s.i AS VARCHAR(20))"),
}


def _copied(column: Column[object], dialect: str) -> str:
    if column.name in _VALUES:
        return _VALUES[column.name]
    if not isinstance(column.type, UtcDateTime):
        return f"seed.{column.name}"
    if dialect == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f000', seed.{column.name}, '-' || {_AGO} || ' seconds')"
    return f"seed.{column.name} - make_interval(secs => {_AGO})"


async def _add_partitions(connection: AsyncConnection) -> None:
    """Add the partitions of samples that a core would have had in the past months."""
    if connection.dialect.name != "postgresql":
        return
    samples = PARTITIONED["samples"]
    present = set(
        await connection.scalars(
            text("SELECT CAST(CAST(inhrelid AS regclass) AS text) FROM pg_inherits"
                 " WHERE inhparent = CAST('samples' AS regclass)")
        )
    )  # fmt: skip
    for ahead in range(-MONTHS, 0):
        start, end = samples.start(datetime.now(UTC), ahead), samples.start(datetime.now(UTC), ahead + 1)
        name = f"samples_{samples.suffix(start)}"
        if name not in present:
            bounds = f"FROM ({samples.literal(start)}) TO ({samples.literal(end)})"
            await connection.execute(text(f"CREATE TABLE {name} PARTITION OF samples FOR VALUES {bounds}"))


async def _tidy(engine: AsyncEngine) -> None:
    """Do now what PostgreSQL would do by itself during the measurement. SQLite does nothing by itself."""
    if engine.dialect.name == "postgresql":
        async with engine.connect() as connection:
            outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await outside.execute(text("VACUUM (ANALYZE)"))
            await outside.execute(text("CHECKPOINT"))
