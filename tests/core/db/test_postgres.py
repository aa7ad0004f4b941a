"""Connections to PostgreSQL: limits of time on both sides, and their end where the server is silent."""

import asyncio
import os
import signal
import socket
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.db.postgres import AbortablePool
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import write_events
from tests.support.databases import somebody_waits
from tests.support.waiting import WAIT

LOCK = text("SELECT pg_advisory_xact_lock(7)")


def pool_of(engine: AsyncEngine) -> AbortablePool:
    pool = engine.pool
    assert isinstance(pool, AbortablePool)
    return pool


async def settings_of(engine: AsyncEngine, *names: str) -> list[str]:
    async with engine.connect() as connection:
        return [str(await connection.scalar(text(f"SHOW {name}"))) for name in names]


async def lock_once(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as work:
        await work.session.execute(LOCK)


NAMES = (
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "statement_timeout",
    "tcp_user_timeout",
    "tcp_keepalives_idle",
    "default_transaction_isolation",
)


async def test_the_server_waits_neither_for_us_nor_for_locks_without_end(postgres_engine: AsyncEngine) -> None:
    assert await settings_of(postgres_engine, *NAMES) == ["5s", "8s", "0", "10000", "10", "read committed"]


async def test_migrations_wait_for_locks_as_long_as_it_takes(postgres_url: str) -> None:
    engine = create_engine(postgres_url, limited=False)
    assert await settings_of(engine, *NAMES[:3]) == ["1min", "0", "0"]
    await engine.dispose()


async def test_our_kernel_gives_up_a_silent_server(postgres_engine: AsyncEngine) -> None:
    async with postgres_engine.connect() as connection:
        raw: Any = await connection.get_raw_connection()
        ours = raw.driver_connection._transport.get_extra_info("socket")
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000


async def test_who_stands_still_in_a_transaction_loses_its_session_and_its_locks(postgres_engine: AsyncEngine) -> None:
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)

    async def stand_still_until_another_has_the_lock() -> None:
        async with unit_of_work() as standing:
            await standing.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '100ms'"))
            await standing.session.execute(LOCK)
            async with asyncio.timeout(WAIT), unit_of_work() as other:
                await other.session.execute(LOCK)
            await standing.session.execute(LOCK)

    with pytest.raises(DatabaseUnavailable):
        await stand_still_until_another_has_the_lock()

    # What lies in the pool and was ended is handed out to nobody.
    for _ in range(3):
        await lock_once(unit_of_work)


async def test_a_pool_that_is_aborted_fails_what_waits_and_goes_on(postgres_engine: AsyncEngine) -> None:
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)

    other = create_engine(postgres_engine.url.render_as_string(hide_password=False))
    async with other.begin() as holder:
        await holder.execute(LOCK)
        waiting = asyncio.create_task(lock_once(unit_of_work))
        await somebody_waits(other)
        pool_of(postgres_engine).abort()
        with pytest.raises(DatabaseUnavailable):
            async with asyncio.timeout(WAIT):
                await waiting
    await lock_once(unit_of_work)
    await other.dispose()


async def test_a_backend_that_stands_still_is_left_at_once(postgres_engine: AsyncEngine) -> None:
    """No goodbye is waited for, since it would not be read."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    async with unit_of_work() as work:
        pid = int(await work.session.scalar(text("SELECT pg_backend_pid()")) or 0)
    os.kill(pid, signal.SIGSTOP)
    try:
        loop, aborted = asyncio.get_running_loop(), 0.0

        def abort() -> None:
            nonlocal aborted
            aborted = loop.time()
            pool_of(postgres_engine).abort()

        loop.call_later(0.3, abort)
        with pytest.raises(DatabaseUnavailable):
            await lock_once(unit_of_work)
        # A goodbye is waited for 2 seconds long.
        assert loop.time() - aborted < 2
        await lock_once(unit_of_work)
    finally:
        os.kill(pid, signal.SIGCONT)
