"""The job that records the end of display messages that stations remove by themselves."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from citrine.api.v1.display_message_pb2 import DisplayMessageState
from citrine_core.blocks.display_message.models import DisplayMessage
from citrine_core.blocks.display_message.record import change
from citrine_core.blocks.display_message.repository import DisplayMessageRepository
from citrine_core.services import Services

__all__ = ["INTERVAL", "DisplayMessageExpiry"]

INTERVAL = timedelta(seconds=10)
"""Interval between runs: how late, at most, the record shows the end of a message."""

MAX_ROWS = 200
"""Most messages that change in one transaction."""

Claim = Callable[[DisplayMessageRepository], Awaitable[Sequence[DisplayMessage]]]


class DisplayMessageExpiry:
    """Infers the ends of messages that stations do not report. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Process all messages that are due now."""
        async with self._unit_of_work(read_only=True) as work:
            # Mostly there is none, so this read avoids a write transaction.
            if not await DisplayMessageRepository(work.session).any_live():
                return
        now = self._clock()
        removed = DisplayMessageState.DISPLAY_MESSAGE_STATE_REMOVED
        failed = DisplayMessageState.DISPLAY_MESSAGE_STATE_FAILED
        # O01.FR.07, O02.FR.07
        await self._end(lambda rows: rows.claim_ended(now, MAX_ROWS), removed, now, "its end time passed")
        # O02.FR.02
        await self._end(lambda rows: rows.claim_of_ended_transactions(MAX_ROWS), removed, now, "its transaction ended")
        await self._end(
            lambda rows: rows.claim_unanswered(now, MAX_ROWS), failed, now, "the end of its command is not known"
        )

    async def _end(self, claim: Claim, state: int, now: datetime, detail: str) -> None:
        count = MAX_ROWS
        while count == MAX_ROWS:
            async with self._unit_of_work() as work:
                rows = await claim(DisplayMessageRepository(work.session))
                for row in rows:
                    change(work, row, state, time=now, now=now, detail=detail)
                    row.is_doubtful = state == DisplayMessageState.DISPLAY_MESSAGE_STATE_FAILED
                await work.commit()
            count = len(rows)
