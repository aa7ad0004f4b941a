"""Reports of stations of OCPP 1.6: one GetConfiguration, and the NotifyReports that it says."""

from typing import Any

import pytest

from citrine_edge.dialects import UnsupportedAction
from tests.support.dialogues import Played, error, play

KEYS = [
    {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
    {"key": "LocalAuthListMaxLength", "readonly": True, "value": "42"},
    {"key": "Empty", "readonly": True},
]

BASE = {"requestId": 3, "reportBase": "FullInventory"}


def names(played: Played) -> list[str]:
    return [
        f"{each['component']['name']}.{each['variable']['name']}"
        for _, payload in played.messages
        for each in payload["reportData"]
    ]


def data(played: Played, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for _, payload in played.messages for each in payload["reportData"] if each["variable"]["name"] == name
    )
    return found


def test_full_inventory_reports_every_key() -> None:
    played = play("GetBaseReport", BASE, {"configurationKey": KEYS})

    assert played.calls == [("GetConfiguration", {})]
    assert played.response == {"status": "Accepted"}
    [(action, payload)] = played.messages
    assert action == "NotifyReport"
    assert (payload["requestId"], payload["seqNo"], payload["tbc"]) == (3, 0, False)
    assert payload["generatedAt"] == "2025-01-31T12:00:00Z"
    assert names(played) == [
        "OCPPCommCtrlr.HeartbeatInterval",
        "OCPP16Configuration.NumberOfConnectors",
        "LocalAuthListCtrlr.Entries",
        "OCPP16Configuration.LocalAuthListMaxLength",
        "OCPP16Configuration.Empty",
        "SecurityCtrlr.BasicAuthPassword",
        "EVSE.Available",
        "EVSE.Available",
    ]


def test_number_of_connectors_says_which_evses_there_are() -> None:
    played = play("GetBaseReport", BASE, {"configurationKey": KEYS})

    [(_, payload)] = played.messages
    evses = [each["component"] for each in payload["reportData"] if each["component"]["name"] == "EVSE"]
    assert evses == [{"name": "EVSE", "evse": {"id": 1}}, {"name": "EVSE", "evse": {"id": 2}}]


@pytest.mark.parametrize(("evse", "reported"), [({"evse": {"id": 2}}, 1), ({}, 2), ({"evse": {"id": 3}}, 0)])
def test_evses_can_be_asked_for(evse: dict[str, Any], reported: int) -> None:
    asked = [{"component": {"name": "EVSE", **evse}}]

    played = play("GetReport", {"requestId": 4, "componentVariable": asked}, {"configurationKey": KEYS})

    assert len(names(played)) == reported


@pytest.mark.parametrize("value", ["true", "false"])
def test_display_of_costs_is_that_of_the_controller_of_costs(value: str) -> None:
    key = {"key": "CustomDisplayCostAndPrice", "readonly": True, "value": value}

    played = play("GetBaseReport", BASE, {"configurationKey": [key]})

    [(_, payload)] = played.messages
    available = [
        (each["variable"]["instance"], each["variableAttribute"][0]["value"])
        for each in payload["reportData"]
        if each["component"]["name"] == "TariffCostCtrlr"
    ]
    assert available == [("Tariff", value), ("Cost", value)]


def test_variable_has_type_unit_and_mutability_of_its_key() -> None:
    played = play("GetBaseReport", BASE, {"configurationKey": KEYS})

    heartbeat = data(played, "HeartbeatInterval")
    assert heartbeat["variableAttribute"] == [{"type": "Actual", "value": "300", "mutability": "ReadWrite"}]
    assert heartbeat["variableCharacteristics"] == {"dataType": "integer", "unit": "s", "supportsMonitoring": False}
    assert data(played, "NumberOfConnectors")["variableAttribute"][0]["mutability"] == "ReadOnly"
    assert "value" not in data(played, "Empty")["variableAttribute"][0]


def test_limit_is_that_of_its_variable() -> None:
    entries = data(play("GetBaseReport", BASE, {"configurationKey": KEYS}), "Entries")

    assert entries["variableCharacteristics"]["maxLimit"] == 42
    assert "value" not in entries["variableAttribute"][0]


@pytest.mark.parametrize("value", ["", "many", "-1", "99999999999"])
def test_limit_that_is_no_number_is_none(value: str) -> None:
    limit = {"key": "LocalAuthListMaxLength", "readonly": True, "value": value}

    entries = data(play("GetBaseReport", BASE, {"configurationKey": [limit]}), "Entries")

    assert "maxLimit" not in entries["variableCharacteristics"]


def test_password_is_write_only_and_has_20_bytes_at_most() -> None:
    """Even where a station tells its key, which it must not."""
    told = {"key": "AuthorizationKey", "readonly": False, "value": "61626364"}

    password = data(play("GetBaseReport", BASE, {"configurationKey": [told]}), "BasicAuthPassword")

    assert password["variableAttribute"] == [{"type": "Actual", "mutability": "WriteOnly"}]
    assert password["variableCharacteristics"]["maxLimit"] == 20


def test_configuration_inventory_reports_what_can_be_changed() -> None:
    played = play("GetBaseReport", {**BASE, "reportBase": "ConfigurationInventory"}, {"configurationKey": KEYS})

    assert names(played) == ["OCPPCommCtrlr.HeartbeatInterval", "SecurityCtrlr.BasicAuthPassword"]


def test_summary_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedAction, match="/reportBase"):
        play("GetBaseReport", {**BASE, "reportBase": "SummaryInventory"})


def test_key_that_is_named_twice_is_reported_once() -> None:
    twice = [*KEYS[:1], {"key": "heartbeatinterval", "readonly": False, "value": "60"}]

    assert names(play("GetBaseReport", BASE, {"configurationKey": twice}))[:1] == ["OCPPCommCtrlr.HeartbeatInterval"]


def test_many_keys_are_reported_in_parts() -> None:
    many = [{"key": f"K{number}", "readonly": True, "value": "1"} for number in range(119)]

    played = play("GetBaseReport", BASE, {"configurationKey": many})

    assert [(payload["seqNo"], payload["tbc"]) for _, payload in played.messages] == [(0, True), (1, True), (2, False)]
    assert [len(payload["reportData"]) for _, payload in played.messages] == [50, 50, 20]


def test_station_without_keys_has_nothing_to_report() -> None:
    played = play("GetBaseReport", BASE, {})

    assert played.response == {"status": "EmptyResultSet"}
    assert played.messages == []


def test_report_holds_what_was_asked_for() -> None:
    asked = [
        {"component": {"name": "ocppcommctrlr"}},
        {"component": {"name": "OCPP16Configuration"}, "variable": {"name": "numberofconnectors"}},
        {"component": {"name": "LocalAuthListCtrlr", "evse": {"id": 1}}},
    ]

    played = play("GetReport", {"requestId": 4, "componentVariable": asked}, {"configurationKey": KEYS})

    assert played.calls == [("GetConfiguration", {})]
    assert names(played) == ["OCPPCommCtrlr.HeartbeatInterval", "OCPP16Configuration.NumberOfConnectors"]


def test_report_of_criteria_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedAction, match="/componentCriteria"):
        play("GetReport", {"requestId": 4, "componentCriteria": ["Problem"]})


def test_report_that_a_station_refuses_fails() -> None:
    assert play("GetReport", {"requestId": 4}, error("NotSupported")).response is None
