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
    values = {"handshake_rate": 10.0, "address_rate": 5.0, "station_rate": 1.0, "max_sockets": 5, "max_unfinished": 4}
    return Admission(AdmissionLimits(**{**values, **limits}), 0.0)  # type: ignore[arg-type]  # numbers


def connect(admission: Admission, *hosts: str) -> list[Connection]:
    connections = [Connection(host) for host in hosts]
    for connection in connections:
        admission.connected(connection)
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


def test_connection_that_asks_is_not_idle_and_one_that_was_refused_is_again() -> None:
    gate = admission()
    (asking,) = connect(gate, "a")
    assert gate.may_ask(asking, 0, 0.0)
    assert (gate.idle, gate.asking) == (0, 1)
    connect(gate, *["a"] * 10)
    assert not asking.is_dropped

    gate.refused(asking)
    assert (gate.idle, gate.asking) == (4, 0)
    gate.gone(asking)
    gate.gone(asking)
    assert gate.idle == 3


def test_no_more_may_ask_than_there_is_place_for() -> None:
    gate = admission(max_sockets=100)
    connections = connect(gate, *"abcd")
    assert all(gate.may_ask(each, 0, 0.0) for each in connections)
    (next_one,) = connect(gate, "e")

    assert not gate.may_ask(next_one, 0, 0.0)
    gate.gone(connections[0])
    assert gate.may_ask(next_one, 0, 0.0)
    assert not admission().may_ask(next_one, 5, 0.0)


def test_rate_of_all_together() -> None:
    gate = admission(max_sockets=100, max_unfinished=100)
    connections = connect(gate, *"abcdefghijklmnopqrstu")

    assert [gate.may_ask(each, 0, 0.0) for each in connections] == [True] * 20 + [False]
    assert gate.may_ask(connections[-1], 0, 0.1)


def test_rate_of_a_source_leaves_others_alone() -> None:
    gate = admission()
    greedy, other = connect(gate, "a", "b")

    waits = [gate.source_may_ask(greedy, 0.0) for _ in range(11)]

    assert waits == [0.0] * 10 + [0.2]
    assert gate.source_may_ask(other, 0.0) == 0
    assert gate.source_may_ask(greedy, 0.3) == 0


def test_rate_of_an_identity_is_that_of_one_source() -> None:
    """Whoever tries to lock a station out by its name locks out nobody but itself."""
    gate = admission()
    attacker, station = connect(gate, "a", "b")

    waits = [gate.station_may_ask(attacker, CS1, 0.0) for _ in range(21)]

    assert waits == [0.0] * 20 + [1.0]
    assert gate.station_may_ask(station, CS1, 0.0) == 0
    assert gate.station_may_ask(attacker, Identity("", "CS2"), 0.0) == 0
    assert gate.station_may_ask(attacker, CS1, 1.0) == 0


def test_sources_that_were_not_heard_of_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.admission.MAX_BUCKETS", 2)
    gate = admission(address_rate=1.0)
    first, second, third = connect(gate, "a", "b", "c")
    for _ in range(3):
        gate.source_may_ask(first, 0.0)
    assert gate.source_may_ask(first, 0.0) > 0
    gate.source_may_ask(second, 0.0)
    gate.source_may_ask(third, 0.0)

    assert gate.source_may_ask(first, 0.0) == 0
    assert len(gate._sources._buckets) == 2


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
