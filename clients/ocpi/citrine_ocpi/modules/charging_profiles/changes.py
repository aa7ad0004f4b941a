"""Finds out from events of the core where a station's plan for a partner's session may have changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import smart_charging_pb2 as smart_charging
from citrine.events.v1.events_pb2 import Event
from citrine_ocpi.feed import Effect
from citrine_ocpi.modules.charging_profiles.calls import CLEAR
from citrine_ocpi.modules.charging_profiles.mapping import profile_id_of
from citrine_ocpi.modules.charging_profiles.repository import ProfiledSessionRepository
from citrine_ocpi.modules.charging_profiles.tables import ProfiledSessionRow
from citrine_ocpi.modules.commands.executor import PATIENCE
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.services import Services

__all__ = ["PlanChanges"]

_SET = smart_charging.CHARGING_PROFILE_STATE_ACCEPTED
_GONE = frozenset(
    {
        smart_charging.CHARGING_PROFILE_STATE_CLEARED,
        smart_charging.CHARGING_PROFILE_STATE_EXPIRED,
        smart_charging.CHARGING_PROFILE_STATE_MISSING,
    }
)
"""States of a profile that counts no more. One that is replaced comes with the one in its place."""

PAUSE = timedelta(seconds=0.5)
"""How long one waits for what else changes at the station: the core often sets several profiles in a row."""


@dataclass(frozen=True)
class _Change:
    """What may have changed a plan, or ended a session."""

    station_id: str
    time: datetime
    evse_id: int = 0
    """0: all of the station."""
    transaction_id: str = ""
    """Empty: whatever is under way."""
    profile_id: int = 0
    """0: it is of no profile."""
    is_set: bool = True
    """Whether the profile counts from now on, or no more."""
    is_over: bool = False
    """Whether the transaction is over."""
    is_return: bool = False
    """Whether the station is there again, which changes no plan."""

    def concerns(self, row: ProfiledSessionRow) -> bool:
        """Return whether it is about the EVSE and the transaction of a session."""
        return (
            row.station_id == self.station_id
            and self.evse_id in (0, row.evse_id)
            and self.transaction_id in ("", row.transaction_id)
        )


class PlanChanges:
    """Has stations be asked for their plans where these may have changed, but for what the partner changed itself.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = (
        "charging_profile_changed",
        "charging_limit_changed",
        "station_connected",
        "transaction_ended",
        "transaction_closed",
    )

    def __init__(self, services: Services) -> None:
        self._services = services

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events."""
        changes = [change for event in events if (change := _change_of(event)) is not None]
        return [partial(self._note, changes=changes)] if changes else []

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Have all stations be asked for sessions that are not over: their events are no longer known."""

        async def touch(session: AsyncSession) -> None:
            repository = ProfiledSessionRepository(session)
            await repository.delete_over()
            await repository.touch_all(self._services.clock())

        return [touch]

    async def _note(self, session: AsyncSession, *, changes: Sequence[_Change]) -> None:
        repository = ProfiledSessionRepository(session)
        due_time = self._services.clock() + PAUSE
        for row in await repository.at({one.station_id for one in changes}):
            own = [one for one in changes if one.concerns(row)]
            if any(one.is_over for one in own):
                await repository.delete(row)
                continue
            if any([not await self._is_known(session, row, one) for one in own]):
                row.revision, row.attempts, row.due_time = row.revision + 1, 0, due_time

    async def _is_known(self, session: AsyncSession, row: ProfiledSessionRow, change: _Change) -> bool:
        """Return whether there is nothing to ask, since the partner did it: the result told it."""
        if change.is_return:
            return row.attempts == 0
        if change.profile_id != profile_id_of(row.station_id, row.transaction_id):
            return False
        place = {"station_id": row.station_id, "transaction_id": row.transaction_id}
        commands = CommandRepository(session)
        return change.is_set or await commands.was_sent(row.partner_id, CLEAR, place, change.time - 2 * PATIENCE)


def _change_of(event: Event) -> _Change | None:
    time = event.time.ToDatetime(UTC)
    match event.WhichOneof("body"):
        case "charging_profile_changed":
            changed = event.charging_profile_changed
            if changed.state != _SET and changed.state not in _GONE:
                return None
            return _Change(
                event.station_id,
                time,
                changed.evse_id,
                changed.transaction_id,
                profile_id=changed.charging_profile_id,
                is_set=changed.state == _SET,
            )
        case "charging_limit_changed":
            return _Change(event.station_id, time, event.charging_limit_changed.evse_id)
        case "station_connected":
            return _Change(event.station_id, time, is_return=True)
        case "transaction_ended" | "transaction_closed" as kind:
            transaction_id = getattr(event, kind).transaction.transaction_id
            return _Change(event.station_id, time, transaction_id=transaction_id, is_over=True)
    return None
