from citrine_simulator.config import StationConfig
from citrine_simulator.variables import station_variables


def test_a_station_can_have_thousands_of_variables() -> None:
    config = StationConfig(station_id="CS-1", extra_variables=2000)

    assert len(list(station_variables(config))) > 2000


def test_every_evse_and_connector_has_its_own() -> None:
    config = StationConfig(station_id="CS-1", evses=2, connectors_per_evse=2)

    connectors = {(one.evse_id, one.connector_id) for one in station_variables(config) if one.component == "Connector"}

    assert connectors == {(1, 1), (1, 2), (2, 1), (2, 2)}
