"""What 2.0.1 and 2.1 have in common."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings

from citrine.ocpp.actions import Action
from citrine.ocpp.codec import decode
from citrine.ocpp.v2 import authorization_pb2, availability_pb2, provisioning_pb2, types_pb2
from citrine_edge.dialects import V21, V201, Hardware, Mechanical, UnsupportedAction, dialects
from citrine_edge.ocppj import RpcError
from tests.support.examples import examples
from tests.support.payloads import SCHEMAS, Schema, objects

DEEP: Any = [[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]

STATUS = {"timestamp": "2025-01-31T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


def test_newest_version_is_offered_with_the_older_ones() -> None:
    assert list(dialects()) == ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]


@pytest.mark.parametrize("dialect", [V201(), V21()], ids=["2.0.1", "2.1"])
class TestEveryVersion:
    """Tables that hold for both."""

    def test_call_becomes_the_canonical_request(self, dialect: Mechanical) -> None:
        [(action, request, _)] = dialect.read_call("StatusNotification", STATUS).requests

        assert action.name == "StatusNotification"
        assert isinstance(request, availability_pb2.StatusNotificationRequest)
        assert (request.evse_id, request.timestamp.seconds) == (1, 1738324800)

    @pytest.mark.parametrize(
        ("name", "payload", "code"),
        [
            ("Heartbeet", {}, "NotImplemented"),
            ("heartbeat", {}, "NotImplemented"),
            ("", {}, "NotImplemented"),
            ("Reset", {"type": "OnIdle"}, "NotSupported"),
            ("Heartbeat", [], "ProtocolError"),
            ("Heartbeat", "x", "ProtocolError"),
            ("Heartbeat", 0, "ProtocolError"),
            ("StatusNotification", {**STATUS, "timestamp": "2025-01-31"}, "PropertyConstraintViolation"),
            ("StatusNotification", {**STATUS, "timestamp": "2025-02-30T00:00:00Z"}, "PropertyConstraintViolation"),
            ("StatusNotification", {**STATUS, "evseId": 2**31}, "PropertyConstraintViolation"),
            ("StatusNotification", {**STATUS, "evseId": 1e300}, "PropertyConstraintViolation"),
            ("DataTransfer", {"vendorId": "v", "data": DEEP}, "PropertyConstraintViolation"),
        ],
    )
    def test_call_is_refused(self, dialect: Mechanical, name: str, payload: Any, code: str) -> None:
        with pytest.raises(RpcError) as refused:
            dialect.read_call(name, payload)

        assert refused.value.code == code

    @pytest.mark.parametrize("payload", [{}, None])
    def test_nothing_may_be_written_as_null(self, dialect: Mechanical, payload: Any) -> None:
        """Part 4, 4.1.5."""
        assert dialect.read_call("Heartbeat", payload).requests[0][1] == availability_pb2.HeartbeatRequest()

    @pytest.mark.parametrize("time", ["2025-01-31T12:00:00", "2025-01-31T13:00:00+01:00", "2025-01-31T12:00:00.000Z"])
    def test_times_of_the_field_are_read(self, dialect: Mechanical, time: str) -> None:
        request: Any = dialect.read_call("StatusNotification", {**STATUS, "timestamp": time}).requests[0][1]

        assert request.timestamp.seconds == 1738324800

    @pytest.mark.parametrize("boot", [None, [], {}, {"chargingStation": 5}, {"chargingStation": {"vendorName": 5}}])
    def test_hardware_of_an_odd_boot_is_nobody(self, dialect: Mechanical, boot: Any) -> None:
        assert dialect.hardware_of(boot) == Hardware()

    def test_command_becomes_a_payload(self, dialect: Mechanical) -> None:
        request = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_ON_IDLE, evse_id=0)

        assert dialect.write_command(request) == ("Reset", {"type": "OnIdle", "evseId": 0})

    def test_command_that_breaks_the_schema_is_refused(self, dialect: Mechanical) -> None:
        with pytest.raises(RpcError, match="/type is missing: expected Immediate, OnIdle"):
            dialect.write_command(provisioning_pb2.ResetRequest())

    @pytest.mark.parametrize("name", ["Heartbeat", "Nothing", "NotifyPeriodicEventStream"])
    def test_what_the_csms_does_not_send_is_unsupported(self, dialect: Mechanical, name: str) -> None:
        with pytest.raises(UnsupportedAction, match="not sent to stations"):
            dialect.write_native_command(name, {})

    def test_answer_to_a_command_is_read(self, dialect: Mechanical) -> None:
        response = provisioning_pb2.ResetResponse(status=provisioning_pb2.RESET_STATUS_ENUM_ACCEPTED)

        assert dialect.read_result("Reset", {"status": "Accepted"}) == response

    def test_answer_to_a_call_is_written(self, dialect: Mechanical) -> None:
        info = types_pb2.IdTokenInfo(status=types_pb2.AUTHORIZATION_STATUS_ENUM_BLOCKED)
        response = authorization_pb2.AuthorizeResponse(id_token_info=info)

        assert dialect.write_result("Authorize", response) == ({"idTokenInfo": {"status": "Blocked"}}, [])

    def test_answer_that_breaks_the_schema_is_refused(self, dialect: Mechanical) -> None:
        with pytest.raises(RpcError, match="/idTokenInfo is required"):
            dialect.write_result("Authorize", authorization_pb2.AuthorizeResponse())


def decimals_of_times(value: Any, schema: Schema, definitions: Schema) -> Iterator[int]:
    """Yield how many decimals of a second each time of a payload has; where the schema lets anything be, none."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema.get("format") == "date-time":
        found = re.fullmatch(r"[\d-]{10}T[\d:]{8}(?:\.(\d+))?Z", value)
        assert found is not None
        yield len(found[1] or "")
    elif isinstance(value, list):
        for item in value:
            yield from decimals_of_times(item, schema.get("items", {}), definitions)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from decimals_of_times(item, schema.get("properties", {}).get(key, {}), definitions)


def decimal_places(value: Any, schema: Schema, definitions: Schema) -> Iterator[int]:
    """Yield how many decimal places each decimal of a payload has, as it is written."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "number":
        mantissa, _, exponent = orjson.dumps(value).decode().partition("e")
        yield max(0, len(mantissa.partition(".")[2].rstrip("0")) - int(exponent or 0))
    elif isinstance(value, list):
        for item in value:
            yield from decimal_places(item, schema.get("items", {}), definitions)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from decimal_places(item, schema.get("properties", {}).get(key, {}), definitions)


def commands(dialect: Mechanical) -> list[Action]:
    return [one for one in dialect.actions.values() if one.from_csms and one.response is not None]


def answers(dialect: Mechanical) -> list[Action]:
    return [one for one in dialect.actions.values() if one.from_station and one.response is not None]


VERSIONS = {"2.0.1": V201(), "2.1": V21()}

SENT = [
    pytest.param(version, f"{action.name}{kind}", id=f"{action.name}{kind}-{version}")
    for version, dialect in VERSIONS.items()
    for kind, actions in (("Request", commands(dialect)), ("Response", answers(dialect)))
    for action in actions
]


def written(dialect: Mechanical, name: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is sent for a message that says this payload: as answer, or as command in either form."""
    if name.endswith("Response"):
        action = name.removesuffix("Response")
        return [dialect.write_result(action, message(dialect.actions[action].response, payload))[0]]
    action = name.removesuffix("Request")
    return [
        dialect.write_command(message(dialect.actions[action].request, payload))[1],
        dialect.write_native_command(action, payload),
    ]


def message(message_class: type[Message] | None, payload: dict[str, Any]) -> Message:
    assert message_class is not None
    return decode(message_class, payload)


@pytest.mark.parametrize(("version", "name"), SENT)
def test_times_have_3_decimals_and_decimals_6_places_at_most(version: str, name: str) -> None:
    """Part 2, 2.1 and 3.1: in every message that we can send, whatever digits the core reckons with."""
    schema = SCHEMAS[version][name]
    definitions = schema.get("definitions", {})

    @settings(max_examples=examples(4), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(objects(schema, version, definitions))
    def check(payload: dict[str, Any]) -> None:
        for sent in written(VERSIONS[version], name, payload):
            assert max(decimals_of_times(sent, schema, definitions), default=0) <= 3
            assert max(decimal_places(sent, schema, definitions), default=0) <= 6

    check()


def test_digits_are_cut_and_rounded_not_the_message() -> None:
    """Times are cut, so that none is later than it was meant; vendor data is nobody's decimal."""
    payload = {
        "evseId": 1,
        "chargingProfile": {
            "id": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "validFrom": "2025-01-31T12:00:00.999999999Z",
            "chargingSchedule": [
                {
                    "id": 1,
                    "startSchedule": "2025-01-31T12:00:00.000999Z",
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.123456789}],
                }
            ],
        },
        "customData": {"vendorId": "v", "exactly": 0.123456789},
    }

    sent = V201().write_native_command("SetChargingProfile", payload)

    profile = sent["chargingProfile"]
    assert profile["validFrom"] == "2025-01-31T12:00:00.999Z"
    assert profile["chargingSchedule"][0]["startSchedule"] == "2025-01-31T12:00:00Z"
    assert profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 16.123457
    assert sent["customData"] == {"vendorId": "v", "exactly": 0.123456789}
