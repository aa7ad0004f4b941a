"""How reservations go from state to state."""

from dataclasses import dataclass

import pytest

from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.ocpp.v2.reservation_pb2 import ReservationUpdateStatusEnum, ReserveNowStatusEnum
from citrine_core.blocks.reservation.states import Says, follows, meant, state_after_answer, state_after_update


@dataclass
class Stands:
    state: int
    is_told: bool = False


def state(name: str) -> int:
    return ReservationState.Value(f"RESERVATION_STATE_{name}")


@pytest.mark.parametrize(
    ("before", "after", "says", "may"),
    [
        pytest.param(Stands(state("REQUESTED")), "ACTIVE", Says.STATION, True, id="accepted"),
        pytest.param(Stands(state("ACTIVE")), "EXPIRED", Says.BELIEF, True, id="our-clock"),
        pytest.param(Stands(state("EXPIRED")), "REMOVED", Says.STATION, True, id="station-knows-better-than-our-clock"),
        pytest.param(Stands(state("EXPIRED"), True), "REMOVED", Says.STATION, False, id="station-said-it-already"),
        pytest.param(Stands(state("EXPIRED"), True), "USED", Says.TRANSACTION, True, id="a-transaction-settles-it"),
        pytest.param(Stands(state("CANCELLED"), True), "EXPIRED", Says.STATION, False, id="cancelled-before"),
        pytest.param(Stands(state("FAILED")), "EXPIRED", Says.STATION, True, id="station-held-it-after-all"),
        pytest.param(Stands(state("FAILED")), "EXPIRED", Says.BELIEF, False, id="never-held-as-far-as-we-know"),
        pytest.param(Stands(state("USED"), True), "REMOVED", Says.STATION, False, id="used-is-final"),
        pytest.param(Stands(state("USED"), True), "USED", Says.TRANSACTION, False, id="used-once"),
        pytest.param(Stands(state("REFUSED")), "USED", Says.TRANSACTION, False, id="refused-is-final"),
    ],
)
def test_final_states_change_for_those_who_know_better(before: Stands, after: str, says: Says, may: bool) -> None:
    assert follows(before, state(after), says) is may


def test_an_update_means_the_reservation_that_the_station_holds() -> None:
    """An id may have been used before; what was refused or waits to be sent is not held."""
    used, active, requested = Stands(state("USED")), Stands(state("ACTIVE")), Stands(state("REQUESTED"))
    refused = Stands(state("REFUSED"))

    assert meant([requested, active, used]) is active
    assert meant([refused, used]) is used
    assert meant([requested, refused]) is requested
    assert meant([refused]) is None
    assert meant([]) is None


def test_every_status_of_ocpp_has_a_state() -> None:
    answers = [value for value in ReserveNowStatusEnum.values() if value]
    updates = [value for value in ReservationUpdateStatusEnum.values() if value]

    assert {state_after_answer(status) for status in answers} == {state("ACTIVE"), state("REFUSED")}
    assert [state_after_update(status) for status in updates] == [
        state("EXPIRED"),
        state("REMOVED"),
        state("NO_TRANSACTION"),
    ]
    assert state_after_update(0) is None
