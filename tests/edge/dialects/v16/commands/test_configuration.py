"""Variables of stations of OCPP 1.6: GetConfiguration and ChangeConfiguration."""

from typing import Any

import pytest

from citrine_edge.ocppj import RpcError
from tests.support.dialogues import error, play

HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}

MEASURANDS = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedMeasurands"}}

RATE_UNIT = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "RateUnit"}}

PRE_AUTHORIZE = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "LocalPreAuthorize"}}

PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


def key(name: str, value: str | None = None, *, readonly: bool = False) -> dict[str, Any]:
    return {"key": name, "readonly": readonly, **({} if value is None else {"value": value})}


def own(name: str) -> dict[str, Any]:
    return {"component": {"name": "OCPP16Configuration"}, "variable": {"name": name}}


def get(*variables: dict[str, Any]) -> dict[str, Any]:
    return {"getVariableData": list(variables)}


def change(variable: dict[str, Any], value: str, **more: Any) -> dict[str, Any]:
    return {**variable, "attributeValue": value, **more}


def statuses(response: dict[str, Any] | None) -> list[tuple[str, str | None]]:
    assert response is not None
    results = response.get("getVariableResult") or response["setVariableResult"]
    return [(each["attributeStatus"], each.get("attributeValue")) for each in results]


# GetVariables.


def test_one_variable_is_asked_for_by_its_key() -> None:
    played = play("GetVariables", get(HEARTBEAT), {"configurationKey": [key("HeartbeatInterval", "300")]})

    assert played.calls == [("GetConfiguration", {"key": ["HeartbeatInterval"]})]
    assert played.response == {
        "getVariableResult": [{"attributeStatus": "Accepted", **HEARTBEAT, "attributeValue": "300"}]
    }


def test_key_of_a_vendor_is_a_variable_of_a_component_of_its_own() -> None:
    played = play("GetVariables", get(own("LedColour")), {"configurationKey": [key("LedColour")]})

    assert played.calls == [("GetConfiguration", {"key": ["LedColour"]})]
    assert statuses(played.response) == [("Accepted", "")]


def test_station_is_asked_for_as_many_keys_as_it_takes() -> None:
    played = play(
        "GetVariables",
        get(HEARTBEAT, own("A"), own("B")),
        {"configurationKey": [key("GetConfigurationMaxKeys", "2", readonly=True)]},
        {"configurationKey": [key("HeartbeatInterval", "300"), key("A", "1")]},
        {"unknownKey": ["B"]},
    )

    assert [payload["key"] for _, payload in played.calls] == [
        ["GetConfigurationMaxKeys"],
        ["HeartbeatInterval", "A"],
        ["B"],
    ]
    assert statuses(played.response) == [("Accepted", "300"), ("Accepted", "1"), ("UnknownVariable", None)]


@pytest.mark.parametrize(
    "said",
    [{"unknownKey": ["GetConfigurationMaxKeys"]}, {}, {"configurationKey": [key("GetConfigurationMaxKeys", "0")]}],
)
def test_station_that_says_no_number_is_asked_for_all(said: dict[str, Any]) -> None:
    played = play("GetVariables", get(HEARTBEAT, own("A")), said, {"unknownKey": ["HeartbeatInterval", "A"]})

    assert played.calls[1] == ("GetConfiguration", {"key": ["HeartbeatInterval", "A"]})


def test_number_of_keys_is_asked_for_once() -> None:
    number = {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": {"name": "ItemsPerMessage", "instance": "GetVariables"},
    }
    played = play(
        "GetVariables",
        get(number, HEARTBEAT),
        {"configurationKey": [key("GetConfigurationMaxKeys", "9")]},
        {"configurationKey": [key("HeartbeatInterval", "300")]},
    )

    assert played.calls[1] == ("GetConfiguration", {"key": ["HeartbeatInterval"]})
    assert statuses(played.response) == [("Accepted", "9"), ("Accepted", "300")]


def test_key_of_which_an_answer_says_nothing_is_asked_for_again() -> None:
    played = play(
        "GetVariables",
        get(own("A"), own("B"), own("C")),
        {},
        {"configurationKey": [key("A", "1")]},
        {"configurationKey": [key("B", "2")]},
        {},
    )

    assert [payload["key"] for _, payload in played.calls[1:]] == [["A", "B", "C"], ["B", "C"], ["C"]]
    assert statuses(played.response) == [("Accepted", "1"), ("Accepted", "2"), ("UnknownVariable", None)]


def test_names_have_no_case() -> None:
    lower = {"component": {"name": "ocppcommctrlr"}, "variable": {"name": "HEARTBEATINTERVAL"}}

    played = play("GetVariables", get(lower), {"configurationKey": [key("heartbeatInterval", "300")]})

    assert statuses(played.response) == [("Accepted", "300")]


@pytest.mark.parametrize(
    ("variable", "status"),
    [
        ({"component": {"name": "Display"}, "variable": {"name": "Color"}}, "UnknownComponent"),
        ({**HEARTBEAT, "component": {"name": "OCPPCommCtrlr", "evse": {"id": 1}}}, "UnknownComponent"),
        ({**HEARTBEAT, "component": {"name": "OCPPCommCtrlr", "instance": "x"}}, "UnknownComponent"),
        ({"component": {"name": "TxCtrlr"}, "variable": {"name": "TxStartPoint"}}, "UnknownVariable"),
        ({**HEARTBEAT, "variable": {"name": "HeartbeatInterval", "instance": "x"}}, "UnknownVariable"),
        (own("HeartbeatInterval"), "UnknownVariable"),
        ({**HEARTBEAT, "attributeType": "MaxSet"}, "NotSupportedAttributeType"),
        (PASSWORD, "Rejected"),
    ],
)
def test_variable_that_is_no_key_is_asked_of_nobody(variable: dict[str, Any], status: str) -> None:
    played = play("GetVariables", get(variable))

    assert statuses(played.response) == [(status, None)]


def test_limit_is_read_by_the_name_of_its_key() -> None:
    """The variable that it limits has a value of its own, which 1.6 does not say."""
    entries = {"component": {"name": "LocalAuthListCtrlr"}, "variable": {"name": "Entries"}}

    played = play(
        "GetVariables",
        get(own("LocalAuthListMaxLength"), entries),
        {"configurationKey": [key("LocalAuthListMaxLength", "42", readonly=True)]},
    )

    assert statuses(played.response) == [("Accepted", "42"), ("UnknownVariable", None)]


@pytest.mark.parametrize(
    ("variable", "name", "theirs", "ours"),
    [
        (PRE_AUTHORIZE, "LocalPreAuthorize", "True", "true"),
        (RATE_UNIT, "ChargingScheduleAllowedChargingRateUnit", "Current, Power", "A,W"),
        (RATE_UNIT, "ChargingScheduleAllowedChargingRateUnit", "Power", "W"),
        (MEASURANDS, "MeterValuesSampledData", "Voltage.L1,SoC", "Voltage.L1,SoC"),
    ],
)
def test_value_is_spelled_as_in_2_x(variable: dict[str, Any], name: str, theirs: str, ours: str) -> None:
    played = play("GetVariables", get(variable), {"configurationKey": [key(name, theirs)]})

    assert statuses(played.response) == [("Accepted", ours)]


def test_station_that_refuses_to_tell_fails_the_command() -> None:
    assert play("GetVariables", get(HEARTBEAT), error("InternalError")).response is None


# SetVariables.


def test_variables_are_changed_one_by_one() -> None:
    payload = {"setVariableData": [change(HEARTBEAT, "60"), change(own("Led"), "on"), change(MEASURANDS, "SoC")]}

    played = play("SetVariables", payload, {"status": "Accepted"}, {"status": "RebootRequired"}, {"status": "Rejected"})

    assert played.calls == [
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
        ("ChangeConfiguration", {"key": "Led", "value": "on"}),
        ("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "SoC"}),
    ]
    assert statuses(played.response) == [("Accepted", None), ("RebootRequired", None), ("Rejected", None)]


def test_key_that_a_station_does_not_support_is_unknown() -> None:
    played = play("SetVariables", {"setVariableData": [change(HEARTBEAT, "60")]}, {"status": "NotSupported"})

    assert statuses(played.response) == [("UnknownVariable", None)]


def test_error_for_one_variable_is_told_of_that_one() -> None:
    payload = {"setVariableData": [change(HEARTBEAT, "60"), change(own("Led"), "on")]}

    played = play("SetVariables", payload, error("InternalError", "flash is full"), {"status": "Accepted"})

    assert played.response is not None
    first, second = played.response["setVariableResult"]
    assert first["attributeStatus"] == "Rejected"
    assert first["attributeStatusInfo"] == {"reasonCode": "InternalError", "additionalInfo": "flash is full"}
    assert second["attributeStatus"] == "Accepted"


def test_variable_without_a_key_does_not_keep_the_others_from_the_station() -> None:
    unknown = {"component": {"name": "TxCtrlr"}, "variable": {"name": "TxStartPoint"}}
    payload = {"setVariableData": [change(unknown, "x"), change(HEARTBEAT, "60", attributeType="Actual")]}

    played = play("SetVariables", payload, {"status": "Accepted"})

    assert len(played.calls) == 1
    assert statuses(played.response) == [("UnknownVariable", None), ("Accepted", None)]


def test_password_is_sent_as_hexadecimal_digits() -> None:
    """Of printable characters: stations that take the digits for the password can be told from those that do not."""
    payload = {"setVariableData": [change(PASSWORD, "abcdefghij0123456789")]}

    played = play("SetVariables", payload, {"status": "Accepted"})

    digits = "6162636465666768696a30313233343536373839"
    assert played.calls == [("ChangeConfiguration", {"key": "AuthorizationKey", "value": digits})]
    assert statuses(played.response) == [("Accepted", None)]


def test_password_of_more_than_20_bytes_is_refused() -> None:
    with pytest.raises(RpcError, match="/setVariableData/0/attributeValue is longer than 20 bytes"):
        play("SetVariables", {"setVariableData": [change(PASSWORD, "x" * 21)]})


def test_value_of_more_than_500_characters_is_refused() -> None:
    payload = {"setVariableData": [change(HEARTBEAT, "60"), change(own("A"), "x" * 501)]}

    with pytest.raises(RpcError, match="/setVariableData/1/attributeValue is longer than 500 characters"):
        play("SetVariables", payload)


def test_value_is_spelled_as_in_1_6() -> None:
    played = play("SetVariables", {"setVariableData": [change(RATE_UNIT, "A,W")]}, {"status": "Accepted"})

    assert played.calls[0][1]["value"] == "Current,Power"
