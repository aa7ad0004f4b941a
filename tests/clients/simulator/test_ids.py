from citrine_simulator.ids import new_id


def test_ids_differ_and_fit_a_message_id() -> None:
    assert new_id() != new_id()
    assert len(new_id()) == 36
