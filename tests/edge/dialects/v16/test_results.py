"""The CALLRESULT that stations of OCPP 1.6 get."""

from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.id_tags import surrogate_of
from citrine.ocpp.v2 import (
    authorization_pb2,
    availability_pb2,
    data_transfer_pb2,
    diagnostics_pb2,
    firmware_management_pb2,
    meter_values_pb2,
    provisioning_pb2,
    security_pb2,
    transactions_pb2,
    types_pb2,
)
from citrine_edge.dialects.v16 import V16
from citrine_edge.ocppj import RpcError

TIME = "2025-01-31T12:00:00Z"
NOW = Timestamp(seconds=1738324800)
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": TIME}
START = {"connectorId": 2, "idTag": "DEADBEEF", "meterStart": 1200, "timestamp": TIME}
STOP = {"transactionId": 7, "meterStop": 5200, "timestamp": TIME}
VALUES = {"connectorId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": "1"}]}]}

V = V16()


def result_of(name: str, payload: Any, *responses: Message, number: int | None = None) -> dict[str, Any]:
    exchange = V.read_call(name, payload)
    assert [type(response) for response in responses] == [request.action.response for request in exchange.requests]
    found, _ = exchange.write_result(responses, number)
    return found


def info(status: str, **more: Any) -> types_pb2.IdTokenInfo:
    return types_pb2.IdTokenInfo(
        status=types_pb2.AuthorizationStatusEnum.Value(f"AUTHORIZATION_STATUS_ENUM_{status}"), **more
    )


@pytest.mark.parametrize(
    ("status", "of_1_6"),
    [
        ("ACCEPTED", "Accepted"),
        ("BLOCKED", "Blocked"),
        ("CONCURRENT_TX", "ConcurrentTx"),
        ("EXPIRED", "Expired"),
        ("INVALID", "Invalid"),
        ("NO_CREDIT", "Blocked"),
        ("NOT_ALLOWED_TYPE_EVSE", "Blocked"),
        ("NOT_AT_THIS_LOCATION", "Blocked"),
        ("NOT_AT_THIS_TIME", "Blocked"),
        ("UNKNOWN", "Invalid"),
        ("UNSPECIFIED", "Invalid"),
    ],
)
def test_each_status_of_a_token_has_one_in_1_6(status: str, of_1_6: str) -> None:
    response = authorization_pb2.AuthorizeResponse(id_token_info=info(status))

    assert result_of("Authorize", {"idTag": "A"}, response) == {"idTagInfo": {"status": of_1_6}}


def test_parent_and_expiry_of_a_token_are_told() -> None:
    group = types_pb2.IdToken(id_token="FLEET", type="Central")
    response = authorization_pb2.AuthorizeResponse(
        id_token_info=info("ACCEPTED", group_id_token=group, cache_expiry_date_time=NOW)
    )

    assert result_of("Authorize", {"idTag": "A"}, response) == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET", "expiryDate": TIME}
    }


def test_a_long_parent_is_told_by_its_surrogate() -> None:
    name = "a-fleet-with-a-very-long-name"
    group = types_pb2.IdToken(id_token=name, type="Central")
    response = authorization_pb2.AuthorizeResponse(id_token_info=info("ACCEPTED", group_id_token=group))

    [id_tag_info] = result_of("Authorize", {"idTag": "A"}, response).values()

    assert id_tag_info["parentIdTag"] == surrogate_of(name, "Central")


def test_a_start_gets_its_number() -> None:
    response = transactions_pb2.TransactionEventResponse(id_token_info=info("ACCEPTED"))

    assert result_of("StartTransaction", START, response, number=4711) == {
        "transactionId": 4711,
        "idTagInfo": {"status": "Accepted"},
    }


def test_a_start_without_a_number_is_a_defect_of_the_csms() -> None:
    with pytest.raises(RpcError):
        result_of("StartTransaction", START, transactions_pb2.TransactionEventResponse())


@pytest.mark.parametrize(
    ("response", "payload"),
    [
        (transactions_pb2.TransactionEventResponse(total_cost=3.5), {}),
        (
            transactions_pb2.TransactionEventResponse(id_token_info=info("EXPIRED")),
            {"idTagInfo": {"status": "Expired"}},
        ),
    ],
)
def test_a_stop_tells_of_the_token_that_stopped(response: Message, payload: dict[str, Any]) -> None:
    assert result_of("StopTransaction", STOP, response) == payload


@pytest.mark.parametrize(
    ("status", "text"), [(1, "Accepted"), (2, "Pending"), (3, "Rejected")], ids=["accepted", "pending", "rejected"]
)
def test_a_boot_gets_time_interval_and_status(status: int, text: str) -> None:
    time = Timestamp(seconds=1738324800, nanos=123_456_789)
    response = provisioning_pb2.BootNotificationResponse(current_time=time, interval=300)
    response.status = provisioning_pb2.RegistrationStatusEnum.Value(f"REGISTRATION_STATUS_ENUM_{text.upper()}")

    assert result_of("BootNotification", {"chargePointVendor": "A", "chargePointModel": "B"}, response) == {
        "status": text,
        "currentTime": "2025-01-31T12:00:00.123Z",
        "interval": 300,
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [(Value(string_value="x"), "x"), (Value(number_value=1), "1.0"), (Value(bool_value=True), "true")],
    ids=["text", "number", "boolean"],
)
def test_data_is_text_in_1_6(data: Value, text: str) -> None:
    response = data_transfer_pb2.DataTransferResponse(
        status=data_transfer_pb2.DATA_TRANSFER_STATUS_ENUM_ACCEPTED, data=data
    )

    assert result_of("DataTransfer", {"vendorId": "v"}, response) == {"status": "Accepted", "data": text}


@pytest.mark.parametrize(
    ("name", "payload", "responses"),
    [
        ("MeterValues", VALUES, [meter_values_pb2.MeterValuesResponse()]),
        ("MeterValues", {**VALUES, "transactionId": 1}, [transactions_pb2.TransactionEventResponse()]),
        ("StatusNotification", STATUS, [availability_pb2.StatusNotificationResponse()]),
        (
            "StatusNotification",
            {**STATUS, "errorCode": "OtherError"},
            [availability_pb2.StatusNotificationResponse(), diagnostics_pb2.NotifyEventResponse()],
        ),
        (
            "FirmwareStatusNotification",
            {"status": "Idle"},
            [firmware_management_pb2.FirmwareStatusNotificationResponse()],
        ),
        ("DiagnosticsStatusNotification", {"status": "Idle"}, [diagnostics_pb2.LogStatusNotificationResponse()]),
        (
            "SecurityEventNotification",
            {"type": "x", "timestamp": TIME},
            [security_pb2.SecurityEventNotificationResponse()],
        ),
    ],
)
def test_other_messages_get_an_empty_answer(name: str, payload: Any, responses: list[Message]) -> None:
    assert result_of(name, payload, *responses) == {}


def test_a_heartbeat_gets_the_time() -> None:
    assert result_of("Heartbeat", {}, availability_pb2.HeartbeatResponse(current_time=NOW)) == {"currentTime": TIME}


def test_a_signing_request_gets_its_status() -> None:
    response = security_pb2.SignCertificateResponse(status=types_pb2.GENERIC_STATUS_ENUM_REJECTED)

    assert result_of("SignCertificate", {"csr": "x"}, response) == {"status": "Rejected"}
