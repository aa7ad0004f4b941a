"""Tests of candidates: passwords that were sent to a station and may be its own by now."""

from citrine_core.resources.stations.candidates import Candidate, add, candidates_of, newer_than, without

FIRST, SECOND, THIRD = Candidate("c1", "hash-1"), Candidate("c2", "hash-2"), Candidate("c3", "hash-3")


def stored(*candidates: Candidate) -> str:
    text: str | None = None
    for candidate in candidates:
        text = add(text, candidate)
    return text or ""


def test_candidates_are_read_as_they_were_added() -> None:
    assert candidates_of(stored(FIRST, SECOND)) == [FIRST, SECOND]
    assert candidates_of(None) == []


def test_a_command_that_is_sent_again_has_one_candidate() -> None:
    again = Candidate("c1", "hash-1b")

    assert candidates_of(stored(FIRST, SECOND, again)) == [SECOND, again]


def test_one_that_proves_itself_leaves_those_that_were_sent_later() -> None:
    assert candidates_of(newer_than(stored(FIRST, SECOND, THIRD), SECOND)) == [THIRD]
    assert newer_than(stored(FIRST, SECOND), SECOND) is None


def test_one_that_the_station_did_not_take_leaves_the_others() -> None:
    assert candidates_of(without(stored(FIRST, SECOND, THIRD), "c2")) == [FIRST, THIRD]
    assert without(stored(FIRST), "c1") is None


def test_the_oldest_of_too_many_is_forgotten() -> None:
    many = [Candidate(f"c{number}", f"hash-{number}") for number in range(6)]

    assert candidates_of(stored(*many)) == many[-4:]


def test_a_hash_of_a_version_that_stored_no_command_belongs_to_any() -> None:
    old = "$argon2id$v=19$old"

    assert candidates_of(old) == [Candidate("", old)]
    assert candidates_of(add(old, FIRST)) == [Candidate("", old), FIRST]
    assert without(old, "c9") is None
