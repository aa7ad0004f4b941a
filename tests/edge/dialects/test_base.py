"""What 2.0.1 and 2.1 have in common."""

from typing import Any

import pytest

from citrine.ocpp.v2 import authorization_pb2, availability_pb2, provisioning_pb2, types_pb2
from citrine_edge.dialects import V21, V201, Dialect, UnsupportedAction, dialects
from citrine_edge.ocppj import RpcError

DEEP: Any = [[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]

STATUS = {"timestamp": "2025-01-31T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


def test_newest_version_is_offered_with_the_older_one() -> None:
    assert list(dialects()) == ["ocpp2.1", "ocpp2.0.1"]


@pytest.mark.parametrize("dialect", [V201(), V21()], ids=["2.0.1", "2.1"])
class TestEveryVersion:
    """Tables that hold for both."""

    def test_call_becomes_the_canonical_request(self, dialect: Dialect) -> None:
        action, request = dialect.read_call("StatusNotification", STATUS)

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
    def test_call_is_refused(self, dialect: Dialect, name: str, payload: Any, code: str) -> None:
        with pytest.raises(RpcError) as refused:
            dialect.read_call(name, payload)

        assert refused.value.code == code

    @pytest.mark.parametrize("payload", [{}, None])
    def test_nothing_may_be_written_as_null(self, dialect: Dialect, payload: Any) -> None:
        """Part 4, 4.1.5."""
        assert dialect.read_call("Heartbeat", payload)[1] == availability_pb2.HeartbeatRequest()

    @pytest.mark.parametrize("time", ["2025-01-31T12:00:00", "2025-01-31T13:00:00+01:00", "2025-01-31T12:00:00.000Z"])
    def test_times_of_the_field_are_read(self, dialect: Dialect, time: str) -> None:
        request: Any = dialect.read_call("StatusNotification", {**STATUS, "timestamp": time})[1]

        assert request.timestamp.seconds == 1738324800

    def test_command_becomes_a_payload(self, dialect: Dialect) -> None:
        request = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_ON_IDLE, evse_id=0)

        assert dialect.write_command(request) == ("Reset", {"type": "OnIdle", "evseId": 0})

    def test_command_that_breaks_the_schema_is_refused(self, dialect: Dialect) -> None:
        with pytest.raises(RpcError, match="/type is unspecified"):
            dialect.write_command(provisioning_pb2.ResetRequest())

    @pytest.mark.parametrize("name", ["Heartbeat", "Nothing", "NotifyPeriodicEventStream"])
    def test_what_the_csms_does_not_send_is_unsupported(self, dialect: Dialect, name: str) -> None:
        with pytest.raises(UnsupportedAction, match="not sent to stations"):
            dialect.write_native_command(name, {})

    def test_answer_to_a_command_is_read(self, dialect: Dialect) -> None:
        response = provisioning_pb2.ResetResponse(status=provisioning_pb2.RESET_STATUS_ENUM_ACCEPTED)

        assert dialect.read_result("Reset", {"status": "Accepted"}) == response

    def test_answer_to_a_call_is_written(self, dialect: Dialect) -> None:
        info = types_pb2.IdTokenInfo(status=types_pb2.AUTHORIZATION_STATUS_ENUM_BLOCKED)
        response = authorization_pb2.AuthorizeResponse(id_token_info=info)

        assert dialect.write_result("Authorize", response) == ({"idTokenInfo": {"status": "Blocked"}}, [])

    def test_answer_that_breaks_the_schema_is_refused(self, dialect: Dialect) -> None:
        with pytest.raises(RpcError, match="/idTokenInfo is required"):
            dialect.write_result("Authorize", authorization_pb2.AuthorizeResponse())
