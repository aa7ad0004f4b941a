"""Pauses between attempts at a core."""

from citrine_edge.backoff import LAST, STABLE_AFTER, UNSTABLE_LAST, Backoff


def test_core_that_is_not_there_is_tried_every_half_second() -> None:
    backoff = Backoff()

    assert [backoff.unreached() for _ in range(5)] == [0.2, 0.4, LAST, LAST, LAST]


def test_link_that_held_is_dialled_again_at_once() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.unreached()

    assert backoff.ended(STABLE_AFTER) == 0.1


def test_core_that_welcomes_and_drops_is_dialled_ever_more_rarely() -> None:
    """43 attempts in ten seconds were seen."""
    backoff = Backoff()
    pauses = [backoff.ended(0.0) for _ in range(6)]

    assert pauses == sorted(pauses)
    assert pauses[-1] == UNSTABLE_LAST
    # Halved at random at most.
    assert sum(pauses[:5]) / 2 > 4


def test_pause_after_drops_is_forgotten_once_a_link_held() -> None:
    backoff = Backoff()
    for _ in range(6):
        backoff.ended(0.0)
    assert backoff.unreached() == UNSTABLE_LAST

    assert backoff.ended(STABLE_AFTER) == 0.1
    assert backoff.unreached() == 0.2


def test_core_that_said_that_it_stops_is_not_unstable() -> None:
    backoff = Backoff()

    assert [backoff.ended(1.0, orderly=True) for _ in range(5)] == [0.1] * 5
