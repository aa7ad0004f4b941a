import json
from typing import Any

import pytest

from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        pytest.param("Teapot", {}, "NotImplemented", id="nobody knows it"),
        pytest.param("AFRRSignal", {}, "NotImplemented", id="2.1 in a 2.0.1 station"),
        pytest.param("BootNotification", {}, "OccurrenceConstraintViolation", id="what a station sends"),
        pytest.param("Reset", {}, "OccurrenceConstraintViolation", id="required"),
        pytest.param("Reset", {"type": 1}, "TypeConstraintViolation", id="type"),
        pytest.param("Reset", {"type": "Never"}, "PropertyConstraintViolation", id="value"),
    ],
)
async def test_what_it_cannot_do_is_refused_by_name(
    csms: Csms, make_station: MakeStation, action: str, payload: dict[str, Any], code: str
) -> None:
    await make_station()

    answer = await csms.ask("CS-1", json.dumps([2, "a", action, payload]))

    assert answer[:3] == [4, "a", code]


async def test_what_it_knows_and_does_not_support_is_refused_as_that(csms: Csms, make_station: MakeStation) -> None:
    await make_station(version="2.1")

    answer = await csms.ask("CS-1", '[2,"a","ClearDERControl",{"isDefault":true}]')

    assert answer[:3] == [4, "a", "NotSupported"]


async def test_a_payload_that_was_not_checked_does_no_harm(csms: Csms, make_station: MakeStation) -> None:
    await make_station(check_schemas=False)

    answer = await csms.ask("CS-1", '[2,"a","UnlockConnector",{"evse":1}]')

    assert answer[:3] == [4, "a", "FormatViolation"]
    assert (await csms.call("CS-1", "ClearCache", {})) == {"status": "Accepted"}


async def test_an_override_answers_instead(csms: Csms, make_station: MakeStation) -> None:
    async def locked(payload: dict[str, Any]) -> dict[str, Any]:
        return {"status": "UnlockFailed"}

    station = await make_station()
    station.on_call("UnlockConnector", locked)
    first = await csms.call("CS-1", "UnlockConnector", {"evseId": 1, "connectorId": 1})
    station.on_call("UnlockConnector", None)

    second = await csms.call("CS-1", "UnlockConnector", {"evseId": 1, "connectorId": 1})

    assert (first["status"], second["status"]) == ("UnlockFailed", "Unlocked")
