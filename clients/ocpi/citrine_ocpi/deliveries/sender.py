"""Sends what waits for partners: to each of them apart, in the order of its objects, beside other replicas."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.deliveries.attempts import LASTING, Attempt, Outcome, attempt, pause_after
from citrine_ocpi.deliveries.outbox import Outbox
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.deliveries.tables import CircuitRow, DeliveryRow
from citrine_ocpi.deliveries.unreached import store_unreached
from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partner import Partner
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport.client import PartnerClient

__all__ = ["Sender"]

POLL_INTERVAL = 1.0
"""Seconds after which one looks for what another replica stored, and for what is due again."""

AT_A_TIME = 8
"""Objects that are sent to one partner at the same time."""

FAILURES_TO_OPEN = 3
"""Failures in a row after which a partner is left alone for a while."""

_logger = logging.getLogger(__name__)


class Sender:
    """Delivers what is in the outbox. `run` goes on until it is cancelled.

    Each partner has a task of its own, so one who is slow or dead delays nobody. What a task sends is leased: where it
    is cancelled or its process ends, somebody else goes on after the lease.

    Args:
        database: Where deliveries are.
        outbox: Says when there is something.
        partners: Reads them.
        client: Calls them.
        metrics: What is counted.
        timeout: Seconds that a partner may take to answer.
        retention: How long something is tried, but what is kept until it is acknowledged.
        clock: Returns the time now.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        partners: Partners,
        client: PartnerClient,
        metrics: Metrics,
        *,
        timeout: float,
        retention: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._partners = partners
        self._client = client
        self._metrics = metrics
        # A PATCH that is refused is followed by a PUT.
        self._lease = timedelta(seconds=2 * timeout + 10)
        self._retention = retention
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        """Partners for whom something came while their task ran."""

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._outbox.filled.clear()
                    try:
                        async with self._database.reading() as session:
                            due = await DeliveryRepository(session).due_partners(self._clock())
                    except (SQLAlchemyError, OSError):
                        _logger.exception("what waits for partners can't be read")
                        due = ()
                    for partner_id in due:
                        if partner_id in self._tasks:
                            self._again.add(partner_id)
                        else:
                            self._tasks[partner_id] = tasks.create_task(
                                self._serve(partner_id), name=f"to {partner_id}"
                            )
                    try:
                        async with asyncio.timeout(POLL_INTERVAL):
                            await self._outbox.filled.wait()
                    except TimeoutError:
                        pass
        finally:
            self._tasks.clear()

    async def _serve(self, partner_id: str) -> None:
        """Deliver to one partner until nothing is due."""
        try:
            while await self._deliver(partner_id):
                pass
        except Exception:
            # It is tried again after the next poll.
            _logger.exception("delivering failed", extra={"partner": partner_id})
            await asyncio.sleep(POLL_INTERVAL)
        finally:
            self._tasks.pop(partner_id, None)
            if partner_id in self._again:
                # It may have been stored after the last look.
                self._again.discard(partner_id)
                self._outbox.filled.set()

    async def _deliver(self, partner_id: str) -> bool:
        """Send what is due. Return False when nothing is, or the partner is left alone."""
        partner = await self._partners.find(partner_id)
        if partner is None or not partner.is_registered or partner.is_suspended:
            return False
        now = self._clock()
        until = now + self._lease
        async with self._database.writing() as session:
            repository = DeliveryRepository(session)
            circuit = await repository.circuit(partner_id)
            if circuit is not None and circuit.open_time is not None and circuit.open_time > now:
                return False
            # After failures one of them finds out whether it is there again.
            is_probe = circuit is not None and circuit.failures >= FAILURES_TO_OPEN
            limit = 1 if is_probe else AT_A_TIME
            rows = await repository.claim(partner_id, limit, now, until, is_hub=partner.is_hub)
        if not rows:
            return False
        results = await asyncio.gather(*(self._attempt(partner, row) for row in rows))
        await self._store(partner, [*zip(rows, results, strict=True)], until)
        return True

    async def _attempt(self, partner: Partner, row: DeliveryRow) -> Attempt:
        try:
            return await attempt(self._client, partner, row, self._clock())
        except Exception as error:
            _logger.exception("an attempt failed", extra={"partner": partner.partner_id, "object": row.object_key})
            return Attempt(Outcome.FAILED, f"internal error: {type(error).__name__}")

    async def _store(self, partner: Partner, done: Sequence[tuple[DeliveryRow, Attempt]], until: datetime) -> None:
        partner_id, now = partner.partner_id, self._clock()
        async with self._database.writing() as session:
            repository = DeliveryRepository(session)
            is_over = (Outcome.DELIVERED, Outcome.UNWANTED)
            if partner.is_hub:
                done = await store_unreached(repository, partner_id, done, now)
            await self._finish([(row, result) for row, result in done if result.outcome in is_over], repository, until)
            for row, result in done:
                if result.outcome not in is_over:
                    await self._put_back(repository, row, result, until, now)
                if result.location:
                    for notify in self._outbox.acknowledged:
                        await notify(session, row, result.location)
            await self._store_circuit(repository, partner_id, [result for _, result in done], now)

    async def _finish(
        self, done: Sequence[tuple[DeliveryRow, Attempt]], repository: DeliveryRepository, until: datetime
    ) -> None:
        """Store what needs no other attempt."""
        if not done:
            return
        now = self._clock()
        finished = await repository.finish([row for row, _ in done], until)
        delivered = [row for row, result in done if result.outcome is Outcome.DELIVERED]
        # The partner has newer versions than what was given up. What is posted has one version.
        if replaced := [row for row in delivered if row.method != "POST"]:
            await repository.forget_dead(replaced)
        for row, result in done:
            if row.delivery_id not in finished:
                # A newer version of it came meanwhile.
                await repository.release(row.delivery_id, until, attempts=0, create_time=now, due_time=now)
            self._metrics.deliveries.labels(row.module, result.outcome.name.lower()).inc()
        for row in delivered:
            self._metrics.delivery_delay.labels(row.module).observe((now - row.create_time).total_seconds())

    async def _put_back(
        self, repository: DeliveryRepository, row: DeliveryRow, result: Attempt, until: datetime, now: datetime
    ) -> None:
        """Store what became of an attempt after which another one is needed, or none is of use."""
        outcome = "retried"
        is_late = row.module not in LASTING and now - row.create_time > self._retention
        if result.outcome is Outcome.REFUSED or is_late:
            outcome = "dead"
            _logger.warning(
                "a delivery was given up",
                extra={"partner": row.partner_id, "object": row.object_key, "problem": result.problem},
            )
            await repository.forget_dead([row])
            await repository.release(
                row.delivery_id, until, dead_time=now, attempts=row.attempts + 1, problem=result.problem
            )
        else:
            pause = max(pause_after(row.attempts + 1), timedelta(seconds=result.retry_after))
            # It may have got a part: next it gets the whole.
            values = {"changes": ""} if row.method == "PUT" else {}
            await repository.release(
                row.delivery_id,
                until,
                due_time=now + pause,
                attempts=row.attempts + 1,
                problem=result.problem,
                **values,
            )
        self._metrics.deliveries.labels(row.module, outcome).inc()

    async def _store_circuit(
        self, repository: DeliveryRepository, partner_id: str, results: Sequence[Attempt], now: datetime
    ) -> None:
        circuit = await repository.circuit(partner_id)
        failed = [one for one in results if one.outcome is Outcome.FAILED]
        if not failed or len(failed) < len(results):
            # Whoever answers is there, whatever it makes of one object.
            if circuit is not None:
                circuit.failures, circuit.open_time, circuit.problem = 0, None, ""
            if not failed:
                return
        if circuit is None:
            circuit = CircuitRow(partner_id=partner_id, failures=0, open_time=None, problem="")
            repository.add_circuit(circuit)
        wanted = max(one.retry_after for one in failed)
        if len(failed) == len(results):
            circuit.failures += 1
            circuit.problem = failed[0].problem
        if circuit.failures >= FAILURES_TO_OPEN:
            circuit.open_time = now + pause_after(circuit.failures - FAILURES_TO_OPEN + 1)
        if wanted:
            circuit.open_time = max(circuit.open_time or now, now + timedelta(seconds=wanted))
