"""What the core does about display messages by itself: take down that stations dropped them, as they must."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from citrine.api.v1.display_message_pb2 import DisplayMessageState
from citrine_core.blocks.display_message.models import DisplayMessage
from citrine_core.blocks.display_message.record import change
from citrine_core.blocks.display_message.repository import DisplayMessageRepository
from citrine_core.services import Services

__all__ = ["INTERVAL", "DisplayMessageExpiry"]

INTERVAL = timedelta(seconds=10)
"""How soon the record shows at the latest that a message ended."""

MAX_ROWS = 200
"""Messages of one transaction at most."""

Claim = Callable[[DisplayMessageRepository], Awaitable[Sequence[DisplayMessage]]]


class DisplayMessageExpiry:
    """Keeps the record true where stations say nothing. Several cores may do so at the same time."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Do all that is due now."""
        async with self._unit_of_work(read_only=True) as work:
            # Mostly there is nothing, and then nobody has to wait for a turn to write.
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
            lambda rows: rows.claim_unanswered(now, MAX_ROWS), failed, now, "nothing is known of its command"
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
