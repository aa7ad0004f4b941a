"""What is left of payloads that break their schema: the valid part of answers, and what operators tolerate."""

from typing import Any

import pytest

from citrine_edge.ocppj import RpcError, Rule, Schemas, Tolerance
from citrine_edge.ocppj.mending import valid_part
from citrine_edge.ocppj.tolerating import tolerated
from tests.edge.ocppj.test_schemas import changed

V201, V21 = Schemas("v201"), Schemas("v21")

TIME = "2025-01-31T12:00:00Z"

SIGNED = {"signedMeterData": "x" * 3000, "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "k"}

EVENT: dict[str, Any] = {
    "eventType": "Ended",
    "timestamp": TIME,
    "triggerReason": "StopAuthorized",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "T-1"},
    "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": 1.0}, {"value": 2.0}]}],
}

SAMPLES = "meterValue/0/sampledValue"

RULES = [
    Rule("empty", frozenset({"TransactionEvent"}), frozenset({Tolerance.EMPTY_VALUES})),
    Rule("rest", frozenset({"TransactionEvent"}), frozenset({Tolerance.LONG_STRINGS, Tolerance.EXTRA_FIELDS})),
]


def pass_by_rule(payload: dict[str, Any], rules: list[Rule] = RULES) -> Any:
    return tolerated(V201.request("TransactionEvent"), "TransactionEvent", payload, rules, lambda valid: valid)


@pytest.mark.parametrize("value", ["", " ", None, ...])
def test_a_sampled_value_without_a_value_is_left_out(value: Any) -> None:
    payload, uses = pass_by_rule(changed(EVENT, f"{SAMPLES}/0/value", value))

    assert payload["meterValue"][0]["sampledValue"] == [{"value": 2.0}]
    assert [use.rule_id for use in uses] == ["empty"]
    assert uses[0].error.path == "/meterValue/0/sampledValue/0/value"


def test_meter_values_without_any_value_are_left_out() -> None:
    payload, uses = pass_by_rule(changed(EVENT, SAMPLES, [{"value": ""}, {}, None]))

    assert payload == {name: value for name, value in EVENT.items() if name != "meterValue"}
    assert {use.rule_id for use in uses} == {"empty"}


def test_extra_fields_are_left_out() -> None:
    payload = changed(changed(EVENT, "vendorThing", 1), "transactionInfo/colour", "green")

    mended, uses = pass_by_rule(changed(payload, f"{SAMPLES}/0/vendorHint", "x"))

    assert mended == EVENT
    assert [use.rule_id for use in uses] == ["rest"] * 3


@pytest.mark.parametrize(
    ("path", "value"),
    [
        # It would make Wh of kWh.
        (f"{SAMPLES}/0/unit", "kWh"),
        (f"{SAMPLES}/0/unitOfMeasure", {"unit": "Wh", "multipler": 3}),
        (f"{SAMPLES}/0/scale", 3),
        # OCPP's own, misspelled or misplaced: what they say would be lost.
        ("metervalue", []),
        ("meter_value", [{"timestamp": TIME, "sampledValue": [{"value": 5000.0}]}]),
        ("transactionId", "T-2"),
        ("transactionInfo/offline", True),
    ],
)
def test_an_extra_field_that_may_bill_is_never_tolerated(path: str, value: Any) -> None:
    assert pass_by_rule(changed(EVENT, path, value)) is None


def test_signed_data_that_is_too_long_stays_whole() -> None:
    payload, uses = pass_by_rule(changed(EVENT, f"{SAMPLES}/0/signedMeterValue", SIGNED))

    assert payload["meterValue"][0]["sampledValue"][0]["signedMeterValue"] == SIGNED
    assert [use.rule_id for use in uses] == ["rest"]


def test_other_text_is_cut() -> None:
    boot = {"reason": "PowerUp", "chargingStation": {"model": "M" * 30, "vendorName": "V"}}
    rule = Rule("long", frozenset({"BootNotification"}), frozenset({Tolerance.LONG_STRINGS}))

    found = tolerated(V201.request("BootNotification"), "BootNotification", boot, [rule], lambda valid: valid)

    assert found is not None
    assert found[0]["chargingStation"]["model"] == "M" * 20


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("transactionInfo/transactionId", "x" * 37),
        ("idToken", {"idToken": "x" * 37, "type": "ISO14443"}),
        (f"{SAMPLES}/0/unitOfMeasure", {"unit": "x" * 21}),
        (f"{SAMPLES}/0/value", "1.0"),
        (f"{SAMPLES}/0/measurand", ""),
        ("seqNo", ...),
        ("timestamp", None),
    ],
)
def test_what_identifies_or_bills_is_never_guessed(path: str, value: Any) -> None:
    assert pass_by_rule(changed(EVENT, path, value)) is None


def test_nothing_is_tolerated_without_a_rule_for_it() -> None:
    empty, extra = changed(EVENT, f"{SAMPLES}/0/value", ""), changed(EVENT, "vendorThing", 1)

    assert pass_by_rule(empty, []) is None
    assert pass_by_rule(empty, RULES[1:]) is None
    assert pass_by_rule(extra, RULES[:1]) is None
    assert tolerated(V201.request("MeterValues"), "MeterValues", {"evseId": 1}, RULES, dict) is None


@pytest.mark.parametrize(
    ("action", "payload", "valid"),
    [
        ("Reset", {"status": "Accepted", "more": 1}, {"status": "Accepted"}),
        ("Reset", {"status": "Accepted", "statusInfo": {"reasonCode": "x" * 21}}, {"status": "Accepted"}),
        ("Reset", {"status": "Accepted", "statusInfo": {}}, {"status": "Accepted"}),
        ("Reset", {"status": "Accepted", "statusInfo": "none"}, {"status": "Accepted"}),
        (
            "RequestStartTransaction",
            {"status": "Accepted", "transactionId": "x" * 37},
            {"status": "Accepted"},
        ),
        ("Reset", {"status": "Perhaps"}, None),
        ("Reset", {}, None),
        # An element that is left out would move the others.
        ("GetVariables", {"getVariableResult": [{"attributeStatus": "Accepted"}]}, None),
    ],
)
def test_the_valid_part_of_an_answer(action: str, payload: dict[str, Any], valid: Any) -> None:
    assert valid_part(V201.response(action), payload) == valid


MONITOR = {"id": 1, "transaction": False, "value": 5, "type": "UpperThreshold", "severity": 5}
REPORT = {
    "requestId": 1,
    "seqNo": 0,
    "generatedAt": TIME,
    "monitor": [{"component": {"name": "A"}, "variable": {"name": "B"}, "variableMonitoring": [MONITOR]}],
}


def test_an_omission_whose_meaning_is_clear_is_mended_and_told() -> None:
    mended: list[RpcError] = []

    assert V21.request("NotifyMonitoringReport").check(REPORT, mended) == REPORT
    assert [error.path for error in mended] == ["/monitor/0/variableMonitoring/0/eventNotificationType"]


def test_another_defect_beside_it_is_refused() -> None:
    path = "monitor/0/variableMonitoring/0/severity"

    with pytest.raises(RpcError, match="severity is required"):
        V21.request("NotifyMonitoringReport").check(changed(REPORT, path, ...))


def test_null_and_empty_arrays_count_as_mended() -> None:
    mended: list[RpcError] = []
    payload = changed(changed(EVENT, "cableMaxCurrent", None), "reservationId", None)

    assert V201.request("TransactionEvent").check(payload, mended) == EVENT
    assert sorted(error.path for error in mended) == ["/cableMaxCurrent", "/reservationId"]
