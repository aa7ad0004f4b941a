from citrine_simulator.credentials import Credentials
from citrine_simulator.store import Store


def test_a_new_password_is_kept_over_a_loss_of_power() -> None:
    store = Store().station("CS-1")
    Credentials("first", store).change("second")

    assert Credentials("first", store).current == "second"


def test_the_old_one_is_tried_where_the_new_one_is_refused() -> None:
    credentials = Credentials("first", Store().station("CS-1"))
    credentials.change("second")

    credentials.refused()
    assert credentials.current == "first"
    credentials.refused()

    assert credentials.current == "second"


def test_the_old_one_is_forgotten_when_the_new_one_has_worked() -> None:
    credentials = Credentials("first", Store().station("CS-1"))
    credentials.change("second")

    credentials.worked()
    credentials.refused()

    assert credentials.current == "second"


def test_a_station_that_was_given_another_password_uses_that() -> None:
    store = Store().station("CS-1")
    Credentials("first", store).change("second")

    assert Credentials("third", store).current == "third"
