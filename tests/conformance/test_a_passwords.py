"""Block A, Security: passwords of Basic authentication (A01)."""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from citrine.api.v1.stations_pb2 import SetStationPasswordRequest
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation

NEW_PASSWORD = "another-horse-battery"


def answer_with(status: str) -> Any:
    """Return what answers SetVariables of the password, which it checks."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        (data,) = asked["setVariableData"]
        names = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        assert data == {"attributeValue": NEW_PASSWORD, **names}
        return {"setVariableResult": [{"attributeStatus": status, **names}]}

    return answer


def change_password(station: ConformanceStation, api: Citrine) -> Any:
    """Do the manual action: have the password of the station changed."""
    return api.stations.SetStationPassword(
        SetStationPasswordRequest(station_id=station.station_id, password=NEW_PASSWORD, send=True)
    )


async def refusal(station: ConformanceStation, password: str) -> int:
    """Return the status with which a handshake with a password is refused."""
    station.password = password
    with pytest.raises(InvalidStatus) as refused:
        await station.connect()
    return refused.value.response.status_code


async def test_TC_A_09_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Update Charging Station password for HTTP Basic Authentication - Accepted."""
    await states.booted(station)
    old = station.password

    _, changed = await station.asked_by(change_password(station, api), "SetVariables", answer_with("Accepted"))

    station.password = NEW_PASSWORD
    await station.connect()
    await states.booted(station)
    # A01.FR.03
    assert await refusal(station, old) == 401
    assert NEW_PASSWORD not in str(changed)


async def test_TC_A_10_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Update Charging Station password for HTTP Basic Authentication - Rejected."""
    await states.booted(station)
    old = station.password

    with pytest.raises(Exception, match="the station answered REJECTED: its password before stays valid"):
        await station.asked_by(change_password(station, api), "SetVariables", answer_with("Rejected"))

    await station.connect()
    await states.booted(station)
    # A01.FR.04
    assert await refusal(station, NEW_PASSWORD) == 401
    station.password = old
    await station.connect()
