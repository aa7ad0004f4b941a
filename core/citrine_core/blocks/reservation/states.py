"""The states of a reservation, and the rules by which one follows another. Without input or output."""

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
    """The source of a change of state; a more certain source has a greater value."""

    BELIEF = 1
    """An inference of the core from its clock, the status of an EVSE or the end of a command."""
    STATION = 2
    """The station, in an answer or an update."""
    TRANSACTION = 3
    """A transaction that used the reservation."""


class Standing(Protocol):
    """The state of a reservation, and its source."""

    @property
    def state(self) -> int:
        """The present state."""
        ...

    @property
    def is_told(self) -> bool:
        """True: the station reported the final state. False: the core inferred it."""
        ...


StandingT = TypeVar("StandingT", bound=Standing)


def follows(now: Standing, state: int, says: Says) -> bool:
    """Return whether a state may follow the present one.

    A requested or active reservation may change to any state. USED and REFUSED never change. Any other final state
    changes if a transaction used the reservation, or if the station reports another state and this one is FAILED or
    was inferred by the core.
    """
    if now.state == state or now.state in (_USED, _REFUSED):
        return False
    if now.state in (_REQUESTED, _ACTIVE) or says is Says.TRANSACTION:
        return True
    return says is Says.STATION and (now.state == _FAILED or not now.is_told)


def meant(standings: Sequence[StandingT]) -> StandingT | None:
    """Return the reservation that a station means by an id: the active one, else the latest that it may have.

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
    """Return the state of a reservation after a station answered ReserveNow with a status."""
    accepted = status == ReserveNowStatusEnum.RESERVE_NOW_STATUS_ENUM_ACCEPTED
    return _ACTIVE if accepted else _REFUSED


def state_after_update(status: int) -> int | None:
    """Return the state after a ReservationStatusUpdate; None if its status is unknown to this version."""
    return _UPDATES.get(status)
