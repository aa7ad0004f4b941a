"""Queries of functional block O."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import func, select

from citrine.api.v1.display_message_pb2 import DisplayMessageState
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.display_message.models import OF_TRANSACTION, DisplayMessage
from citrine_core.blocks.transactions.queries import has_ended
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, earliest, one_of
from citrine_core.resources.station_requests import StationRequestRepository
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["DisplayMessageRepository"]

_REQUESTED = DisplayMessageState.DISPLAY_MESSAGE_STATE_REQUESTED
_SET = DisplayMessageState.DISPLAY_MESSAGE_STATE_SET


class DisplayMessageRepository(StationRequestRepository[DisplayMessage]):
    """Reads and writes display messages of all tenants within one unit of work."""

    table = DisplayMessage
    number = "message_id"
    requested, active = _REQUESTED, _SET
    name, asking = "display message", "being sent message"

    @staticmethod
    @cache
    def due() -> Due:
        """Return the query of a time at which a message may end by itself, or its answer counts as lost."""
        row = DisplayMessage
        ends = select(func.min(row.end_time)).where(row.state == _SET, row.end_time.is_not(None))
        lost = select(func.min(row.deadline_time)).where(row.state == _REQUESTED)
        of_transaction = select(row.create_time).where(OF_TRANSACTION).limit(1)
        return earliest(ends, lost, of_transaction)

    async def find_live_for_update(
        self, tenant_id: str, station_ids: Collection[str]
    ) -> dict[str, list[DisplayMessage]]:
        """Return the messages that stations have, may have or are being sent, by station, the latest first.

        They are locked until the commit.
        """
        found: dict[str, list[DisplayMessage]] = {station_id: [] for station_id in station_ids}
        of_stations = one_of(DisplayMessage.station_id, station_ids)
        is_live = DisplayMessage.state.in_((_REQUESTED, _SET)) | DisplayMessage.is_doubtful
        for row in await self._lock(DisplayMessage.tenant_id == tenant_id, of_stations, is_live):
            found[row.station_id].append(row)
        return found

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        state: int = 0,
        transaction_id: str = "",
        priority: int | None = None,
        shown_in: int | None = None,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[DisplayMessage]:
        """Return messages, the latest first."""
        row = DisplayMessage
        query = select(row).where(row.tenant_id == tenant_id, *created.of(row.create_time))
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, DisplayMessage.station_id, stations))
        if station_id:
            query = query.where(DisplayMessage.station_id == station_id)
        if state:
            query = query.where(DisplayMessage.state == state)
        if transaction_id:
            query = query.where(DisplayMessage.transaction_id == transaction_id)
        if priority is not None:
            query = query.where(DisplayMessage.priority == priority)
        if shown_in is not None:
            query = query.where(DisplayMessage.shown_in == shown_in)
        key = (row.create_time, row.id) if created.is_bounded else (row.id,)
        return await page.read(self._session, query, *key, descending=True)

    async def claim_ended(self, now: datetime, limit: int) -> Sequence[DisplayMessage]:
        """Return set messages whose end time passed, without those that another core has locked."""
        return await self._claim(DisplayMessage.state == _SET, DisplayMessage.end_time <= now, limit=limit)

    async def claim_of_ended_transactions(self, limit: int) -> Sequence[DisplayMessage]:
        """Return set messages whose transaction ended, without those that another core has locked."""
        ended = has_ended(DisplayMessage.tenant_id, DisplayMessage.station_id, DisplayMessage.transaction_id)
        return await self._claim(DisplayMessage.state == _SET, DisplayMessage.transaction_id != "", ended, limit=limit)
