import pytest
from pydantic import ValidationError

from citrine_simulator.config import StationConfig, connection_url


@pytest.mark.parametrize(
    ("tenant", "station_id", "url"),
    [
        pytest.param(None, "CS-1", "ws://h:9000/CS-1", id="default tenant"),
        pytest.param("acme", "CS-1", "ws://h:9000/acme/CS-1", id="tenant"),
        pytest.param(None, "RDAM 1/2", "ws://h:9000/RDAM%201%2F2", id="percent-encoded"),
    ],
)
def test_the_connection_url_ends_with_the_station(tenant: str | None, station_id: str, url: str) -> None:
    assert connection_url("ws://h:9000/", tenant, station_id) == url


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="sped"):
        StationConfig.model_validate({"station_id": "CS-1", "sped": 2})
