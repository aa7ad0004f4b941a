"""Who may ask to be a station; by a clock of the test's own."""

import pytest

from citrine_edge.admission import Admission, AdmissionLimits, source_of
from citrine_edge.handshake import Identity

CS1 = Identity("", "CS1")


class Connection:
    """A TCP connection from somewhere."""

    def __init__(self, host: str) -> None:
        self.remote_address = f"{host}:1234"
        self.is_dropped = False

    def abort(self) -> None:
        self.is_dropped = True


def admission(**limits: float) -> Admission:
    values = {
        "address_refusal_rate": 5.0,
        "failed_login_rate": 1.0,
        "station_rate": 1.0,
        "max_sockets": 5,
        "max_idle": 4,
        "max_asking": 1000,
    }
    return Admission(AdmissionLimits(**{**values, **limits}))  # type: ignore[arg-type]  # numbers


def connect(admission: Admission, *hosts: str, stations: int = 5, now: float = 0.0) -> list[Connection]:
    """Connect from these hosts, while there are so many stations: as many as there may be, by default."""
    connections = [Connection(host) for host in hosts]
    for connection in connections:
        admission.connected(connection, stations, now)
    return connections


def dropped(connections: list[Connection]) -> list[bool]:
    return [each.is_dropped for each in connections]


def test_oldest_idle_connection_of_the_source_that_has_most_makes_place() -> None:
    gate = admission()
    connections = connect(gate, "a", "b", "b", "c", "d")

    assert dropped(connections) == [False, True, False, False, False]
    assert gate.idle == 4


def test_who_floods_drops_its_own() -> None:
    gate = admission()
    (station,) = connect(gate, "a")
    flood = connect(gate, *["b"] * 1000)

    assert not station.is_dropped
    assert dropped(flood) == [True] * 997 + [False] * 3


def test_connection_that_is_new_stays_while_there_are_sockets_left() -> None:
    """What comes at once is accepted before any of it is read."""
    gate = admission(max_sockets=10)
    connections = connect(gate, *["a"] * 12, stations=2)
    assert gate.idle == 12
    assert not any(dropped(connections))

    connect(gate, "b", stations=2)
    assert dropped(connections) == [True] + [False] * 11


def test_connection_that_is_not_new_makes_place_although_there_are_sockets_left() -> None:
    gate = admission(max_sockets=10)
    connections = connect(gate, *["a"] * 5, stations=0)

    connect(gate, "b", stations=0, now=1.0)

    assert dropped(connections) == [True] + [False] * 4


def test_connection_that_asks_is_not_idle_and_one_that_was_refused_is_again() -> None:
    gate = admission()
    (asking,) = connect(gate, "a")
    assert gate.ask(asking, 0, 0.0) is None
    assert (gate.idle, gate.asking) == (0, 1)
    connect(gate, *["a"] * 10)
    assert not asking.is_dropped

    gate.refused(asking, 0.0, is_its_fault=False)
    assert (gate.idle, gate.asking) == (5, 0)
    gate.gone(asking)
    gate.gone(asking)
    assert gate.idle == 4


def test_no_more_ask_than_sockets_are_left() -> None:
    gate = admission(max_sockets=2)
    first, second, third = connect(gate, "a", "b", "c")

    assert gate.ask(first, 1, 0.0) is None
    assert gate.ask(second, 1, 0.0) is second
    gate.gone(first)
    assert gate.ask(third, 1, 0.0) is None


def test_newest_of_the_source_that_has_most_is_refused_where_too_many_ask() -> None:
    gate = admission(max_sockets=100, max_asking=3)
    first, second, third = connect(gate, "a", "a", "a")
    other, fourth = connect(gate, "b", "a")
    assert [gate.ask(each, 0, 0.0) for each in (first, second, third)] == [None] * 3

    assert gate.ask(fourth, 0, 0.0) is fourth
    gate.refused(fourth, 0.0, is_its_fault=False)
    assert gate.ask(other, 0, 0.0) is third


def test_handshakes_that_succeed_count_towards_no_limit_of_a_source() -> None:
    gate = admission(max_sockets=10_000)
    for station in connect(gate, *["a"] * 1000, stations=0):
        assert gate.source_may_ask(station, 0.0) == 0
        assert gate.ask(station, 0, 0.0) is None
        gate.gone(station)


def test_refusals_of_a_source_leave_others_alone() -> None:
    gate = admission()
    guesser, other = connect(gate, "a", "b")
    for _ in range(50):
        gate.refused(guesser, 0.0, is_its_fault=True)
        gate.refused(other, 0.0, is_its_fault=False)
    assert gate.source_may_ask(guesser, 0.0) == 0

    gate.refused(guesser, 0.0, is_its_fault=True)

    assert gate.source_may_ask(guesser, 0.0) == pytest.approx(0.2)
    assert gate.source_may_ask(other, 0.0) == 0
    assert gate.source_may_ask(guesser, 0.3) == 0


def test_rate_at_which_an_identity_is_let_in_is_that_of_one_source() -> None:
    gate = admission()
    station, elsewhere = connect(gate, "a", "b")
    for _ in range(20):
        gate.admitted(station, CS1, 0.0)
    assert gate.station_may_ask(station, CS1, 0.0) == 0

    gate.admitted(station, CS1, 0.0)

    assert gate.station_may_ask(station, CS1, 0.0) == 1.0
    assert gate.station_may_ask(elsewhere, CS1, 0.0) == 0
    assert gate.station_may_ask(station, Identity("", "CS2"), 0.0) == 0
    assert gate.station_may_ask(station, CS1, 1.0) == 0


def test_failed_logins_count_for_their_identity_and_source_and_lock_nobody_out() -> None:
    gate = admission(failed_login_rate=0.2)
    guesser, station = connect(gate, "a", "b")

    waits = [gate.login_failed(guesser, CS1, 0.0) for _ in range(12)]

    assert waits == [0.0] * 10 + [5.0, 10.0]
    assert gate.station_may_ask(guesser, CS1, 0.0) == 0
    assert gate.login_failed(station, CS1, 0.0) == 0
    assert gate.login_failed(guesser, Identity("", "CS2"), 0.0) == 0
    assert gate.login_failed(guesser, CS1, 60.0) == 0
    assert max(gate.login_failed(guesser, CS1, 60.0) for _ in range(100)) == 60.0


def test_sources_that_were_not_heard_of_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.admission.MAX_BUCKETS", 2)
    gate = admission(address_refusal_rate=1.0)
    first, second, third = connect(gate, "a", "b", "c")
    for _ in range(11):
        gate.refused(first, 0.0, is_its_fault=True)
    assert gate.source_may_ask(first, 0.0) > 0
    gate.refused(second, 0.0, is_its_fault=True)
    gate.refused(third, 0.0, is_its_fault=True)

    assert gate.source_may_ask(first, 0.0) == 0
    assert len(gate._refusals._buckets) == 2


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1:1234", "192.0.2.1"),
        ("[2001:db8:1:2:3:4:5:6]:1234", "2001:db8:1:2::"),
        ("[2001:db8:1:2::ffff]:1234", "2001:db8:1:2::"),
        ("[::ffff:192.0.2.1]:1234", "192.0.2.1"),
        ("[fe80::1%eth0]:1234", "fe80::"),
        ("[no:address]:1", "no:address"),
        ("", ""),
    ],
)
def test_source(address: str, source: str) -> None:
    assert source_of(address) == source
