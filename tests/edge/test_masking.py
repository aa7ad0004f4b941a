"""Frames as others may see them."""

import json
from typing import Any

import pytest

from citrine_edge.masking import MASK, observable

SECRET = "hunter2-hunter2-hunter2"


@pytest.mark.parametrize(
    "payload",
    [
        {"setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET}]},
        {"setVariableData": [{"variable": {"name": "basicauthpassword"}, "attributeValue": SECRET}]},
        {"getVariableResult": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET}]},
        {"connectionData": {"basicAuthPassword": SECRET}},
        {"connectionData": {"BasicAuthPassword": {"nested": SECRET}}},
        {"connectionData": {"vpn": {"server": "s", "password": SECRET, "key": SECRET}}},
        {"connectionData": {"apn": {"apn": "a", "apnPassword": SECRET, "simPin": 1234}}},
        {"setVariableData": [{"variable": {"name": "VpnKey"}, "attributeValue": SECRET}] * 2},
        {"reportData": [{"variable": {"name": "SimPin"}, "variableAttribute": [{"value": SECRET}, {}]}]},
        {"eventData": [{"variable": {"name": "SharedSecret"}, "actualValue": SECRET}]},
        {"key": "AuthorizationKey", "value": SECRET},
        {"configurationKey": [{"key": "authorizationKey", "readonly": False, "value": SECRET}]},
        {"customData": {"vendorId": "v", "list": [[{"basicAuthPassword": SECRET}]]}},
    ],
)
def test_A01_password_is_masked(payload: dict[str, Any]) -> None:
    shown = observable(json.dumps([2, "a", "X", payload]).encode())

    assert SECRET not in shown
    assert MASK in shown
    assert json.loads(shown)[1] == "a"


def test_C04_FR_04_what_drivers_type_is_masked() -> None:
    token = {"idToken": SECRET, "type": "KeyCode"}
    other = {"idToken": "CAFE0001", "type": "ISO14443"}

    shown = observable(json.dumps([2, "a", "X", {"idToken": token, "list": [{"groupIdToken": other}]}]).encode())

    assert SECRET not in shown
    assert json.loads(shown)[3]["list"] == [{"groupIdToken": other}]


@pytest.mark.parametrize("field", ["password", "Passwd", "secret", "PIN", "privateKey"])
def test_what_is_secret_by_its_name_is_masked_in_messages_that_nobody_knows(field: str) -> None:
    shown = observable(json.dumps([2, "a", "FooBar", {"login": {field: SECRET}}]).encode())

    assert json.loads(shown) == [2, "a", "FooBar", {"login": {field: MASK}}]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b'[2, "a", "X", {"b": 1}]', '[2, "a", "X", {"b": 1}]'),
        (b'[2,"a","X",{"variable":{"name":"Other"},"attributeValue":"v"}]', None),
        (b'[2,"a","X",{"variable":"odd","attributeValue":"v"}]', None),
        (b"not json \xff", "not json \ufffd"),
        (b"not json \0", "not json \ufffd"),
        (b'["BasicAuthPassword", "x"', "[25 bytes that are not JSON, not shown]"),
        (b'{"basicAuthPassword":null}', '{"basicAuthPassword":null}'),
        (b"x" * 300_000, "[300000 bytes, not shown]"),
    ],
)
def test_everything_else_is_shown_as_it_is(raw: bytes, shown: str | None) -> None:
    assert observable(raw) == (raw.decode() if shown is None else shown)
