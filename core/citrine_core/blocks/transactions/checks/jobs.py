"""The job that sends due checks, station by station."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1.transactions_pb2 import TransactionCheck
from citrine.ocpp.v2.transactions_pb2 import GetTransactionStatusRequest
from citrine_core.background import Apart
from citrine_core.blocks.transactions.checks.repository import CheckRepository, Question
from citrine_core.errors import CoreError
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["INTERVAL", "TransactionChecks"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=20)
"""Interval of the job."""

MOST_AT_A_TIME = 200
"""Largest number of questions claimed at a time."""

MOST_UNDER_WAY = 16
"""Largest number of concurrent questions."""

_REASONS: Mapping[int, str] = {
    TransactionCheck.REASON_GAP: "events of the transaction are missing",
    TransactionCheck.REASON_BACK: "the station is back and has not mentioned the transaction",
    TransactionCheck.REASON_SILENT: "nothing was heard of the transaction for long",
    TransactionCheck.REASON_OVER: "another transaction began at its EVSE, or its connector is available",
    TransactionCheck.REASON_REQUESTED: "messages of the transaction were queued",
}


class TransactionChecks:
    """Asks stations about transactions with missing events, and about silent open ones."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._commands = services.commands
        self._delay = services.settings.transaction_check_delay
        self._silence = services.settings.transaction_silence
        self._apart: Apart[tuple[str, str, str]] = Apart("transaction checks")

    async def run(self) -> None:
        """Send all questions that are due now. A question without an answer becomes due again later."""
        while questions := await self._claim():
            limit = asyncio.Semaphore(MOST_UNDER_WAY)
            async with asyncio.TaskGroup() as tasks:
                for question in questions:
                    key = (question.tenant_id, question.station_id, question.transaction_id)
                    tasks.create_task(self._apart.run(key, self._ask, question, limit), name="ask for a transaction")

    async def _claim(self) -> list[Question]:
        now = self._clock()
        async with self._unit_of_work(read_only=True) as work:
            checks = CheckRepository(work.session)
            silent = await checks.find_silent(now, self._delay, self._silence, MOST_AT_A_TIME)
            if not silent and not await checks.is_any_due(now):
                return []
        async with self._unit_of_work() as work:
            checks = CheckRepository(work.session)
            await checks.schedule(silent, now)
            questions = await checks.claim(now, MOST_AT_A_TIME)
            await work.commit()
        return questions

    async def _ask(self, question: Question, limit: asyncio.Semaphore) -> None:
        target = common.CommandTarget(station_id=question.station_id, reason=_REASONS.get(question.reason, ""))
        request = GetTransactionStatusRequest(transaction_id=question.transaction_id)
        async with limit:
            try:
                await self._commands.send(system_caller(question.tenant_id, "transaction checks"), target, request)
            except CoreError as error:
                # The handler of failed commands stores it with the transaction.
                logger.info(
                    "a station did not say what it knows of a transaction",
                    extra={"station_id": question.station_id, "problem": str(error)},
                )
