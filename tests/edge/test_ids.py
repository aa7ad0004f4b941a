"""Ids and randomness."""

from citrine_edge.ids import jitter, new_id


def test_id_is_short_enough_for_a_message_id() -> None:
    assert len(new_id()) == 36
    assert new_id() != new_id()


def test_jitter_stays_in_its_bounds() -> None:
    assert all(1.5 <= jitter(1.5, 3) <= 3 for _ in range(100))
