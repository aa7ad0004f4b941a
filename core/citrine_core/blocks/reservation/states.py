"""How a reservation goes from state to state: one place, so that no two of its states contradict each other."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Protocol, TypeVar

from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.ocpp.v2.reservation_pb2 import ReservationUpdateStatusEnum, ReserveNowStatusEnum

__all__ = ["Says", "Standing", "follows", "meant", "state_after_answer", "state_after_update"]

_REQUESTED = int(ReservationState.RESERVATION_STATE_REQUESTED)
_ACTIVE = int(ReservationState.RESERVATION_STATE_ACTIVE)
_REFUSED = int(ReservationState.RESERVATION_STATE_REFUSED)
_USED = int(ReservationState.RESERVATION_STATE_USED)
_FAILED = int(ReservationState.RESERVATION_STATE_FAILED)

_UPDATES: Mapping[int, int] = {
    ReservationUpdateStatusEnum.RESERVATION_UPDATE_STATUS_ENUM_EXPIRED: ReservationState.RESERVATION_STATE_EXPIRED,
    ReservationUpdateStatusEnum.RESERVATION_UPDATE_STATUS_ENUM_REMOVED: ReservationState.RESERVATION_STATE_REMOVED,
    ReservationUpdateStatusEnum.RESERVATION_UPDATE_STATUS_ENUM_NO_TRANSACTION: (
        ReservationState.RESERVATION_STATE_NO_TRANSACTION
    ),
}


class Says(IntEnum):
    """Who says that a reservation is in another state, the more certain the greater."""

    BELIEF = 1
    """Our clock, or what follows from the state of an EVSE."""
    STATION = 2
    """The station, in an answer or an update."""
    TRANSACTION = 3
    """A transaction that bears the id of the reservation."""


class Standing(Protocol):
    """Where a reservation stands."""

    @property
    def state(self) -> int:
        """Its state now."""
        ...

    @property
    def is_told(self) -> bool:
        """Whether a final state is the station's own word."""
        ...


StandingT = TypeVar("StandingT", bound=Standing)


def follows(now: Standing, state: int, says: Says) -> bool:
    """Return whether a reservation may come into a state.

    What is open may end in any way. A final state stays, but where it is our belief alone, or that the command failed,
    the station's word changes it; and a transaction that used a reservation settles it for good, unless the station
    had refused it.
    """
    if now.state == state or now.state in (_USED, _REFUSED):
        return False
    if now.state in (_REQUESTED, _ACTIVE) or says is Says.TRANSACTION:
        return True
    return says is Says.STATION and (now.state == _FAILED or not now.is_told)


def meant(standings: Sequence[StandingT]) -> StandingT | None:
    """Return which reservation of an id a station means: the one that it holds, else the latest that it may hold.

    Args:
        standings: Reservations of one id at one station, the latest first.
    """
    ranks: Sequence[Sequence[StandingT]] = (
        [standing for standing in standings if standing.state == _ACTIVE],
        [standing for standing in standings if standing.state not in (_REFUSED, _REQUESTED)],
        [standing for standing in standings if standing.state == _REQUESTED],
    )
    return next((rank[0] for rank in ranks if rank), None)


def state_after_answer(status: int) -> int:
    """Return the state of a reservation that a station answered with a status."""
    accepted = status == ReserveNowStatusEnum.RESERVE_NOW_STATUS_ENUM_ACCEPTED
    return _ACTIVE if accepted else _REFUSED


def state_after_update(status: int) -> int | None:
    """Return the state that a ReservationStatusUpdate says, or None for one that this version does not know."""
    return _UPDATES.get(status)
