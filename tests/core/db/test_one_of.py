"""Tests of membership in a set of keys, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text, update

from citrine_core.blocks.transactions import Transaction
from citrine_core.db import UnitOfWorkFactory, given_times, one_of
from citrine_core.resources.tenants import Tenant

NOW = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param(["default", "other"], ["default"], id="one of two"),
        pytest.param([], [], id="none"),
        pytest.param(["de'fault", "\u00e4"], [], id="odd text"),
    ],
)
async def test_rows_of_a_set_are_found(unit_of_work: UnitOfWorkFactory, values: list[str], found: list[str]) -> None:
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(Tenant.tenant_id).where(one_of(Tenant.tenant_id, values)))
        assert list(rows) == found


async def test_keys_match_as_a_whole_and_by_index(unit_of_work: UnitOfWorkFactory) -> None:
    awkward = "'\"\\[], ü\U0001f50c"
    async with unit_of_work() as work:
        for number, (station_id, transaction_id) in enumerate(
            [("A", "1"), ("A", "2"), ("B", "1"), ("B", "2"), (awkward, awkward)]
        ):
            work.session.add(
                Transaction(
                    tenant_id="default",
                    station_id=station_id,
                    transaction_id=transaction_id,
                    sequence=2**40 + number,
                    events=1,
                    seq_nos=1,
                    first_seq_no=0,
                    last_seq_no=-(2**31),
                    last_event_time=NOW,
                    last_event_type=1,
                    last_digest=-(2**63) + number,
                    update_time=NOW,
                )
            )
        await work.commit()

    columns = (Transaction.station_id, Transaction.last_seq_no, Transaction.last_digest)
    pairs = one_of((Transaction.station_id, Transaction.transaction_id), [("A", "2"), ("B", "1"), (awkward,) * 2])
    numbers = one_of(columns, [("A", -(2**31), -(2**63)), ("B", -(2**31), -(2**63))])
    async with unit_of_work(read_only=True) as work:
        found = await work.session.scalars(select(Transaction.sequence - 2**40).where(pairs))
        assert sorted(found) == [1, 2, 4]
        assert (await work.session.scalars(select(Transaction.sequence - 2**40).where(numbers))).all() == [0]
        assert (await work.session.scalars(select(Transaction.sequence).where(one_of(columns, [])))).all() == []

        connection = await work.session.connection()
        if connection.dialect.name == "sqlite":
            query = select(Transaction.sequence).where(Transaction.tenant_id == "default", pairs)
            compiled = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
            plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}".replace(":", "\\:")))).all()
            assert "station_id=? AND transaction_id=?" in plan[0].detail


async def test_times_given_for_keys_compare_with_stored_ones_to_the_microsecond(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    plus = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    async with unit_of_work() as work:
        await work.session.execute(update(Tenant).values(create_time=NOW))
        for time, is_before in ((plus, False), (plus + timedelta(microseconds=1), True)):
            wanted = given_times(work.session, "wanted", "tenant_id", {"default": time, "o'ther": NOW})
            query = select(Tenant.tenant_id, wanted.c.time, Tenant.create_time < wanted.c.time)
            rows = await work.session.execute(query.join(wanted, wanted.c.tenant_id == Tenant.tenant_id))
            assert [tuple(row) for row in rows] == [("default", time, is_before)]
