"""Handlers of answers to checks."""

from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_FORGOTTEN, SETTLEMENT_NOT_QUEUED
from citrine.events.v1.events_pb2 import Event, TransactionChecked
from citrine.ocpp.v2.transactions_pb2 import GetTransactionStatusRequest, GetTransactionStatusResponse
from citrine_core.blocks.transactions.checks.repository import FIRST_RETRY, CheckRepository
from citrine_core.blocks.transactions.known_costs import find_summaries
from citrine_core.blocks.transactions.settlement import Settlements
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.services import Services

__all__ = ["CheckHandlers"]


class CheckHandlers:
    """Handles answers to GetTransactionStatus (E14)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._settlements = Settlements(services)

    @handles_answer(GetTransactionStatusResponse)
    async def transaction_status(
        self, work: UnitOfWork, answered: Answered[GetTransactionStatusRequest, GetTransactionStatusResponse]
    ) -> None:
        """Store the answer with its transaction; close the transaction if its station has finished with it.

        An answer about all transactions (E14.FR.06) is not about a single one, and is stored in its command only.
        """
        if not answered.request.transaction_id:
            return
        key = (answered.tenant_id, answered.station_id, answered.request.transaction_id)
        response, now = answered.response, self._clock()
        ongoing = response.ongoing_indicator if response.HasField("ongoing_indicator") else None
        checks = CheckRepository(work.session)
        transaction = await checks.answered(key, ongoing, response.messages_in_queue, now)
        if transaction is None:
            return
        summaries = await find_summaries(work, key[0], [key[1:]])
        checked = TransactionChecked(
            transaction_id=transaction.transaction_id,
            ongoing=ongoing,
            messages_in_queue=response.messages_in_queue,
            transaction=summaries.get(key[1:]),
        )
        work.emit(Event(tenant_id=key[0], station_id=key[1], transaction_checked=checked))
        if transaction.settle_time is not None:
            return
        if transaction.end_time is not None:
            if not response.messages_in_queue:
                # The missing events will never arrive (E14.FR.05).
                await self._settlements.settle(work, key[0], {key[1:]}, int(SETTLEMENT_NOT_QUEUED))
        elif ongoing:
            await checks.goes_on(key)
        elif ongoing is False and not response.messages_in_queue:
            # Its end will never arrive: the station lost it (field experience), or never had it (E14.FR.01).
            await self._settlements.settle(work, key[0], {key[1:]}, int(SETTLEMENT_FORGOTTEN))

    @handles_failure(GetTransactionStatusRequest)
    async def transaction_status_failed(self, work: UnitOfWork, failed: Failed[GetTransactionStatusRequest]) -> None:
        """Store why there is no answer."""
        if failed.request.transaction_id:
            key = (failed.tenant_id, failed.station_id, failed.request.transaction_id)
            due_time = None if failed.for_good else self._clock() + FIRST_RETRY
            checks = CheckRepository(work.session)
            await checks.failed(key, failed.problem, due_time, counts=not failed.never_sent)
