"""A disk that is full is an outage, and never a message's fault: it takes one row still, and a batch no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, func, select, text

from citrine.ocpp.v2.transactions_pb2 import (
    TRANSACTION_EVENT_ENUM_STARTED,
    TRANSACTION_EVENT_ENUM_UPDATED,
    TRIGGER_REASON_ENUM_METER_VALUE_PERIODIC,
    Transaction,
    TransactionEventRequest,
    TransactionEventResponse,
)
from citrine.ocpp.v2.types_pb2 import CustomData
from citrine_core.blocks.transactions import TransactionEvent
from citrine_core.db import UnitOfWorkFactory, create_engine
from citrine_core.dispatch.models import PoisonedMessage
from citrine_core.events import write_events
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import timestamp
from tests.support.waiting import WAIT

EVENTS = 100

FULL_OF_POSTGRES = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM added) > 5 THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
END $$
"""

TRIGGER_OF_POSTGRES = (
    "CREATE TRIGGER full_disk AFTER INSERT ON transaction_events REFERENCING NEW TABLE AS added "
    "FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"
)


@asynccontextmanager
async def almost_full(core: RunningCore) -> AsyncIterator[None]:
    """Have the database take a row, and no more than a few, for the time of a block.

    As the databases say it when it happens: SQLite by a limit of its own, PostgreSQL by its code for a full disk.
    """
    engine = core.core.engine
    if engine.dialect.name == "sqlite":
        async with engine.connect() as connection:
            pages = await connection.scalar(text("PRAGMA page_count"))
        limit = [pages + 4]

        def on_begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count={limit[0]}")

        event.listen(engine.sync_engine, "begin", on_begin)
        yield
        limit[0] = 1 << 30
        return
    async with engine.begin() as connection:
        await connection.execute(text(FULL_OF_POSTGRES))
        await connection.execute(text(TRIGGER_OF_POSTGRES))
    yield
    async with engine.begin() as connection:
        await connection.execute(text("DROP TRIGGER full_disk ON transaction_events"))
        await connection.execute(text("DROP FUNCTION full_disk()"))


def events() -> list[TransactionEventRequest]:
    """Return the events of a transaction, of which a batch needs more than some pages."""
    return [
        TransactionEventRequest(
            event_type=TRANSACTION_EVENT_ENUM_UPDATED if number else TRANSACTION_EVENT_ENUM_STARTED,
            timestamp=timestamp(),
            trigger_reason=TRIGGER_REASON_ENUM_METER_VALUE_PERIODIC,
            seq_no=number,
            transaction_info=Transaction(transaction_id="T-1"),
            custom_data=CustomData(vendor_id="x" * 200),
        )
        for number in range(EVENTS)
    ]


async def test_a_full_disk_refuses_no_message(core: RunningCore, caplog: Any) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        async with almost_full(core):
            calls = [edge.put_call(session.ref, message) for message in events()]
            async with asyncio.timeout(WAIT):
                while (await edge.next("serving")).serving:
                    pass
            # One row is taken still, and the outage lasts all the same.
            assert await core.core.health.probe()
            async with core.core.unit_of_work(read_only=True) as work:
                assert await work.session.scalar(select(func.count()).select_from(PoisonedMessage)) == 0
            assert not core.core.health.serving
        async with asyncio.timeout(WAIT):
            assert (await edge.next("serving")).serving

        # The edge sends again what was not answered.
        unanswered = [call for call in calls if not edge._answers[call].done()]
        assert unanswered
        answers = await session.call_all(events())

    assert {type(answer) for answer in answers} == {TransactionEventResponse}
    async with core.core.unit_of_work(read_only=True) as work:
        assert await work.session.scalar(select(func.count()).select_from(TransactionEvent)) == EVENTS
        assert await work.session.scalar(select(func.count()).select_from(PoisonedMessage)) == 0
    assert [record for record in caplog.records if "not available" in record.message]


async def test_a_rehearsal_on_sqlite_writes_to_the_disk(sqlite_url: str) -> None:
    """Otherwise it would be the commit that finds the disk full, and a rehearsal does not commit."""
    engine = create_engine(sqlite_url)
    log = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///") + "-wal")
    unit_of_work = UnitOfWorkFactory(engine, write_events)
    sizes = {}
    for kind, opened in (("ordinary", unit_of_work()), ("rehearsal", unit_of_work.rehearsal())):
        async with opened as work:
            before = log.stat().st_size if log.exists() else 0
            await work.session.execute(text("CREATE TABLE large (text TEXT)"))
            for _ in range(100):
                await work.session.execute(text("INSERT INTO large VALUES (hex(randomblob(2000)))"))
            sizes[kind] = log.stat().st_size - before
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'large'")) == 0
        assert await connection.scalar(text("PRAGMA cache_size")) < -1000
    await engine.dispose()

    assert sizes["ordinary"] < 10_000
    assert sizes["rehearsal"] > 300_000
