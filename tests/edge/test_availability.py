"""When stations are served, sent away, and let in again; by a clock of the test's own."""

import pytest

from citrine_edge.availability import LONGEST_SETTLE, Availability

HOLD, SETTLE = 20.0, 2.0


class Edge:
    """An Availability and its clock, in steps of a tenth of a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.availability = Availability(HOLD, SETTLE, 0.0)
        self.closes: list[float] = []

    def serve(self, seconds: float, *, serving: bool = True) -> None:
        """Let a core serve, or none, for so long."""
        self.availability.change(serving, self.now)
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            if self.availability.begins_outage(self.now):
                self.closes.append(round(self.now, 1))

    def fail(self, seconds: float) -> None:
        self.serve(seconds, serving=False)

    def until_open(self) -> float:
        """Return after how many seconds of service stations are let in."""
        began = self.now
        self.availability.change(True, self.now)
        while not self.availability.is_open:
            self.serve(0.1)
        return round(self.now - began, 1)


@pytest.fixture
def edge() -> Edge:
    edge = Edge()
    edge.serve(60)
    return edge


def test_first_core_is_used_at_once() -> None:
    edge = Edge()
    edge.fail(2 * HOLD)
    assert len(edge.closes) == 1

    assert edge.until_open() == 0


def test_core_that_restarts_in_time_costs_nothing(edge: Edge) -> None:
    edge.fail(HOLD - 1)

    assert edge.until_open() == 0
    assert edge.closes == []


def test_outage_closes_sockets_once_and_lets_in_only_after_a_core_served_for_a_while(edge: Edge) -> None:
    edge.fail(3 * HOLD)
    assert len(edge.closes) == 1

    assert not edge.availability.is_open
    assert edge.until_open() == pytest.approx(SETTLE, abs=0.11)


def test_each_further_outage_doubles_the_time_that_a_core_has_to_serve(edge: Edge) -> None:
    times = []
    for _ in range(7):
        edge.fail(HOLD + 1)
        times.append(edge.until_open())

    assert times == pytest.approx([2, 4, 8, 16, LONGEST_SETTLE, LONGEST_SETTLE, LONGEST_SETTLE], abs=0.11)
    edge.serve(700)
    edge.fail(HOLD + 1)
    assert edge.until_open() == pytest.approx(SETTLE, abs=0.11)


def test_database_that_is_up_for_one_second_of_twelve_lets_nobody_in(edge: Edge) -> None:
    """Each time that stations were let in would cost them an attempt for each message."""
    opened = []
    for _ in range(20):
        edge.fail(11)
        edge.serve(1)
        opened.append(edge.availability.is_open)

    # Until the outage is one, they are only held.
    assert opened == [True] + [False] * 19
    assert edge.closes[0] == pytest.approx(60 + 11 + 1 + 9, abs=0.2)


def test_times_without_service_count_together_until_a_core_served_for_a_while(edge: Edge) -> None:
    for _ in range(10):
        edge.fail(10)
        edge.serve(5)

    # Five seconds of ten are enough to answer what was held.
    assert edge.closes == []


def test_nobody_is_let_in_while_no_core_serves(edge: Edge) -> None:
    edge.fail(1)

    assert not edge.availability.is_open
