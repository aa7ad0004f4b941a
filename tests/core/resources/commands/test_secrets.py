"""Tests of passwords in commands."""

import json
from typing import Any

import pytest

from citrine_core.resources.commands.secrets import MASK, masked, masked_frame, new_password


def setting(component: str, variable: str, value: Any = "secret") -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(setting("SecurityCtrlr", "BasicAuthPassword"), id="as written in the specification"),
        pytest.param(setting("securityCtrlr", "BASICAUTHPASSWORD"), id="names are case-insensitive"),
    ],
)
def test_a_new_password_is_found_and_masked(entry: dict[str, Any]) -> None:
    payload = {"setVariableData": [setting("ClockCtrlr", "TimeZone", "UTC"), entry]}

    shown = masked(payload)

    assert new_password("SetVariables", payload) == "secret"
    assert [one["attributeValue"] for one in shown["setVariableData"]] == ["UTC", MASK]
    assert entry["attributeValue"] == "secret"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        pytest.param(
            "SetVariables", {"setVariableData": [setting("SecurityCtrlr", "Identity")]}, id="another variable"
        ),
        pytest.param("SetVariables", {"setVariableData": "x"}, id="no list"),
        pytest.param("SetVariables", {"setVariableData": ["x", {"component": "x"}, {}]}, id="no entries"),
        pytest.param("SetVariables", {}, id="nothing"),
        pytest.param("GetVariables", {"getVariableData": []}, id="another action"),
        pytest.param("SetNetworkProfile", {"connectionData": {"ocppVersion": "OCPP20"}}, id="a profile without one"),
        pytest.param("SetNetworkProfile", {"connectionData": 1}, id="no profile"),
    ],
)
def test_what_holds_no_password_stays_as_it_is(action: str, payload: dict[str, Any]) -> None:
    assert masked(payload) == payload
    assert new_password(action, payload) is None


def test_the_password_of_a_network_profile_is_masked_and_none_of_ours() -> None:
    payload = {"connectionData": {"basicAuthPassword": "secret"}}

    assert masked(payload) == {"connectionData": {"basicAuthPassword": MASK}}
    assert new_password("SetNetworkProfile", payload) is None


def test_every_secret_of_a_network_profile_is_masked_in_its_type() -> None:
    vpn = {"server": "vpn.example", "user": "u", "password": "secret", "key": "secret", "type": "IKEv2"}
    apn = {"apn": "internet", "apnUserName": "u", "apnPassword": "secret", "simPin": 1234}

    shown = masked({"configurationSlot": 1, "connectionData": {"vpn": vpn, "apn": apn}})

    assert shown["connectionData"]["vpn"] == {**vpn, "password": MASK, "key": MASK}
    assert shown["connectionData"]["apn"] == {**apn, "apnPassword": MASK, "simPin": 0}
    assert (vpn["password"], apn["simPin"]) == ("secret", 1234)


@pytest.mark.parametrize("variable", ["VpnPassword", "VpnKey", "ApnPassword", "SimPin", "SharedSecret"])
def test_other_secret_variables_are_masked_wherever_they_are(variable: str) -> None:
    shown = masked({"setVariableData": [setting("NetworkConfiguration", variable)]})

    assert shown["setVariableData"][0]["attributeValue"] == MASK


WRITE_ONLY = {("vendorctrlr", "activationcode")}


def test_values_of_write_only_variables_are_masked_in_frames() -> None:
    entry = setting("VendorCtrlr", "ActivationCode", "the-code")
    other = setting("ClockCtrlr", "TimeZone", "UTC")
    call = json.dumps([2, "1", "SetVariables", {"setVariableData": [entry, other]}])
    result = json.dumps([3, "1", {"getVariableResult": [entry]}])

    shown = masked_frame(call, WRITE_ONLY)

    assert "the-code" not in shown
    assert "UTC" in shown
    assert "the-code" not in masked_frame(result, WRITE_ONLY)
    assert masked_frame(call, set()) == call
    for broken in ('[2, "ActivationCode", the-code', '{"ActivationCode": "the-code"}'):
        assert masked_frame(broken, WRITE_ONLY) == "[no frame of OCPP-J, not shown]"
