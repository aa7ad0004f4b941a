import pytest

from citrine_simulator.evse import Connector, Evse, Transaction
from citrine_simulator.meter import Meter


def evse(**connector: object) -> Evse:
    return Evse(1, Meter(0, 1, 1, 1), {1: Connector(1, 1, **connector)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("connector", "operative", "status"),
    [
        pytest.param({}, True, "Available", id="nothing there"),
        pytest.param({"plugged_in": True}, True, "Occupied", id="G01.FR.03"),
        pytest.param({"operative": False}, True, "Unavailable", id="connector inoperative"),
        pytest.param({}, False, "Unavailable", id="G04.FR.07"),
        pytest.param({"forced": "Faulted", "plugged_in": True}, True, "Faulted", id="faulted"),
    ],
)
def test_status_of_a_connector(connector: dict[str, object], operative: bool, status: str) -> None:
    one = evse(**connector)

    assert one.status(one.connectors[1], operative) == status


def test_an_authorized_transaction_takes_the_evse() -> None:
    one = evse(plugged_in=True)
    one.transaction = Transaction("T", 1, 1)
    assert one.free(True) is one.connectors[1]

    one.transaction.id_token = {"idToken": "A", "type": "Central"}

    assert one.free(True) is None


def test_a_transaction_can_be_restored() -> None:
    transaction = Transaction("T", 1, 1, seq_no=3, id_token={"idToken": "A", "type": "Central"})

    assert Transaction.from_json(transaction.to_json()) == transaction
