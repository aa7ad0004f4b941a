"""What a limit of time of PostgreSQL cuts off is done again: it is no fault of the message."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.unit_of_work import stay_alive
from citrine_core.events import write_events
from citrine_core.steps import Steps, run_cooperatively
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.databases import somebody_waits
from tests.support.fake_edge import FakeSession
from tests.support.waiting import WAIT

BOOT = BootNotificationRequest(
    reason=BOOT_REASON_ENUM_POWER_UP, charging_station=ChargingStation(model="M", vendor_name="V")
)

WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() "
    "AND application_name = 'citrine' AND query LIKE '%INSERT INTO outbox %'"
)
"""Sessions that stand before their first event, in the middle of their transaction."""


async def booted(core: RunningCore, session: FakeSession) -> None:
    """Assert that the station got its answer, and that its message counts as none that can't be handled."""
    assert (await session.call(BOOT)).HasField("current_time")
    async with core.core.unit_of_work(read_only=True) as work:
        assert await work.session.scalar(text("SELECT count(*) FROM poisoned_messages")) == 0
        assert await work.session.scalar(text("SELECT count(*) FROM outbox WHERE kind = 'station_booted'")) > 0


async def end_who_waits(engine: AsyncEngine) -> None:
    """End the session of a core that waits before its first event."""
    async with asyncio.timeout(WAIT), engine.connect() as connection:
        while not (await connection.scalars(text(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS w"))).all():
            # Activity is as of the transaction's first look.
            await connection.rollback()


async def test_a_session_that_is_ended_in_the_middle_of_a_batch(
    postgres_url: str, postgres_engine: AsyncEngine, tmp_path: Path
) -> None:
    async with running_core(postgres_url, tmp_path) as core, core.edge() as edge:
        await core.add_station("CS-1")
        session = await edge.connect("CS-1", PASSWORD)
        async with postgres_engine.connect() as gate:
            await gate.execute(text("LOCK TABLE outbox IN SHARE MODE"))
            booting = asyncio.create_task(booted(core, session))
            await end_who_waits(postgres_engine)
            await gate.rollback()
        await booting


async def test_a_lock_that_is_waited_for_too_long(
    postgres_url: str, postgres_engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.db.postgres.LOCK_TIMEOUT", 0.2)
    async with running_core(postgres_url, tmp_path) as core, core.edge() as edge:
        await core.add_station("CS-1")
        session = await edge.connect("CS-1", PASSWORD)
        async with postgres_engine.connect() as gate:
            await gate.execute(text("LOCK TABLE outbox IN SHARE MODE"))
            booting = asyncio.create_task(booted(core, session))
            await somebody_waits(postgres_engine)
            # Its wait ends before that of who holds the lock.
            await asyncio.sleep(0.3)
            await gate.rollback()
        await booting


async def test_a_long_calculation_keeps_its_transaction(postgres_engine: AsyncEngine) -> None:
    """A core that lives says so; only one that stands still loses its session."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)

    def calculate() -> Steps[int]:
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            time.sleep(0.001)
            yield
        return 1

    async with unit_of_work() as work:
        await work.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2s'"))
        await work.session.execute(text("INSERT INTO probe VALUES (1, now())"))
        assert await run_cooperatively(calculate()) == 1
        await work.commit()
    async with unit_of_work(read_only=True) as work:
        assert await work.session.scalar(text("SELECT count(*) FROM probe")) == 1
    # Outside of one there is nothing to tell.
    await stay_alive()
