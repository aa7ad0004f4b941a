"""The codec, on payloads drawn from every schema of OCPP 2.0.1 and 2.1 and on chosen ones."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import orjson
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import MAX_DEPTH, CodecError, ErrorKind, decode, encode, format_datetime, parse_datetime
from citrine.ocpp.v2 import (
    authorization_pb2,
    availability_pb2,
    data_transfer_pb2,
    provisioning_pb2,
    smart_charging_pb2,
    transactions_pb2,
    types_pb2,
)
from tests.support.examples import examples
from tests.support.payloads import JSON, SCHEMAS, date_times, objects

CLASSES: dict[str, type[Message]] = {
    message_class.DESCRIPTOR.name: message_class
    for action in ACTIONS.values()
    for message_class in (action.request, action.response)
    if message_class is not None
}
EVERY_SCHEMA = [
    pytest.param(version, name, id=f"{name}-{version}") for version, schemas in SCHEMAS.items() for name in schemas
]


def comparable(value: Any) -> Any:
    """Return a payload in which equal instants and equal numbers are the same value."""
    match value:
        case dict():
            return {key: comparable(each) for key, each in value.items()}
        case list():
            return [comparable(each) for each in value]
        case bool() | None:
            return value
        case int() | float():
            return float(value)
        case str() if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:.*", value):
            return instant(value)
    return value


def instant(text: str) -> tuple[datetime, str]:
    """Return the UTC second and the fraction of a date-time."""
    found = re.fullmatch(r"(.{19})(?:\.(\d+))?(.*)", text.upper())
    assert found is not None
    moment = datetime.fromisoformat(found[1] + (found[3] or "Z"))
    return moment.astimezone(UTC), (found[2] or "").rstrip("0")


@pytest.mark.parametrize(("version", "name"), EVERY_SCHEMA)
def test_every_message_comes_back_as_it_went_in(version: str, name: str) -> None:
    """JSON to message to JSON is the identity, and a null is as good as nothing."""
    schema = SCHEMAS[version][name]
    validator = jsonschema_rs.validator_for(schema)
    nothing = dict.fromkeys(schema["properties"].keys() - {*schema.get("required", []), "data"})

    @settings(max_examples=examples(4), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(objects(schema, version, schema.get("definitions", {})))
    def check(payload: dict[str, Any]) -> None:
        message = decode(CLASSES[name], payload)
        again = orjson.loads(orjson.dumps(encode(CLASSES[name].FromString(message.SerializeToString()))))

        assert comparable(again) == comparable(payload)
        assert validator.is_valid(again)
        assert decode(CLASSES[name], {**nothing, **payload}) == message

    check()


UPDATED = {
    "eventType": "Updated",
    "timestamp": "2025-06-01T12:34:56.789Z",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 17,
    "transactionInfo": {"transactionId": "T-1", "chargingState": "SuspendedEVSE"},
    "meterValue": [
        {
            "timestamp": "2025-06-01T12:34:56Z",
            "sampledValue": [
                {"value": 0.15005000000000002, "phase": "L1-N", "measurand": "Energy.Active.Import.Register"}
            ],
        }
    ],
}


def test_a_transaction_event_has_the_values_of_its_payload() -> None:
    message = decode(transactions_pb2.TransactionEventRequest, UPDATED)

    sample = message.meter_value[0].sampled_value[0]
    assert sample.value == 0.15005000000000002
    assert sample.phase == types_pb2.PHASE_ENUM_L1_N
    assert sample.measurand == types_pb2.MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_REGISTER
    assert message.transaction_info.charging_state == transactions_pb2.CHARGING_STATE_ENUM_SUSPENDED_EVSE
    assert message.timestamp == Timestamp(seconds=1748781296, nanos=789_000_000)
    assert not message.HasField("offline")
    assert encode(message) == UPDATED


def test_false_and_zero_of_optional_fields_are_kept() -> None:
    payload = {**UPDATED, "offline": False, "cableMaxCurrent": 0, "seqNo": 0}

    message = decode(transactions_pb2.TransactionEventRequest, payload)

    assert message.HasField("offline")
    assert encode(message) == payload


def test_null_of_an_optional_property_is_absence_at_any_depth() -> None:
    payload = {"idToken": {"idToken": "A", "type": "Central", "additionalInfo": None}, "certificate": None}

    message = decode(authorization_pb2.AuthorizeRequest, payload)

    assert encode(message) == {"idToken": {"idToken": "A", "type": "Central"}}


def test_custom_data_keeps_every_member() -> None:
    custom = {"vendorId": "org.example", "data": [1, 2.5, None, {"fields": {"x": True}}], "vendor_id": "other"}

    message = decode(availability_pb2.HeartbeatRequest, {"customData": custom})

    assert message.custom_data.vendor_id == "org.example"
    assert encode(message) == {"customData": custom}


@pytest.mark.parametrize(
    "data", [None, 0, 1, -7, 2**53, 1.5, True, "", "text", [], {}, [[], {}], {"null": None, "fields": {"a": [1]}}]
)
def test_data_transfer_carries_any_json(data: Any) -> None:
    payload = {"vendorId": "org.example", "data": data}

    again = encode(decode(data_transfer_pb2.DataTransferRequest, payload))

    assert again == payload
    assert type(again["data"]) is type(data)


def test_a_whole_number_that_came_as_float_is_an_integer() -> None:
    message = decode(provisioning_pb2.ResetRequest, {"type": "Immediate", "evseId": 200.0})

    assert message.evse_id == 200
    assert type(encode(message)["evseId"]) is int


def test_an_enum_that_one_version_opened_is_a_string() -> None:
    payload = {"chargingLimitSource": "OurOwnSource", "evseId": 1}

    assert encode(decode(smart_charging_pb2.ClearedChargingLimitRequest, payload)) == payload


def nested(depth: int, inner: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = inner(value)
    return value


@pytest.mark.parametrize("inner", [lambda value: [value], lambda value: {"a": value}], ids=["arrays", "objects"])
def test_the_deepest_data_that_is_accepted_can_be_read_by_the_other_side(inner: Callable[[Any], Any]) -> None:
    payload = {"vendorId": "org.example", "data": nested(MAX_DEPTH, inner)}

    content = decode(data_transfer_pb2.DataTransferRequest, payload).SerializeToString()

    assert encode(data_transfer_pb2.DataTransferRequest.FromString(content)) == payload


def sample(**members: Any) -> dict[str, Any]:
    value = {"value": 1, **members}
    return {**UPDATED, "meterValue": [{"timestamp": "2025-06-01T12:34:56Z", "sampledValue": [{"value": 2}, value]}]}


SAMPLE = "/meterValue/0/sampledValue/1"


@pytest.mark.parametrize(
    ("payload", "path", "kind"),
    [
        pytest.param(sample(value="1"), f"{SAMPLE}/value", "type", id="text for a number"),
        pytest.param(sample(value=True), f"{SAMPLE}/value", "type", id="boolean for a number"),
        pytest.param(sample(value=None), f"{SAMPLE}/value", "type", id="null for what is required"),
        pytest.param(sample(value=math.inf), f"{SAMPLE}/value", "property", id="infinity"),
        pytest.param(sample(value=math.nan), f"{SAMPLE}/value", "property", id="not a number"),
        pytest.param(sample(value=10**400), f"{SAMPLE}/value", "property", id="more than a double holds"),
        pytest.param(sample(phase="L4"), f"{SAMPLE}/phase", "property", id="unknown value"),
        pytest.param(sample(phase=1), f"{SAMPLE}/phase", "type", id="number for an enum"),
        pytest.param(sample(phase=[]), f"{SAMPLE}/phase", "type", id="array for an enum"),
        pytest.param(sample(phase="PHASE_ENUM_L1"), f"{SAMPLE}/phase", "property", id="our own spelling"),
        pytest.param(sample(measurands="SoC"), f"{SAMPLE}/measurands", "occurrence", id="unknown property"),
        pytest.param(sample(**{"a/b~": 1}), f"{SAMPLE}/a~1b~0", "occurrence", id="property to be escaped"),
        pytest.param(sample(**{"\ud800": 1}), f"{SAMPLE}/\\ud800", "occurrence", id="property that is not Unicode"),
        pytest.param(sample(unitOfMeasure=[]), f"{SAMPLE}/unitOfMeasure", "type", id="array for an object"),
        pytest.param({**UPDATED, "meterValue": {}}, "/meterValue", "type", id="object for an array"),
        pytest.param({**UPDATED, "meterValue": [None]}, "/meterValue/0", "type", id="null in an array"),
        pytest.param({**UPDATED, "seqNo": 2**31}, "/seqNo", "property", id="33 bits"),
        pytest.param({**UPDATED, "seqNo": 1e300}, "/seqNo", "property", id="integer of 300 digits"),
        pytest.param({**UPDATED, "seqNo": 1.5}, "/seqNo", "type", id="fraction for an integer"),
        pytest.param({**UPDATED, "seqNo": math.nan}, "/seqNo", "type", id="not a number for an integer"),
        pytest.param({**UPDATED, "seqNo": True}, "/seqNo", "type", id="boolean for an integer"),
        pytest.param({**UPDATED, "seqNo": "1"}, "/seqNo", "type", id="text for an integer"),
        pytest.param({**UPDATED, "offline": 1}, "/offline", "type", id="number for a boolean"),
        pytest.param({**UPDATED, "timestamp": 1}, "/timestamp", "type", id="number for a time"),
        pytest.param({**UPDATED, "timestamp": "yesterday"}, "/timestamp", "property", id="no time"),
        pytest.param({**UPDATED, "evse": None, "idToken": 5}, "/idToken", "type", id="number for an object"),
        pytest.param({**UPDATED, "customData": {}}, "/customData", "occurrence", id="vendor missing"),
        pytest.param({**UPDATED, "customData": {"vendorId": 1}}, "/customData/vendorId", "type", id="vendor"),
        pytest.param(
            {**UPDATED, "customData": {"vendorId": "", "x": [1, math.inf]}},
            "/customData/x/1",
            "property",
            id="infinity in vendor data",
        ),
        pytest.param(
            {**UPDATED, "customData": {"vendorId": "", "x": {"\udfff": 1}}},
            "/customData/x",
            "property",
            id="name in vendor data that is not Unicode",
        ),
        pytest.param(
            {**UPDATED, "customData": {"vendorId": "", "x": {1: 1}}}, "/customData/x", "type", id="name not a string"
        ),
        pytest.param(
            {**UPDATED, "customData": {"vendorId": "", "x": b""}}, "/customData/x", "type", id="not JSON at all"
        ),
        pytest.param(
            {**UPDATED, "idToken": {"idToken": "\ud800", "type": "Central"}},
            "/idToken/idToken",
            "property",
            id="half a surrogate pair",
        ),
        pytest.param(
            {**UPDATED, "idToken": {"idToken": b"A", "type": "Central"}}, "/idToken/idToken", "type", id="bytes"
        ),
        pytest.param([], "", "type", id="no object"),
    ],
)
def test_what_a_message_cannot_hold_is_refused_with_its_place(payload: Any, path: str, kind: ErrorKind) -> None:
    with pytest.raises(CodecError) as caught:
        decode(transactions_pb2.TransactionEventRequest, payload)

    assert (caught.value.path, caught.value.kind) == (path, kind)
    assert str(caught.value).startswith(f"{path or '/'}: ")
    assert str(caught.value).isascii()


@pytest.mark.parametrize("data", [nested(MAX_DEPTH + 1, lambda value: [value]), nested(10_000, lambda value: [value])])
def test_data_that_is_nested_too_deep_is_refused(data: Any) -> None:
    with pytest.raises(CodecError) as caught:
        decode(data_transfer_pb2.DataTransferRequest, {"vendorId": "", "data": data})

    assert caught.value.kind == "property"


def test_items_of_a_list_of_strings_are_named_by_their_index() -> None:
    payload = {"requestId": 1, "chargingProfile": {"chargingLimitSource": ["EMS", 5]}}

    with pytest.raises(CodecError) as caught:
        decode(smart_charging_pb2.GetChargingProfilesRequest, payload)

    assert (caught.value.path, caught.value.kind) == ("/chargingProfile/chargingLimitSource/1", "type")


@given(st.dictionaries(st.sampled_from([*UPDATED, "evse", "customData", "offline", "x"]), JSON))
@settings(deadline=None, database=None)
def test_no_payload_raises_anything_else(members: dict[str, Any]) -> None:
    problem = None
    try:
        decode(transactions_pb2.TransactionEventRequest, {**UPDATED, **members})
    except CodecError as error:
        problem = error.problem

    assert problem != "is not a message of this kind"


def test_required_fields_are_written_even_when_they_are_zero() -> None:
    response = provisioning_pb2.BootNotificationResponse(
        current_time=Timestamp(), status=provisioning_pb2.REGISTRATION_STATUS_ENUM_ACCEPTED
    )

    assert encode(response) == {"currentTime": "1970-01-01T00:00:00Z", "interval": 0, "status": "Accepted"}


@pytest.mark.parametrize(
    ("message", "path", "kind"),
    [
        pytest.param(provisioning_pb2.ResetRequest(), "/type", "occurrence", id="required enum unspecified"),
        pytest.param(
            provisioning_pb2.ResetRequest(type=99),  # type: ignore[arg-type]  # a value of a later version
            "/type",
            "property",
            id="enum of a later version",
        ),
        pytest.param(
            smart_charging_pb2.ClearChargingProfileRequest(
                charging_profile_criteria=smart_charging_pb2.ClearChargingProfile(
                    charging_profile_purpose=77  # type: ignore[arg-type]  # a value of a later version
                )
            ),
            "/chargingProfileCriteria/chargingProfilePurpose",
            "property",
            id="optional enum of a later version",
        ),
        pytest.param(
            availability_pb2.HeartbeatResponse(current_time=Timestamp(seconds=2**40)),
            "/currentTime",
            "property",
            id="year 36812",
        ),
        pytest.param(
            availability_pb2.HeartbeatResponse(current_time=Timestamp(nanos=-1)),
            "/currentTime",
            "property",
            id="nanoseconds below zero",
        ),
        pytest.param(
            transactions_pb2.TransactionEventResponse(total_cost=math.nan), "/totalCost", "property", id="no number"
        ),
        pytest.param(
            types_pb2.MeterValue(sampled_value=[types_pb2.SampledValue(), types_pb2.SampledValue(value=math.inf)]),
            "/sampledValue/1/value",
            "property",
            id="infinity in an item",
        ),
        pytest.param(
            smart_charging_pb2.ChargingNeeds(
                requested_energy_transfer=types_pb2.ENERGY_TRANSFER_MODE_ENUM_DC,
                available_energy_transfer=[types_pb2.ENERGY_TRANSFER_MODE_ENUM_DC, 0],  # type: ignore[list-item]
            ),
            "/availableEnergyTransfer/1",
            "occurrence",
            id="item unspecified",
        ),
    ],
)
def test_what_ocpp_cannot_say_is_refused_with_its_place(message: Message, path: str, kind: ErrorKind) -> None:
    with pytest.raises(CodecError) as caught:
        encode(message, complete=True)

    assert (caught.value.path, caught.value.kind) == (path, kind)


def test_what_is_no_value_of_an_enum_comes_with_those_that_are() -> None:
    with pytest.raises(CodecError, match=r"^/type: is no value of ResetEnum: expected Immediate, OnIdle or Immediate"):
        decode(provisioning_pb2.ResetRequest, {"type": "Idle"})
    with pytest.raises(CodecError, match=r"^/type: is missing: expected Immediate, OnIdle or ImmediateAndResume$"):
        encode(provisioning_pb2.ResetRequest(), complete=True)
    with pytest.raises(CodecError) as caught:
        decode(types_pb2.SampledValue, {"value": 1, "measurand": "Power"})
    assert re.fullmatch(
        r"is no value of MeasurandEnum: expected ([\w.]+, ){9}[\w.]+ or one of \d+ more", caught.value.problem
    )


def test_what_a_station_can_not_say_of_its_event_is_left_out() -> None:
    """A start of OCPP 1.6 has no triggerReason."""
    message = transactions_pb2.TransactionEventRequest(
        event_type=transactions_pb2.TRANSACTION_EVENT_ENUM_STARTED,
        transaction_info=transactions_pb2.Transaction(transaction_id="4711"),
    )

    payload = encode(message)

    assert "triggerReason" not in payload
    assert (payload["eventType"], payload["seqNo"]) == ("Started", 0)


def test_an_optional_enum_that_is_unspecified_is_left_out() -> None:
    message = types_pb2.SampledValue(value=1, measurand=types_pb2.MEASURAND_ENUM_UNSPECIFIED)

    assert encode(message) == {"value": 1.0}


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("1970-01-01t00:00:00z", 0, 0),
        ("1970-01-01T00:00:00", 0, 0),
        ("1970-01-01T00:00:00.000000001Z", 0, 1),
        ("1970-01-01T00:00:00.5", 0, 500_000_000),
        ("1970-01-01T00:00:00.1234567899Z", 0, 123_456_789),
        ("1970-01-01T01:00:00+01:00", 0, 0),
        ("1969-12-31T23:59:59.999-00:00", -1, 999_000_000),
        ("1970-01-01T00:00:00-23:59", 86340, 0),
        ("2016-12-31T23:59:60Z", 1483228799, 999_999_999),
        ("2016-12-31T23:59:60.5Z", 1483228799, 999_999_999),
        ("2024-02-29T00:00:00Z", 1709164800, 0),
        ("0001-01-01T00:00:00Z", -62135596800, 0),
        ("0000-12-31T23:30:00-01:00", -62135595000, 0),
        ("9999-12-31T23:59:59.999999999Z", 253402300799, 999_999_999),
    ],
)
def test_date_times_are_read_to_the_nanosecond(text: str, seconds: int, nanos: int) -> None:
    assert parse_datetime(text) == Timestamp(seconds=seconds, nanos=nanos)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-01-01",
        "2025-01-01T00:00Z",
        "2025-01-01 00:00:00Z",
        "2025-01-01T00:00:00 Z",
        "2025-01-01T00:00:00Z\n",
        "2025-01-01T00:00:00,5Z",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:56.",
        "2025-01-01T00:00:00+01",
        "2025-01-01T00:00:00+0100",
        "2025-01-01T00:00:00+24:00",
        "2025-01-01T00:00:00+00:60",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:61Z",
        "2025-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "+025-01-01T00:00:00Z",
        "20250101T000000Z",
        "\uff12025-01-01T00:00:00Z",
        "2025-01-01T00:00:0\u0663Z",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with pytest.raises(CodecError) as caught:
        parse_datetime(text)

    assert caught.value.kind == "property"


@given(date_times())
@settings(deadline=None, database=None)
def test_date_times_name_the_same_instant_in_utc(text: str) -> None:
    timestamp = parse_datetime(text)

    assert instant(format_datetime(timestamp)) == instant(text)
    assert parse_datetime(format_datetime(timestamp)) == timestamp


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "2025-01-01T00:00:01Z"),
        (500_000_000, "2025-01-01T00:00:01.500Z"),
        (1_000, "2025-01-01T00:00:01.000001Z"),
        (1, "2025-01-01T00:00:01.000000001Z"),
    ],
)
def test_date_times_are_written_with_the_digits_they_need(nanos: int, text: str) -> None:
    assert format_datetime(Timestamp(seconds=1735689601, nanos=nanos)) == text
