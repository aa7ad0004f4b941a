"""Jobs that do many objects in one transaction: one that fails each time holds up no other, and is due later."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from citrine.api.v1 import tariffs_pb2
from citrine.api.v1.security_pb2 import CERTIFICATE_ORDER_STATE_SENT, CERTIFICATE_ORDER_STATE_SIGNED
from citrine.edge.v1.link_pb2 import Command
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2, security_pb2
from citrine.ocpp.v2.tariff_and_cost_pb2 import CostUpdatedRequest, CostUpdatedResponse
from citrine_core.blocks.security.orders import delivery
from citrine_core.blocks.security.orders.delivery import Delivery
from citrine_core.blocks.security.orders.models import CertificateOrder
from citrine_core.blocks.tariff_and_cost.transaction_costs import RunningCosts
from citrine_core.blocks.transactions.limits import LimitChecks
from citrine_core.blocks.transactions.settlement import jobs
from citrine_core.blocks.transactions.settlement.jobs import DueSettlements
from citrine_core.db.tables import metadata
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_transaction_costs import Costs
from tests.support.charging import started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge
from tests.support.waiting import WAIT

STATIONS = [f"CS-{number}" for number in range(1, 6)]
FAILING = "CS-3"
OTHERS = [station_id for station_id in STATIONS if station_id != FAILING]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

ANSWERS: dict[type[Message], Message] = {
    CostUpdatedRequest: CostUpdatedResponse(),
    security_pb2.CertificateSignedRequest: security_pb2.CertificateSignedResponse(
        status=security_pb2.CERTIFICATE_SIGNED_STATUS_ENUM_ACCEPTED
    ),
    remote_control_pb2.RequestStopTransactionRequest: remote_control_pb2.RequestStopTransactionResponse(
        status=remote_control_pb2.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
    ),
}


class Yard:
    """Stations that charge, and do as they are told."""

    def __init__(self, core: RunningCore, edge: FakeEdge) -> None:
        self.core = core
        self._edge = edge

    def asked(self, kind: type[Message]) -> set[str]:
        """Return the stations that were sent a message of a type."""
        sent = [command for command in self._edge.commands if isinstance(unwrap(command.request), kind)]
        return {command.session.station_id for command in sent}

    async def fail(self, table: str, condition: str) -> None:
        """Have the database refuse a change of a row."""
        async with self.core.core.unit_of_work() as work:
            connection = await work.session.connection()
            if connection.dialect.name == "sqlite":
                statements = [
                    f"CREATE TRIGGER failing BEFORE UPDATE ON {table} WHEN {condition}"
                    " BEGIN SELECT RAISE(ABORT, 'broken'); END"
                ]
            else:
                statements = [
                    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql"
                    " AS 'BEGIN RAISE EXCEPTION ''broken''; END'",
                    f"CREATE TRIGGER failing BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition})"
                    " EXECUTE FUNCTION fail()",
                ]
            for statement in statements:
                await connection.execute(text(statement))
            await work.commit()

    async def change(self, name: str, station_id: str = "", **values: Any) -> None:
        """Change the rows of a table, or of one station in it."""
        table = metadata().tables[name]
        async with self.core.core.unit_of_work() as work:
            query = update(table).where(table.c.station_id == station_id) if station_id else update(table)
            await work.session.execute(query.values(**values))
            await work.commit()

    @contextlib.asynccontextmanager
    async def locked(self, name: str, station_ids: Sequence[str]) -> AsyncIterator[None]:
        """Have another core hold the rows of stations, where two can write at a time."""
        columns = metadata().tables[name].c
        has_one_writer = self.core.core.services.settings.database.startswith("sqlite")
        async with self.core.core.unit_of_work(read_only=has_one_writer) as work:
            held = select(columns.station_id).where(columns.station_id.in_(station_ids)).with_for_update()
            await work.session.execute(held)
            yield
            # PostgreSQL may have ended it meanwhile, since it was idle for long.
            await work.session.execute(held)

    async def column(self, table: str, column: str) -> dict[str, Any]:
        """Return a column of the row of each station."""
        columns = metadata().tables[table].c
        async with self.core.core.unit_of_work(read_only=True) as work:
            rows = await work.session.execute(select(columns.station_id, columns[column]))
            return {row[0]: row[1] for row in rows}

    async def until(self, run: Callable[[], Awaitable[None]], is_done: Callable[[], Awaitable[bool]]) -> None:
        """Run a job until the others are done: the core's own job may be at some of them."""
        async with asyncio.timeout(WAIT):
            while not await is_done():
                await run()
                await asyncio.sleep(0.01)


@pytest.fixture
async def yard(core: RunningCore) -> AsyncIterator[Yard]:
    async with core.edge() as edge:

        def answer(command: Command) -> Message:
            return ANSWERS[type(unwrap(command.request))]

        edge.on_command = answer
        found = Yard(core, edge)
        await Costs(core).assign(tariff(element(component("ENERGY", "1.00")), tariff_id="KWH"))
        for station_id in STATIONS:
            await core.add_station(station_id, registration=1)
            session, name = await edge.connect(station_id, PASSWORD), f"T-{station_id}"
            await session.call_all([started(0, 0, transaction_id=name), updated(1, 1000, transaction_id=name)])
        yield found


async def test_a_transaction_that_can_not_be_settled_holds_up_no_other(yard: Yard) -> None:
    await yard.fail("transactions", f"NEW.station_id = '{FAILING}' AND NEW.settle_time IS NOT NULL")
    await yard.change("transactions", settle_due_time=LONG_AGO)

    async def is_done() -> bool:
        times = await yard.column("transactions", "settle_time")
        return all(times[station_id] is not None for station_id in OTHERS)

    await yard.until(DueSettlements(yard.core.core.services).run, is_done)

    assert (await yard.column("transactions", "settle_time"))[FAILING] is None
    assert (await yard.column("transactions", "settle_due_time"))[FAILING] > LONG_AGO


async def test_transactions_that_another_core_settles_hold_up_no_other(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_AT_A_TIME", 2)
    taken = STATIONS[:2]

    async def is_done() -> bool:
        times = await yard.column("transactions", "settle_time")
        return all(times[station_id] is not None for station_id in STATIONS if station_id not in taken)

    for age, station_id in enumerate(reversed(STATIONS)):
        await yard.change("transactions", station_id, settle_due_time=LONG_AGO - timedelta(days=age))
    async with yard.locked("transactions", taken):
        await yard.until(DueSettlements(yard.core.core.services).run, is_done)


async def limit_all(yard: Yard, cost_of_failing: str | None = None) -> None:
    """Have the transactions of all stations be over their limits."""
    row = {"max_energy_wh": 1.0, "max_seconds": None, "prepaid": False, "watches_token": False, "state": 1, "reason": 0}
    table = metadata().tables["transaction_limits"]
    async with yard.core.core.unit_of_work() as work:
        now = yard.core.core.services.clock()
        for station_id in STATIONS:
            key = {"tenant_id": "default", "station_id": station_id, "transaction_id": f"T-{station_id}"}
            cost = cost_of_failing if station_id == FAILING else None
            times = {"due_time": LONG_AGO, "update_time": now, "reach_time": None}
            others = {"attempts": 0, "problem": "", "set_by": "", "max_cost": cost}
            await work.session.execute(table.insert().values(**row, **key, **times, **others))
        await work.commit()


async def test_a_limit_that_can_not_be_checked_holds_up_no_other(yard: Yard) -> None:
    await limit_all(yard, "no amount")

    async def is_done() -> bool:
        return yard.asked(remote_control_pb2.RequestStopTransactionRequest) >= set(OTHERS)

    await yard.until(LimitChecks(yard.core.core.services, lambda: None).run, is_done)

    assert FAILING not in yard.asked(remote_control_pb2.RequestStopTransactionRequest)
    assert (await yard.column("transaction_limits", "due_time"))[FAILING] > LONG_AGO


async def test_transactions_whose_stops_are_stored_are_stopped_although_the_run_fails(yard: Yard) -> None:
    """One that can't be postponed either ends the run, behind the commits of the others."""
    await yard.fail("transaction_limits", f"NEW.station_id = '{FAILING}'")
    await limit_all(yard)
    checks = LimitChecks(yard.core.core.services, lambda: None)

    async def run() -> None:
        # Unless the core's own job is at it.
        with contextlib.suppress(DBAPIError):
            await checks.run()

    async def is_done() -> bool:
        return yard.asked(remote_control_pb2.RequestStopTransactionRequest) >= set(OTHERS)

    await yard.until(run, is_done)

    assert FAILING not in yard.asked(remote_control_pb2.RequestStopTransactionRequest)


async def test_a_running_cost_that_can_not_be_computed_holds_up_no_other(yard: Yard) -> None:
    settings = tariffs_pb2.CostSettings(running_cost=tariffs_pb2.RUNNING_COST_COST_UPDATED)
    await yard.change("transaction_costs", FAILING, accrual=b"no accrual")
    await Costs(yard.core).tariffs.UpdateCostSettings(tariffs_pb2.UpdateCostSettingsRequest(settings=settings))
    await yard.change("transaction_costs", next_time=LONG_AGO, told_total=None)

    async def is_done() -> bool:
        return yard.asked(CostUpdatedRequest) >= set(OTHERS)

    await yard.until(RunningCosts(yard.core.core.services).run, is_done)

    assert FAILING not in yard.asked(CostUpdatedRequest)
    assert (await yard.column("transaction_costs", "next_time"))[FAILING] > LONG_AGO


async def order_all(yard: Yard) -> None:
    """Have a certificate be due for all stations."""
    now = yard.core.core.services.clock()
    async with yard.core.core.unit_of_work() as work:
        for station_id in STATIONS:
            work.session.add(
                CertificateOrder(
                    order_id=f"O-{station_id}",
                    tenant_id="default",
                    station_id=station_id,
                    certificate_type=0,
                    csr="",
                    csr_digest="",
                    common_name=station_id,
                    state=CERTIFICATE_ORDER_STATE_SIGNED,
                    chain="-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
                    next_time=LONG_AGO,
                    create_time=now,
                    update_time=now,
                )
            )
        await work.commit()


async def test_a_certificate_that_can_not_be_sent_holds_up_no_other(yard: Yard) -> None:
    condition = f"NEW.station_id = '{FAILING}' AND NEW.state = {CERTIFICATE_ORDER_STATE_SENT}"
    await yard.fail("certificate_orders", condition)
    await order_all(yard)

    async def is_done() -> bool:
        return yard.asked(security_pb2.CertificateSignedRequest) >= set(OTHERS)

    await yard.until(Delivery(yard.core.core.services).run, is_done)

    assert FAILING not in yard.asked(security_pb2.CertificateSignedRequest)
    assert (await yard.column("certificate_orders", "next_time"))[FAILING] > LONG_AGO


async def test_certificates_that_another_core_sends_are_left_to_it(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST", len(STATIONS))
    await order_all(yard)
    run = Delivery(yard.core.core.services).run

    async with yard.locked("certificate_orders", STATIONS), asyncio.timeout(WAIT):
        await run()

    async def is_done() -> bool:
        return yard.asked(security_pb2.CertificateSignedRequest) >= set(STATIONS)

    await yard.until(run, is_done)
