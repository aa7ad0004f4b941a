"""Stores what became of attempts to deliver: those that ended meanwhile by one transaction, for whomever they were."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.deliveries.attempts import LASTING, Attempt, Outcome, pause_after
from citrine_ocpi.deliveries.outbox import Outbox
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.deliveries.tables import CircuitRow, DeliveryRow
from citrine_ocpi.deliveries.unreached import store_unreached
from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partner import Partner

__all__ = ["FAILURES_TO_OPEN", "Recorder", "Round"]

FAILURES_TO_OPEN = 3
"""Failures in a row after which a partner is left alone for a while."""

_OVER = frozenset({Outcome.DELIVERED, Outcome.UNWANTED})
"""Outcomes after which no other attempt is needed."""

_logger = logging.getLogger(__name__)

_Done = tuple[DeliveryRow, Attempt]


@dataclass(frozen=True, eq=False)
class Round:
    """What was sent to one partner at the same time, and what became of it."""

    partner: Partner
    done: Sequence[_Done]
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is stored, or could not be."""


class Recorder:
    """Stores rounds. `run` goes on until it is cancelled.

    Rounds that end while others are stored are stored together afterwards. A round that can't be stored harms no other:
    its deliveries are sent again after their lease.

    Args:
        database: Where deliveries are.
        outbox: Knows who is told where a partner has what it got.
        metrics: What is counted.
        retention: How long something is tried, but what is kept until it is acknowledged.
        clock: Returns the time now.
    """

    def __init__(
        self, database: Database, outbox: Outbox, metrics: Metrics, *, retention: timedelta, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._metrics = metrics
        self._retention = retention
        self._clock = clock
        self._waiting: list[Round] = []
        self._filled = asyncio.Event()

    async def store(self, ended: Round) -> None:
        """Store a round, and return once that is done, or has failed."""
        self._waiting.append(ended)
        self._filled.set()
        await ended.stored.wait()

    async def run(self) -> None:
        """Store what ends until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            rounds, self._waiting = self._waiting, []
            try:
                await self._store(rounds)
            except Exception:
                await self._store_each(rounds)
            for one in rounds:
                one.stored.set()

    async def _store_each(self, rounds: Sequence[Round]) -> None:
        for one in rounds:
            try:
                await self._store([one])
            except Exception:
                _logger.exception("what was delivered can't be stored", extra={"partner": one.partner.partner_id})

    async def _store(self, rounds: Sequence[Round]) -> None:
        now = self._clock()
        counted: list[tuple[str, str]] = []
        async with self._database.writing() as session:
            repository = DeliveryRepository(session)
            await repository.lock([row for one in rounds for row, _ in one.done])
            done = [each for one in rounds for each in await _judged(repository, one, now)]
            counted += await self._finish(repository, [each for each in done if each[1].outcome in _OVER], now)
            for row, result in done:
                if result.outcome not in _OVER:
                    counted.append((row.module, await self._put_back(repository, row, result, now)))
                if result.location:
                    for notify in self._outbox.acknowledged:
                        await notify(session, row, result.location)
            await self._store_circuits(repository, rounds, now)
        for module, outcome in counted:
            self._metrics.deliveries.labels(module, outcome).inc()
        for row, result in done:
            if result.outcome is Outcome.DELIVERED:
                self._metrics.delivery_delay.labels(row.module).observe((now - row.create_time).total_seconds())

    async def _finish(
        self, repository: DeliveryRepository, done: Sequence[_Done], now: datetime
    ) -> list[tuple[str, str]]:
        """Store what needs no other attempt, and return module and outcome of each."""
        if not done:
            return []
        finished = await repository.finish([row for row, _ in done])
        # The partner has newer versions than what was given up. What is posted has one version.
        replaced = [row for row, result in done if result.outcome is Outcome.DELIVERED and row.method != "POST"]
        await repository.forget_dead(replaced)
        for row, _ in done:
            if row.delivery_id not in finished:
                # A newer version of it came meanwhile.
                await repository.release(row, attempts=0, create_time=now, due_time=now)
        return [(row.module, result.outcome.name.lower()) for row, result in done]

    async def _put_back(self, repository: DeliveryRepository, row: DeliveryRow, result: Attempt, now: datetime) -> str:
        """Store what became of an attempt after which another one is needed, or none is of use; return which."""
        is_late = row.module not in LASTING and now - row.create_time > self._retention
        if result.outcome is Outcome.REFUSED or is_late:
            _logger.warning(
                "a delivery was given up",
                extra={"partner": row.partner_id, "object": row.object_key, "problem": result.problem},
            )
            await repository.forget_dead([row])
            await repository.release(row, dead_time=now, attempts=row.attempts + 1, problem=result.problem)
            return "dead"
        pause = max(pause_after(row.attempts + 1), timedelta(seconds=result.retry_after))
        # It may have got a part: next it gets the whole.
        values = {"changes": ""} if row.method == "PUT" else {}
        await repository.release(row, due_time=now + pause, attempts=row.attempts + 1, problem=result.problem, **values)
        return "retried"

    async def _store_circuits(self, repository: DeliveryRepository, rounds: Sequence[Round], now: datetime) -> None:
        """Store how well partners were reached; of each there is one round at a time."""
        circuits = await repository.circuits([one.partner.partner_id for one in rounds])
        for one in rounds:
            partner_id = one.partner.partner_id
            circuit = circuits.get(partner_id)
            results = [result for _, result in one.done]
            if circuit is None and any(result.outcome is Outcome.FAILED for result in results):
                circuit = CircuitRow(partner_id=partner_id, failures=0, open_time=None, problem="")
                repository.add_circuit(circuit)
            if circuit is not None:
                _judge(circuit, results, now)


async def _judged(repository: DeliveryRepository, ended: Round, now: datetime) -> Sequence[_Done]:
    """Return what became of attempts, with how long parties wait that a hub does not reach."""
    if not ended.partner.is_hub:
        return ended.done
    return await store_unreached(repository, ended.partner.partner_id, ended.done, now)


def _judge(circuit: CircuitRow, results: Sequence[Attempt], now: datetime) -> None:
    """Say how well a partner is reached after what became of attempts."""
    failed = [one for one in results if one.outcome is Outcome.FAILED]
    if len(failed) < len(results):
        # Whoever answers is there, whatever it makes of one object.
        circuit.failures, circuit.open_time, circuit.problem = 0, None, ""
    if not failed:
        return
    if len(failed) == len(results):
        circuit.failures += 1
        circuit.problem = failed[0].problem
    if circuit.failures >= FAILURES_TO_OPEN:
        circuit.open_time = now + pause_after(circuit.failures - FAILURES_TO_OPEN + 1)
    if wanted := max(one.retry_after for one in failed):
        circuit.open_time = max(circuit.open_time or now, now + timedelta(seconds=wanted))
