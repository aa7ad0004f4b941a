"""A scripted CSMS, and stations that connect to it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from citrine_simulator import Event, Journal, Schemas, Station, StationConfig, Store
from tests.clients.simulator.csms import VERSIONS, Csms, csms_server
from tests.clients.simulator.manual_clock import ManualClock

MakeStation = Callable[..., Awaitable[Station]]

PASSWORD = "correct-horse-battery"

CALM = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "5",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
    "OCPPCommCtrlr.WebSocketPingInterval": "0",
}
"""Variables that leave nothing to chance."""


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    """A CSMS; at the end, no station may have sent it anything against the schemas."""
    async with csms_server() as csms:
        yield csms
    assert csms.problems == []


@pytest.fixture
async def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture(scope="session")
def schemas() -> dict[str, Schemas]:
    """Schemas by version, compiled once."""
    return {version: Schemas(version) for version in VERSIONS}


@pytest.fixture
def events() -> list[Event]:
    """Every event of every station of the test."""
    return []


@pytest.fixture
async def make_station(
    csms: Csms, clock: ManualClock, schemas: dict[str, Schemas], events: list[Event], tmp_path: Path
) -> AsyncIterator[MakeStation]:
    """Makes stations that are switched on and accepted, by the test's clock, and writes their journal."""
    async with contextlib.AsyncExitStack() as cleanup:
        journal = Journal(tmp_path / "journal.jsonl")
        cleanup.callback(journal.close)

        async def make(
            store: Store | None = None, wait_for: str | None = "accepted", real_time: bool = False, **config: Any
        ) -> Station:
            variables = {**CALM, **config.pop("variables", {})}
            usual = {"station_id": "CS-1", "url": csms.url, "password": PASSWORD, "reboot_duration": 0}
            settings = {**usual, "auto_meter": False, **config}
            station = Station(
                StationConfig.model_validate({**settings, "variables": variables}),
                store=store,
                journal=journal,
                schemas=schemas[str(settings.get("version", "2.0.1"))],
                clock=None if real_time else clock,
                listener=events.append,
            )
            await station.start()
            cleanup.push_async_callback(station.stop)
            if wait_for is not None:
                await station.wait_for(wait_for)
            return station

        yield make
