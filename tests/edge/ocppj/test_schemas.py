"""The official schemas, and what their violations are called."""

import copy
from importlib import resources
from typing import Any

import pytest

from citrine_edge.ocppj import RpcError, Schemas

AUTHORIZE = {"idToken": {"idToken": "A", "type": "Central"}}
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "One", "vendorName": "Example"}}
METER = {"evseId": 1, "meterValue": [{"timestamp": "2025-01-31T12:00:00Z", "sampledValue": [{"value": 1}]}]}


def changed(payload: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one value set, or removed where it is ..."""
    payload = copy.deepcopy(payload)
    *parents, last = path.split("/")
    place: Any = payload
    for each in parents:
        place = place[int(each) if each.isdigit() else each]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return payload


OCCURRENCE = "OccurrenceConstraintViolation"
TYPE = "TypeConstraintViolation"
PROPERTY = "PropertyConstraintViolation"
FORMAT = "FormatViolation"

SAMPLE = "meterValue/0/sampledValue/0"


@pytest.mark.parametrize(
    ("action", "payload", "code", "description"),
    [
        ("Authorize", {}, OCCURRENCE, "/idToken is required"),
        ("Authorize", changed(AUTHORIZE, "idToken/type", ...), OCCURRENCE, "/idToken/type is required"),
        ("Authorize", changed(AUTHORIZE, "idToken", "A"), TYPE, "/idToken is not of type object"),
        ("Authorize", changed(AUTHORIZE, "idToken/idToken", None), TYPE, "/idToken/idToken is not of type string"),
        (
            "Authorize",
            changed(AUTHORIZE, "idToken/type", "Odd"),
            PROPERTY,
            "/idToken/type is not one of the allowed values",
        ),
        (
            "Authorize",
            changed(AUTHORIZE, "idToken/idToken", "x" * 37),
            PROPERTY,
            "/idToken/idToken is longer than 36 characters",
        ),
        ("Authorize", changed(AUTHORIZE, "more", 1), FORMAT, "/more is not in the schema"),
        ("Authorize", changed(AUTHORIZE, "idToken/a~b", 1), FORMAT, "/idToken/a~0b is not in the schema"),
        ("Authorize", changed(AUTHORIZE, "customData", {"a": 1}), OCCURRENCE, "/customData/vendorId is required"),
        ("MeterValues", changed(METER, "meterValue", []), OCCURRENCE, "/meterValue has fewer items than 1"),
        (
            "MeterValues",
            changed(METER, "meterValue/0/sampledValue", []),
            OCCURRENCE,
            "/meterValue/0/sampledValue has fewer items than 1",
        ),
        ("MeterValues", changed(METER, f"{SAMPLE}/value", "1"), TYPE, f"/{SAMPLE}/value is not of type number"),
        ("MeterValues", changed(METER, "evseId", 1.5), TYPE, "/evseId is not of type integer"),
        ("MeterValues", changed(METER, "evseId", True), TYPE, "/evseId is not of type integer"),
    ],
)
def test_violation_has_its_code_and_place(action: str, payload: dict[str, Any], code: str, description: str) -> None:
    with pytest.raises(RpcError) as refused:
        Schemas("v201").request(action).check(payload)

    assert (refused.value.code, refused.value.description) == (code, description)


@pytest.mark.parametrize(
    ("value", "problem"), [(-1, "is less than 0"), (4, "is greater than 3"), (2.5, "is not of type integer")]
)
def test_bounds_of_2_1(value: float, problem: str) -> None:
    payload = {
        "eventType": "Updated",
        "timestamp": "2025-01-31T12:00:00Z",
        "triggerReason": "Trigger",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "T1"},
        "numberOfPhasesUsed": value,
    }

    with pytest.raises(RpcError, match=f"/numberOfPhasesUsed {problem}$"):
        Schemas("v21").request("TransactionEvent").check(payload)


def test_of_several_violations_the_same_one_is_reported() -> None:
    payload = {"zzz": 1, "aaa": 1, "idToken": {"idToken": 1, "type": "Odd"}}

    descriptions = set()
    for keys in (sorted(payload), sorted(payload, reverse=True)):
        with pytest.raises(RpcError) as refused:
            Schemas("v201").request("Authorize").check({key: payload[key] for key in keys})
        descriptions.add(str(refused.value))

    assert descriptions == {"FormatViolation: /aaa is not in the schema"}


@pytest.mark.parametrize(
    ("action", "payload", "mended"),
    [
        ("BootNotification", changed(BOOT, "chargingStation/modem", None), BOOT),
        ("BootNotification", changed(BOOT, "customData", None), BOOT),
        ("Authorize", changed(AUTHORIZE, "idToken/additionalInfo", []), AUTHORIZE),
        ("MeterValues", changed(METER, "meterValue/0/sampledValue/0/phase", None), METER),
    ],
)
def test_null_and_empty_optional_properties_are_left_out(
    action: str, payload: dict[str, Any], mended: dict[str, Any]
) -> None:
    original = copy.deepcopy(payload)

    assert Schemas("v201").request(action).check(payload) == mended
    assert payload == original


def test_valid_payload_is_returned_as_it_is() -> None:
    assert Schemas("v201").request("Authorize").check(AUTHORIZE) is AUTHORIZE


def test_mended_payload_may_still_be_wrong() -> None:
    payload = changed(changed(AUTHORIZE, "idToken/additionalInfo", []), "idToken/type", None)

    with pytest.raises(RpcError, match="/idToken/type is not of type string"):
        Schemas("v201").request("Authorize").check(payload)


@pytest.mark.parametrize("version", ["v201", "v21"])
def test_every_schema_is_found_and_compiles(version: Any) -> None:
    schemas = Schemas(version)
    names = [file.name for file in (resources.files("ocpp") / version / "schemas").iterdir()]

    for name in names:
        stem = name.removesuffix(".json")
        if stem.endswith("Response"):
            schemas.response(stem.removesuffix("Response"))
        else:
            schemas.request(stem.removesuffix("Request"))
    assert len(names) > 100


def test_additional_properties_are_listed_unless_something_else_is_wrong() -> None:
    schema = Schemas("v201").request("Authorize")

    assert schema.additional(changed(AUTHORIZE, "idToken/more", 1)) == [("idToken", "more")]
    assert schema.additional({"more": 1}) is None
