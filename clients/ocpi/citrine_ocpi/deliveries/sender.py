"""Sends what waits for partners: to each of them apart, in the order of its objects, beside other replicas."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.deliveries.attempts import Attempt, Outcome, attempt
from citrine_ocpi.deliveries.outbox import Outbox
from citrine_ocpi.deliveries.recording import FAILURES_TO_OPEN, Recorder, Round
from citrine_ocpi.deliveries.repository import DeliveryRepository, DuePartner
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partner import Partner
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport.client import PartnerClient

__all__ = ["Sender"]

POLL_INTERVAL = 1.0
"""Seconds after which one looks for what another replica stored, and for what is due again."""

AT_A_TIME = 16
"""Objects that are sent to one partner at the same time."""

_logger = logging.getLogger(__name__)


class Sender:
    """Delivers what is in the outbox. `run` goes on until it is cancelled.

    What is due for all partners is claimed by one transaction, and sent by a task for each partner, so one who is slow
    or dead delays nobody: it has no more than its own task, and that no more than `AT_A_TIME` requests. What is sent is
    leased: where a process ends, somebody else goes on after the lease.

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
        self._timeout = timedelta(seconds=timeout)
        # A PATCH that is refused is followed by a PUT.
        self._lease = 2 * self._timeout + timedelta(seconds=10)
        self._clock = clock
        self._recorder = Recorder(database, outbox, metrics, retention=retention, clock=clock)
        self._served: set[str] = set()
        """Partners to whom something is being sent."""
        self._partners_called: dict[str, tuple[tuple[Any, ...], Partner]] = {}
        """Each with the credentials that it was read with."""

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._recorder.run(), name="record deliveries")
                while True:
                    self._outbox.filled.clear()
                    try:
                        await self._begin_rounds(tasks)
                    except Exception:
                        # It is tried again after the next poll.
                        _logger.exception("what waits for partners can't be sent")
                        await asyncio.sleep(POLL_INTERVAL)
                    try:
                        async with asyncio.timeout(POLL_INTERVAL):
                            await self._outbox.filled.wait()
                    except TimeoutError:
                        pass
        finally:
            self._served.clear()

    async def _begin_rounds(self, tasks: asyncio.TaskGroup) -> None:
        """Send what is due to all partners to whom nothing is being sent."""
        async with self._database.reading() as session:
            found = await DeliveryRepository(session).due_partners(self._clock())
        due = {partner_id: one for partner_id, one in found.items() if partner_id not in self._served}
        partners = {partner_id: await self._partner(partner_id, one) for partner_id, one in due.items()}
        rows = await self._claim({name: one for name, one in due.items() if partners[name] is not None})
        for partner_id, own in rows.items():
            partner = partners[partner_id]
            assert partner is not None
            self._served.add(partner_id)
            tasks.create_task(self._serve(partner, own), name=f"to {partner_id}")

    async def _partner(self, partner_id: str, due: DuePartner) -> Partner | None:
        """Return a partner as it is called now. None: it is gone, or can't be read."""
        known = self._partners_called.get(partner_id)
        # Whether it is a hub depends on who is behind it.
        if known is not None and known[0] == due.credentials and not due.may_be_hub:
            return known[1]
        self._partners_called.pop(partner_id, None)
        try:
            partner = await self._partners.find(partner_id)
        except Exception:
            _logger.exception("a partner can't be read", extra={"partner": partner_id})
            return None
        if partner is not None:
            self._partners_called[partner_id] = (due.credentials, partner)
        return partner

    async def _claim(self, due: Mapping[str, DuePartner]) -> Mapping[str, Sequence[DeliveryRow]]:
        """Return what is to be sent to partners, which nobody else sends meanwhile.

        Args:
            due: The partners.
        """
        if not due:
            return {}
        now = self._clock()
        claimed: dict[str, list[DeliveryRow]] = defaultdict(list)
        async with self._database.writing() as session:
            repository = DeliveryRepository(session)
            ids: list[int] = []
            for partner_id, one in sorted(due.items()):
                # After failures one of them finds out whether it is there again.
                limit = 1 if one.failures >= FAILURES_TO_OPEN else AT_A_TIME
                ids += await repository.find_due(partner_id, limit, now, is_hub=one.may_be_hub)
            for row in await repository.claim(ids, now, now + self._lease):
                claimed[row.partner_id].append(row)
        return claimed

    async def _serve(self, partner: Partner, rows: Sequence[DeliveryRow]) -> None:
        """Send something to one partner, and have it stored what became of it."""
        try:
            results = await asyncio.gather(*(self._attempt(partner, row) for row in rows))
            await self._recorder.store(Round(partner, [*zip(rows, results, strict=True)]))
        finally:
            self._served.discard(partner.partner_id)
            # There may be more of it.
            self._outbox.filled.set()

    async def _attempt(self, partner: Partner, row: DeliveryRow) -> Attempt:
        assert row.lease_time is not None
        try:
            # An answer is there before the lease ends.
            return await attempt(self._client, partner, row, self._clock, row.lease_time - self._timeout)
        except Exception as error:
            _logger.exception("an attempt failed", extra={"partner": partner.partner_id, "object": row.object_key})
            return Attempt(Outcome.FAILED, f"internal error: {type(error).__name__}")
