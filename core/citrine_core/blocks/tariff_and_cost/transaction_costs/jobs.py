"""Tells stations what charging costs so far, by CostUpdated (I02)."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2.tariff_and_cost_pb2 import CostUpdatedRequest
from citrine_core.background import Apart
from citrine_core.blocks.tariff_and_cost.accrual import Accrual
from citrine_core.blocks.tariff_and_cost.calculation import total_of
from citrine_core.blocks.tariff_and_cost.transaction_costs.cache import Tariffs, Tenants
from citrine_core.blocks.tariff_and_cost.transaction_costs.cost_details import running_details
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRepository, DueCost
from citrine_core.blocks.transactions.queries import find_unnumbered_registers
from citrine_core.errors import CoreError
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["INTERVAL", "RunningCosts"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=2)
"""How often it is looked for costs that are due."""

AT_ONCE = 20
"""Stations that are told at the same time."""

MANY = 200
"""Costs that are taken at a time."""

TIMEOUT = Duration(seconds=15)
"""What a station has to answer."""

WHO = "running cost"


class RunningCosts:
    """Sends the running costs that are due; each is sent by one core."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tenants = Tenants.of(services)
        self._tariffs = Tariffs()
        self._apart: Apart[tuple[str, str, str]] = Apart("running costs")
        self._preparing: Apart[tuple[str, str, str]] = Apart("running costs")

    async def run(self) -> None:
        """Send what is due."""
        while (due := await self._claim()) is not None:
            places = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as tasks:
                for one, request in due:
                    sending = self._apart.run(one[:3], self._send, one, request, places)
                    tasks.create_task(sending, name=f"cost of {one.transaction_id}")

    async def _claim(self) -> Sequence[tuple[DueCost, CostUpdatedRequest]] | None:
        """Return what is to be sent, and say when it is due again. None: nothing is due."""
        now = self._services.clock()
        found: list[tuple[DueCost, CostUpdatedRequest]] = []
        async with self._services.unit_of_work(read_only=True) as work:
            # Mostly there is nothing, and then nobody has to wait for a turn to write.
            due = await CostRepository(work.session).find_due(now, MANY)
            if not due:
                return None

        async def prepare(keys: Sequence[tuple[str, str, str]]) -> None:
            found.extend(await self._prepare(keys, now))

        failed = await self._preparing.run_together(due, prepare)
        if failed:
            async with self._services.unit_of_work() as work:
                times = {key: now + self._preparing.pause_of(key) for key in failed}
                await CostRepository(work.session).put_next_times(times)
                await work.commit()
        return found

    async def _prepare(
        self, keys: Sequence[tuple[str, str, str]], now: datetime
    ) -> list[tuple[DueCost, CostUpdatedRequest]]:
        found, times = [], {}
        async with self._services.unit_of_work() as work:
            costs = CostRepository(work.session)
            rows = await costs.claim_due(now, timedelta(minutes=1), keys)
            for tenant_id in {row.tenant_id for row in rows}:
                settings = await self._tenants.get(work, tenant_id)
                of_tenant = [row for row in rows if row.tenant_id == tenant_id]
                tariffs = await self._tariffs.find(work, tenant_id, {row.tariff for row in of_tenant})
                registers = await find_unnumbered_registers(work.session, tenant_id, {row[1:3] for row in of_tenant})
                for row in of_tenant:
                    if row.tariff not in tariffs:
                        continue
                    rules = tariffs[row.tariff][1]
                    times[row[:3]] = now + (rules.interval or settings.interval)
                    accrual = Accrual.load(row.accrual)
                    moment = accrual.moment_after(now - row.update_time)
                    total = total_of(rules, accrual.until(rules, moment))[1]
                    if settings.sends and (row.told_total is None or Decimal(row.told_total) != total):
                        request = CostUpdatedRequest(total_cost=float(total), transaction_id=row.transaction_id)
                        if row[1:3] in registers:
                            details = running_details(rules, accrual, moment, registers[row[1:3]])
                            request.custom_data.CopyFrom(details)
                        found.append((row, request))
            await costs.put_next_times(times)
            await work.commit()
        return found

    async def _send(self, one: DueCost, request: CostUpdatedRequest, places: asyncio.Semaphore) -> None:
        target = CommandTarget(station_id=one.station_id, timeout=TIMEOUT, reason=WHO)
        async with places:
            try:
                await self._services.commands.send(system_caller(one.tenant_id, WHO), target, request)
            except CoreError as error:
                # It comes again at its interval, as long as the transaction goes on.
                logger.info(
                    "the running cost was not sent to a station",
                    extra={"station_id": one.station_id, "transaction_id": one.transaction_id, "error": str(error)},
                )
