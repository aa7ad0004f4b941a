"""What rules of operators let pass of OCPP 1.6, by tables; those of 2.x are beside what is valid of answers."""

from typing import Any

import pytest

from citrine.ocpp.v2.types_pb2 import READING_CONTEXT_ENUM_OTHER
from citrine_edge.dialects.v16 import V16
from citrine_edge.ocppj import Rule, Tolerance
from tests.edge.ocppj.test_schemas import changed

V = V16()

TIME = "2025-01-31T12:00:00Z"
START: dict[str, Any] = {"connectorId": 1, "idTag": "CAFE", "meterStart": 1200, "timestamp": TIME}
STOP: dict[str, Any] = {"transactionId": 7, "meterStop": 5200, "timestamp": TIME}
STATUS: dict[str, Any] = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": TIME}
SAMPLE = {"value": "1200", "unit": "Wh"}
VALUES: dict[str, Any] = {"connectorId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [SAMPLE]}]}

AT = "meterValue/0/sampledValue/0"


def read(action: str, payload: Any, *kinds: Tolerance) -> Any:
    """Return the first request and the kinds that were used; None if it is refused."""
    found = V.read_tolerantly(action, payload, [Rule("r", frozenset({action}), frozenset(kinds or Tolerance))])
    return None if found is None else (found[0].requests[0].message, {use.kind for use in found[1]})


def sample_of(request: Any) -> Any:
    return request.meter_value[0].sampled_value[0]


@pytest.mark.parametrize(
    ("action", "payload", "kind"),
    [
        ("StartTransaction", changed(START, "connectorId", "1"), Tolerance.JSON_TYPES),
        ("StartTransaction", changed(START, "meterStart", "1200"), Tolerance.JSON_TYPES),
        ("StartTransaction", changed(START, "meterStart", 1200.0), None),
        ("StopTransaction", changed(STOP, "transactionId", "7"), Tolerance.JSON_TYPES),
        ("StartTransaction", changed(START, "timestamp", "2025-01-31 12:00"), Tolerance.TIMES),
        ("StartTransaction", changed(START, "timestamp", "2025-01-31T12:00:00+99:00"), Tolerance.TIMES),
        ("MeterValues", changed(VALUES, "meterValue", VALUES["meterValue"][0]), Tolerance.JSON_TYPES),
        ("MeterValues", changed(VALUES, f"{AT}/value", 1200), Tolerance.JSON_TYPES),
        ("MeterValues", changed(VALUES, f"{AT}/phase", ""), Tolerance.EMPTY_VALUES),
        ("MeterValues", changed(VALUES, f"{AT}/unit", "WH"), Tolerance.UNKNOWN_VALUES),
        ("MeterValues", changed(VALUES, f"{AT}/vendorHint", "x"), Tolerance.EXTRA_FIELDS),
        ("MeterValues", changed(VALUES, "meterValue/0/timestamp", "2025-01-31T12:00:00+0000"), Tolerance.TIMES),
        ("StatusNotification", changed(STATUS, "info", "x" * 60), Tolerance.LONG_STRINGS),
        ("StatusNotification", changed(STATUS, "timestamp", ""), Tolerance.EMPTY_VALUES),
        ("StatusNotification", changed(STATUS, "errorCode", "Error"), Tolerance.UNKNOWN_VALUES),
        ("StatusNotification", changed(STATUS, "status", "available"), Tolerance.UNKNOWN_VALUES),
        ("StopTransaction", changed(STOP, "reason", "Whim"), Tolerance.UNKNOWN_VALUES),
    ],
)
def test_a_defect_passes_by_its_own_rule_and_by_no_other(action: str, payload: Any, kind: Tolerance | None) -> None:
    others = [each for each in Tolerance if each is not kind]

    found = read(action, payload)

    assert found is not None
    assert found[1] == ({kind} if kind else set())
    assert kind is None or read(action, payload, kind) is not None
    assert kind is None or read(action, payload, *others) is None


def test_registers_may_have_decimals_that_are_kept() -> None:
    request, kinds = read("StartTransaction", changed(START, "meterStart", 1200.5))

    assert sample_of(request).value == 1200.5
    assert kinds == {Tolerance.JSON_TYPES}
    assert sample_of(read("StartTransaction", changed(START, "meterStart", "1200.25"))[0]).value == 1200.25


def test_a_number_in_place_of_text_keeps_its_digits() -> None:
    request, _ = read("MeterValues", changed(VALUES, f"{AT}/value", 0.15005000000000002))

    assert sample_of(request).value == 0.15005000000000002


def test_an_unknown_error_code_is_kept_as_that_of_the_vendor() -> None:
    payload = changed(changed(STATUS, "errorCode", "Error"), "status", "Faulted")

    found = V.read_tolerantly(
        "StatusNotification", payload, [Rule("r", frozenset({"StatusNotification"}), frozenset(Tolerance))]
    )

    assert found is not None
    supplement = found[0].requests[0].supplement
    assert supplement is not None
    detail = supplement.connector_detail
    assert (detail.error_code, detail.vendor_error_code) == ("OtherError", "Error")


def test_meter_values_without_any_value_say_nothing() -> None:
    """As Vestel's EVC04 sends them while it does not charge."""
    empty = changed(VALUES, "meterValue/0/sampledValue", [])
    blank = changed(VALUES, f"{AT}/value", "")

    for payload in (empty, blank, changed(VALUES, "meterValue", [])):
        request, kinds = read("MeterValues", payload, Tolerance.EMPTY_VALUES)
        assert list(request.meter_value) == []
        assert kinds == {Tolerance.EMPTY_VALUES}


@pytest.mark.parametrize("value", ["", " ", "-", "n/a", "NaN", "null"])
def test_a_value_without_a_digit_is_none(value: str) -> None:
    payload = changed(VALUES, "meterValue/0/sampledValue", [{"value": value}, SAMPLE])

    request, kinds = read("MeterValues", payload)

    assert [sample.value for sample in request.meter_value[0].sampled_value] == [1200.0]
    assert kinds == {Tolerance.EMPTY_VALUES}


@pytest.mark.parametrize(
    ("measurand", "unit"),
    [("SoC", "points"), ("Voltage", "Volts"), ("Power.Offered", "hp"), ("Vendor.Thing", "V")],
)
def test_a_sample_of_an_unknown_unit_or_measurand_is_left_out(measurand: str, unit: str) -> None:
    odd = {"value": "1", "measurand": measurand, "unit": unit}

    request, _ = read("MeterValues", changed(VALUES, "meterValue/0/sampledValue", [odd, SAMPLE]))

    assert [sample.value for sample in request.meter_value[0].sampled_value] == [1200.0]


@pytest.mark.parametrize(("unit", "canonical"), [("Hz", "Hz"), ("%", "Percent"), ("kwh", "kWh")])
def test_a_unit_in_another_spelling_is_the_unit(unit: str, canonical: str) -> None:
    request, _ = read("MeterValues", changed(VALUES, f"{AT}/unit", unit))

    assert sample_of(request).unit_of_measure.unit == canonical


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StartTransaction", changed(START, "idTag", 12345)),
        ("StartTransaction", changed(START, "idTag", "x" * 21)),
        ("StartTransaction", changed(START, "idTag", ...)),
        ("StartTransaction", changed(START, "meterStart", "12,5")),
        ("StartTransaction", changed(START, "meterStart", "")),
        ("StartTransaction", changed(START, "meterStart", True)),
        ("StartTransaction", changed(START, "connectorId", 1.5)),
        ("StartTransaction", changed(START, "timestamp", "")),
        ("StartTransaction", changed(START, "timestamp", "31.01.2025")),
        ("StopTransaction", changed(STOP, "transactionId", "seven")),
        ("StopTransaction", changed(STOP, "meterStop", ...)),
        ("StatusNotification", changed(STATUS, "status", "Busy")),
        ("MeterValues", changed(VALUES, f"{AT}/unit", "")),
        ("MeterValues", changed(VALUES, f"{AT}/unit", "MWh")),
        ("MeterValues", changed(VALUES, f"{AT}/measurand", "Energy.Active.Import")),
        ("MeterValues", changed(VALUES, f"{AT}/measurand", "")),
        ("MeterValues", changed(VALUES, f"{AT}/phase", "L4")),
        ("MeterValues", changed(VALUES, f"{AT}/value", "12,5")),
        ("MeterValues", changed(VALUES, f"{AT}/value", "12.5 kWh")),
        ("MeterValues", changed(VALUES, f"{AT}/multiplier", 3)),
    ],
)
def test_what_identifies_or_bills_is_never_guessed(action: str, payload: Any) -> None:
    assert read(action, payload) is None


def test_a_message_with_hundreds_of_such_values_passes() -> None:
    samples = [SAMPLE, {"value": "n/a"}, {"value": "opaque", "format": "SignedData"}]
    values = [{"timestamp": "2025-01-31T12:00:00+99:00", "sampledValue": [*samples]} for _ in range(500)]

    request, kinds = read("MeterValues", changed(VALUES, "meterValue", values))

    assert len(request.meter_value) == 500
    assert all(len(each.sampled_value) == 1 for each in request.meter_value)
    assert request.meter_value[0].sampled_value[0].signed_meter_value.signed_meter_data == "opaque"
    assert kinds == {Tolerance.TIMES, Tolerance.EMPTY_VALUES}


def test_a_context_of_its_own_is_another_one() -> None:
    """As Alfen's stations send a limit among their readings."""
    limit = {"value": "16.000", "context": "CurrentMax", "unit": "A"}

    request, kinds = read("MeterValues", changed(VALUES, "meterValue/0/sampledValue", [limit]))

    assert sample_of(request).context == READING_CONTEXT_ENUM_OTHER
    assert kinds == {Tolerance.UNKNOWN_VALUES}
