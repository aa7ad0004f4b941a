"""A station's call, an edge that loses its link, a database that is slow: what the station sees, and what is stored."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine_core.db.upgrade import upgrade
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.core import CREDENTIAL, PASSWORD, RunningCore, running_core
from tests.support.plug_in import install_example_block
from tests.support.proxy import Proxy, proxied
from tests.support.waiting import PAUSE

STATION = "CS-1"

AUTHORIZATION = {"Authorization": f"Basic {base64.b64encode(f'{STATION}:{PASSWORD}'.encode()).decode()}"}

READING = {"vendorId": "com.example.thermometers", "messageId": "reading", "data": 21.5}


@pytest.fixture
async def core(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningCore]:
    """A core with a vendor's plug-in."""
    install_example_block(tmp_path, monkeypatch)
    await upgrade(database_url)
    async with running_core(database_url, tmp_path) as core:
        await core.add_station(STATION, registration=1)
        yield core


@pytest.fixture
async def proxy(core: RunningCore) -> AsyncIterator[Proxy]:
    """What is between edge and core."""
    async with proxied(core.address) as proxy:
        yield proxy


@pytest.fixture
async def edge(proxy: Proxy) -> AsyncIterator[RunningEdge]:
    """A real edge, which holds what it has as long as it does by default."""
    async with running_edge(
        core=proxy.address, edge_credential=SecretStr(CREDENTIAL), edge_hold_time=timedelta(seconds=20)
    ) as edge:
        yield edge


async def test_a_link_that_is_lost_while_the_database_is_slow(
    core: RunningCore, proxy: Proxy, edge: RunningEdge, engine: AsyncEngine
) -> None:
    """One row, one event, one run of the vendor's handler, one answer."""
    async with edge.station(STATION, headers=AUTHORIZATION) as station:
        await station.result("Heartbeat", {})
        async with engine.connect() as other:
            await hold_up(other)
            await station.send([2, "m1", "DataTransfer", READING])
            await edge.until(lambda: core.core.lanes.waiting)
            [lost] = core.core.links
            proxy.cut()
            if engine.dialect.name == "postgresql":
                # SQLite has one writer, so that an edge is welcome only afterwards.
                await edge.until(lambda: any(link is not lost for link in core.core.links))
            await other.rollback()

        assert (await station.receive())[:2] == [3, "m1"]
        assert (await station.result("DataTransfer", READING))["status"] == "Accepted"
        await edge.until(lambda: not core.core.lanes.waiting)

    assert await counts(engine) == (2, 2, 2)


async def test_an_answer_that_is_lost_with_its_link(
    core: RunningCore, proxy: Proxy, edge: RunningEdge, engine: AsyncEngine
) -> None:
    """The core has committed; nobody heard it."""
    async with edge.station(STATION, headers=AUTHORIZATION) as station:
        await station.result("Heartbeat", {})
        # What the core says does not arrive any more, what the edge says does.
        proxy.silence_answers()
        await station.send([2, "m1", "DataTransfer", READING])
        async with engine.connect() as connection:
            while not await connection.scalar(text("SELECT count(*) FROM data_transfers")):
                await connection.rollback()
                await asyncio.sleep(PAUSE)
        proxy.cut()
        proxy.heal()

        assert (await station.receive())[:2] == [3, "m1"]

    assert await counts(engine) == (1, 1, 1)


async def hold_up(connection: AsyncConnection) -> None:
    """Have the database take no DataTransfer as long as the connection's transaction lasts."""
    if connection.dialect.name == "sqlite":
        await connection.execute(text("DELETE FROM data_transfers"))
    else:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text("LOCK TABLE data_transfers IN EXCLUSIVE MODE"))


async def counts(engine: AsyncEngine) -> tuple[int, ...]:
    """Return how many rows and events of DataTransfer there are, and what the vendor's handler stored."""
    queries = (
        "SELECT count(*) FROM data_transfers",
        "SELECT count(*) FROM outbox WHERE kind = 'data_transfer_received'",
        "SELECT count(*) FROM example_readings",
    )
    async with engine.connect() as connection:
        return tuple([await connection.scalar(text(query)) or 0 for query in queries])
