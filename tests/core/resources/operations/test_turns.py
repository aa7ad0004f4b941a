"""Whose turn it is among the operations."""

from citrine_core.resources.operations.turns import LONGEST_PAUSE, MOST, Turns

MANY = [("noisy", f"O-{number}") for number in range(2 * MOST)]
OTHER = ("quiet", "O-1")


def test_tenants_are_served_in_turn_and_all_operations_at_last() -> None:
    turns, served = Turns(), set()
    for now in range(3):
        for one in turns.next([*MANY, OTHER], (), now):
            served.add(one)
            turns.advanced(one, now, begins=True)
        assert OTHER in served
    assert served == {*MANY, OTHER}


def test_an_operation_that_waits_is_advanced_less_often_until_it_has_something_to_record() -> None:
    turns, times, now = Turns(), [], 0.0
    while now < 20:
        if turns.next([OTHER], (), now):
            times.append(now)
            turns.advanced(OTHER, now, begins=False)
        now += 0.5
    assert times[:5] == [0, 1, 3, 7, 7 + LONGEST_PAUSE]
    assert not turns.next([OTHER], (), times[-1] + 1)
    assert turns.next([OTHER], {OTHER}, times[-1] + 1) == [OTHER]
