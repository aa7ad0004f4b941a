"""Costs in a database of the release before: its bills stand, and what it left open becomes final."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, LargeBinary, MetaData, insert, select

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as tariffs_pb
from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine_core.blocks.transactions.settlement import DueSettlements
from citrine_core.db import create_engine
from citrine_core.db.tables import metadata
from citrine_core.db.upgrade import alembic_config, upgrade
from tests.support.charging import ended, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.waiting import WAIT

STORED = json.loads((Path(__file__).parent / "data/database_at_0011.json").read_text())
"""Rows as the release before wrote them, by table: costs that run, are provisional and final, one of a transaction that
was closed without an end, and a transaction without a tariff."""


def _fill(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "0011")
    tables = MetaData()
    tables.reflect(connection, only=list(STORED))
    for name, rows in STORED.items():
        columns = tables.tables[name].c
        for row in rows:
            values = {key: _value(columns[key].type, value) for key, value in row.items()}
            connection.execute(insert(tables.tables[name]).values(**values))


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    return datetime.fromisoformat(value) if "TIME" in str(kind).upper() and isinstance(value, str) else value


@pytest.fixture
async def core(empty_database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_fill)
    await engine.dispose()
    await upgrade(empty_database_url)
    async with running_core(empty_database_url, tmp_path, station_clock_tolerance=None) as running:
        yield running


async def costs_of(core: RunningCore) -> dict[str, cost_pb.TransactionCost]:
    stub: Any = core.stub(TariffAndCostServiceStub)
    listed = (await stub.ListTransactionCosts(cost_pb.ListTransactionCostsRequest())).costs
    requests = [cost_pb.GetTransactionCostRequest(transaction_id=one.transaction_id) for one in listed]
    return {one.transaction_id: await stub.GetTransactionCost(one) for one in requests}


async def settled(core: RunningCore, *names: str) -> dict[str, cost_pb.TransactionCost]:
    """Return all costs, once those of some transactions are final: the core's own job may be at them."""
    async with asyncio.timeout(WAIT):
        while True:
            await DueSettlements(core.core.services).run()
            costs = await costs_of(core)
            if all(costs[name].state == cost_pb.COST_STATE_FINAL for name in names):
                return costs
            await asyncio.sleep(0.01)


async def test_bills_stand_as_they_were(core: RunningCore) -> None:
    costs = await settled(core, "CLOSED")

    assert {name: (one.state, one.cost.total.after_tax, one.told_total) for name, one in costs.items()} == {
        "RUNNING": (cost_pb.COST_STATE_RUNNING, costs["RUNNING"].cost.total.after_tax, "2.38"),
        "PROVISIONAL": (cost_pb.COST_STATE_PROVISIONAL, "4.17", "4.17"),
        "FINAL": (cost_pb.COST_STATE_FINAL, "4.17", "4.17"),
        # Settled by the core, as nothing more was expected of it.
        "CLOSED": (cost_pb.COST_STATE_FINAL, "2.38", "2.38"),
    }
    stored = {row["transaction_id"]: row for row in STORED["transaction_costs"]}
    for name in ("PROVISIONAL", "FINAL"):
        assert costs[name].cost == tariffs_pb.Cost.FromString(base64.b64decode(stored[name]["breakdown"]))
    assert [costs[name].settlement for name in ("FINAL", "CLOSED")] == [
        cost_pb.SETTLEMENT_COMPLETE,
        cost_pb.SETTLEMENT_FORGOTTEN,
    ]


async def test_rows_of_costs_and_transactions_are_as_they_were(core: RunningCore) -> None:
    async with core.core.unit_of_work(read_only=True) as work:
        for name, rows in STORED.items():
            table = metadata().tables[name]
            columns = [table.c[key] for key in {key for row in rows for key in row}]
            now = [dict(row) for row in (await work.session.execute(select(*columns))).mappings()]
            for row in rows:
                if row.get("transaction_id") == "CLOSED":
                    continue
                wanted = {key: _value(table.c[key].type, value) for key, value in row.items()}
                assert any(wanted.items() <= one.items() for one in now), row


async def test_what_ran_goes_on_and_what_is_final_stays(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        end = await station.call(ended(2, 11000, transaction_id="RUNNING"))
        await station.call_all([updated(1, 6000, transaction_id="PROVISIONAL")])
        await station.call_all([updated(2, 11000, transaction_id="PROVISIONAL")])
        await station.call(updated(1, 9000, minutes=1.5, transaction_id="FINAL"))

    costs = await costs_of(core)
    assert end.total_cost == 4.17
    assert {name: (costs[name].state, costs[name].cost.total.after_tax) for name in costs if name != "CLOSED"} == {
        "RUNNING": (cost_pb.COST_STATE_FINAL, "4.17"),
        "PROVISIONAL": (cost_pb.COST_STATE_FINAL, "4.17"),
        "FINAL": (cost_pb.COST_STATE_FINAL, "4.17"),
    }
    stub: Any = core.stub(TransactionsServiceStub)
    final = await stub.GetTransaction(pb.GetTransactionRequest(transaction_id="FINAL"))
    assert (final.late_events, final.energy_wh) == (1, 10000)
