import random

from citrine_simulator.backoff import Backoff, BackoffLimits


def backoff(random_range: float = 0) -> Backoff:
    return Backoff(lambda: BackoffLimits(5, random_range, 3), random.Random(1))


def test_waits_double_so_often_and_then_stay() -> None:
    waiting = backoff()

    waits = [waiting.next() for _ in range(6)]

    assert waits == [5, 10, 20, 40, 40, 40]


def test_a_connection_begins_the_back_off_anew() -> None:
    waiting = backoff()
    waiting.next()
    waiting.next()

    waiting.reset()

    assert waiting.next() == 5


def test_every_wait_has_a_random_part_of_its_own() -> None:
    waiting = backoff(random_range=10)

    jitters = [waiting.next() - base for base in (5, 10, 20)]

    assert all(0 <= jitter <= 10 for jitter in jitters)
    assert len(set(jitters)) == 3


def test_a_server_that_names_a_time_is_obeyed() -> None:
    waiting = backoff()
    waiting.next()

    assert waiting.next(retry_after=120) == 120
