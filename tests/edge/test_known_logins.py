"""Tests of the credentials with which stations were let in."""

from citrine_edge.handshake import Identity
from citrine_edge.known_logins import KnownLogins

CS1, CS2, CS3 = (Identity("", f"CS{number}") for number in (1, 2, 3))


def test_the_last_credential_of_a_station_is_known_and_no_other() -> None:
    known = KnownLogins()
    known.add(CS1, b"old")
    known.add(CS1, b"new")

    assert known.knows(CS1, b"new")
    assert not known.knows(CS1, b"old")
    assert not known.knows(CS2, b"new")


def test_stations_that_were_let_in_least_recently_are_forgotten() -> None:
    known = KnownLogins(most=2)
    for identity in (CS1, CS2, CS1, CS3):
        known.add(identity, b"x")

    assert [known.knows(identity, b"x") for identity in (CS1, CS2, CS3)] == [True, False, True]
