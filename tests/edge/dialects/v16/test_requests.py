"""Each message of a station of OCPP 1.6, and the canonical requests that it becomes."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from citrine.edge.v1.link_pb2 import ConnectorDetail, Supplement
from citrine.ocpp import codec
from citrine_edge.dialects.exchanges import CanonicalRequest
from citrine_edge.dialects.v16 import V16
from citrine_edge.ocppj import RpcError

TIME = "2025-01-31T12:00:00Z"
LATER = "2025-01-31T12:15:00Z"

START = {"connectorId": 2, "idTag": "DEADBEEF", "meterStart": 1200, "timestamp": TIME}
STOP = {"transactionId": 7, "meterStop": 5200, "timestamp": LATER}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": TIME}
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}

REGISTER = "Energy.Active.Import.Register"
UNNUMBERED = Supplement(unnumbered=True)

V = V16()


def requests_of(name: str, payload: Any, mended: list[RpcError] | None = None) -> list[CanonicalRequest]:
    return list(V.read_call(name, payload, mended).requests)


def only(name: str, payload: Any) -> tuple[str, dict[str, Any], Supplement | None]:
    [request] = requests_of(name, payload)
    return request.action.name, said(request), request.supplement


def said(request: CanonicalRequest) -> dict[str, Any]:
    """Return a request in OCPP 2.x's JSON; what it does not say is left out."""
    found: dict[str, Any] = MessageToDict(request.message)
    return found


def samples_of(*sampled: dict[str, Any]) -> list[Any]:
    [request] = requests_of(
        "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [*sampled]}]}
    )
    return list(request.message.meter_value[0].sampled_value)  # type: ignore[attr-defined]  # MeterValuesRequest


def test_boot_names_the_station_and_no_reason() -> None:
    request = only(
        "BootNotification", {**BOOT, "chargePointSerialNumber": "S-1", "firmwareVersion": "1.2", "iccid": "8931"}
    )

    assert request == (
        "BootNotification",
        {
            "chargingStation": {
                "vendorName": "Acme",
                "model": "One",
                "serialNumber": "S-1",
                "firmwareVersion": "1.2",
                "modem": {"iccid": "8931"},
            },
            "reason": "BOOT_REASON_ENUM_UNKNOWN",
        },
        None,
    )


def test_boot_keeps_what_only_1_6_says_of_meter_and_box() -> None:
    _, request, _ = only("BootNotification", {**BOOT, "chargeBoxSerialNumber": "B-1", "meterSerialNumber": "M-1"})

    assert request["chargingStation"]["serialNumber"] == "B-1"
    assert request["customData"] == {"vendorId": "OCPP16", "data": {"meterSerialNumber": "M-1"}}


def test_an_id_tag_is_a_token_without_a_type() -> None:
    assert only("Authorize", {"idTag": "DEADBEEF"}) == ("Authorize", {"idToken": {"idToken": "DEADBEEF"}}, None)


def test_a_start_asks_for_a_number_and_brings_its_register() -> None:
    action, request, supplement = only("StartTransaction", {**START, "reservationId": 5})

    assert action == "TransactionEvent"
    assert request == {
        "eventType": "TRANSACTION_EVENT_ENUM_STARTED",
        "timestamp": TIME,
        "transactionInfo": {},
        "evse": {"id": 2, "connectorId": 1},
        "idToken": {"idToken": "DEADBEEF"},
        "reservationId": 5,
        "meterValue": [
            {
                "timestamp": TIME,
                "sampledValue": [
                    {
                        "value": 1200.0,
                        "measurand": "MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_REGISTER",
                        "context": "READING_CONTEXT_ENUM_TRANSACTION_BEGIN",
                        "unitOfMeasure": {"unit": "Wh"},
                    }
                ],
            }
        ],
    }
    assert supplement == Supplement(unnumbered=True, wants_transaction_number=True)


@pytest.mark.parametrize("reservation_id", [0, -1, 2**31, 1e300])
def test_a_reservation_that_was_never_made_is_left_out(reservation_id: float) -> None:
    assert "reservationId" not in only("StartTransaction", {**START, "reservationId": reservation_id})[1]


def test_a_stop_brings_its_data_and_then_its_register() -> None:
    data = [
        {"timestamp": TIME, "sampledValue": [{"value": "1.2", "unit": "kWh", "context": "Transaction.Begin"}]},
        {"timestamp": LATER, "sampledValue": []},
    ]

    action, request, supplement = only(
        "StopTransaction", {**STOP, "idTag": "CAFE", "reason": "Remote", "transactionData": data}
    )

    assert action == "TransactionEvent"
    assert request["eventType"] == "TRANSACTION_EVENT_ENUM_ENDED"
    assert request["triggerReason"] == "TRIGGER_REASON_ENUM_REMOTE_STOP"
    assert request["transactionInfo"] == {"transactionId": "7", "stoppedReason": "REASON_ENUM_REMOTE"}
    assert request["idToken"] == {"idToken": "CAFE"}
    assert (request["seqNo"], request["timestamp"]) == (2, LATER)
    assert [each["timestamp"] for each in request["meterValue"]] == [TIME, LATER]
    assert request["meterValue"][1]["sampledValue"][0]["value"] == 5200.0
    assert request["meterValue"][1]["sampledValue"][0]["context"] == "READING_CONTEXT_ENUM_TRANSACTION_END"
    assert supplement == UNNUMBERED


@pytest.mark.parametrize(
    ("reason", "stopped", "trigger"),
    [
        (None, None, "STOP_AUTHORIZED"),
        ("DeAuthorized", "DE_AUTHORIZED", "DEAUTHORIZED"),
        ("EmergencyStop", "EMERGENCY_STOP", "ABNORMAL_CONDITION"),
        ("EVDisconnected", "EV_DISCONNECTED", "EV_COMMUNICATION_LOST"),
        ("HardReset", "IMMEDIATE_RESET", "RESET_COMMAND"),
        ("Local", "LOCAL", "STOP_AUTHORIZED"),
        ("Other", "OTHER", "ABNORMAL_CONDITION"),
        ("PowerLoss", "POWER_LOSS", "ABNORMAL_CONDITION"),
        ("Reboot", "REBOOT", "ABNORMAL_CONDITION"),
        ("Remote", "REMOTE", "REMOTE_STOP"),
        ("SoftReset", "IMMEDIATE_RESET", "RESET_COMMAND"),
        ("UnlockCommand", "OTHER", "UNLOCK_COMMAND"),
    ],
)
def test_each_reason_of_a_stop_has_one_in_2_x(reason: str | None, stopped: str | None, trigger: str) -> None:
    payload = STOP if reason is None else {**STOP, "reason": reason}

    _, request, _ = only("StopTransaction", payload)

    assert request["transactionInfo"].get("stoppedReason") == (stopped and f"REASON_ENUM_{stopped}")
    assert request["triggerReason"] == f"TRIGGER_REASON_ENUM_{trigger}"


@pytest.mark.parametrize("number", [0, -1, 2147483647, 7.0, -(10**18)])
def test_a_stop_of_any_number_is_read(number: float) -> None:
    """The station must be answered, also where it never learned the id (errata 3.18)."""
    _, request, _ = only("StopTransaction", {**STOP, "transactionId": number})

    assert request["transactionInfo"]["transactionId"] == str(int(number))


@pytest.mark.parametrize(
    "bad",
    [
        {"value": ""},
        {"value": "n/a"},
        {"value": 12},
        {"value": "1", "measurand": "Energy.Unheard"},
        {"value": "1", "unheard": True},
        {},
        17,
    ],
)
def test_a_stop_is_read_without_samples_that_can_not_be(bad: Any) -> None:
    data = [{"timestamp": TIME, "sampledValue": [bad, {"value": "1300"}]}]
    mended: list[RpcError] = []

    [request] = requests_of("StopTransaction", {**STOP, "transactionData": data}, mended)

    values = [one.value for each in request.message.meter_value for one in each.sampled_value]  # type: ignore[attr-defined]
    assert values == [1300.0, 5200.0]
    assert [error.path.startswith("/transactionData/0/sampledValue/0") for error in mended] == [True]


@pytest.mark.parametrize("data", ["x", [3], [{"timestamp": "x", "sampledValue": 1}], [{"sampledValue": []}]])
def test_a_stop_is_read_without_data_that_is_none(data: Any) -> None:
    [request] = requests_of("StopTransaction", {**STOP, "transactionData": data}, [])

    assert len(request.message.meter_value) == 1  # type: ignore[attr-defined]  # TransactionEventRequest


def test_meter_values_of_a_transaction_update_it() -> None:
    values = [
        {"timestamp": LATER, "sampledValue": [{"value": "1300", "context": "Sample.Clock"}]},
        {"timestamp": TIME, "sampledValue": [{"value": "1250", "context": "Sample.Clock"}]},
    ]

    action, request, supplement = only("MeterValues", {"connectorId": 2, "transactionId": 7, "meterValue": values})

    assert action == "TransactionEvent"
    assert request["eventType"] == "TRANSACTION_EVENT_ENUM_UPDATED"
    assert request["triggerReason"] == "TRIGGER_REASON_ENUM_METER_VALUE_CLOCK"
    assert request["transactionInfo"] == {"transactionId": "7"}
    assert request["evse"] == {"id": 2, "connectorId": 1}
    assert (request["seqNo"], request["timestamp"]) == (1, LATER)
    assert [each["sampledValue"][0]["value"] for each in request["meterValue"]] == [1300.0, 1250.0]
    assert supplement == UNNUMBERED


@pytest.mark.parametrize(
    ("context", "trigger"),
    [
        (None, "METER_VALUE_PERIODIC"),
        ("Sample.Periodic", "METER_VALUE_PERIODIC"),
        ("Sample.Clock", "METER_VALUE_CLOCK"),
        ("Trigger", "TRIGGER"),
        ("Transaction.Begin", "METER_VALUE_PERIODIC"),
        ("Interruption.End", "METER_VALUE_PERIODIC"),
    ],
)
def test_the_context_says_why_a_transaction_is_updated(context: str | None, trigger: str) -> None:
    sample = {"value": "1"} if context is None else {"value": "1", "context": context}
    payload = {"connectorId": 1, "transactionId": 7, "meterValue": [{"timestamp": TIME, "sampledValue": [sample]}]}

    assert only("MeterValues", payload)[1]["triggerReason"] == f"TRIGGER_REASON_ENUM_{trigger}"


@pytest.mark.parametrize("transaction", [{}, {"transactionId": 0}, {"transactionId": -1}, {"transactionId": None}])
@pytest.mark.parametrize("connector", [0, 1])
def test_meter_values_of_no_transaction_are_those_of_the_connector(connector: int, transaction: dict[str, Any]) -> None:
    values = [{"timestamp": TIME, "sampledValue": [{"value": "1300"}]}]

    action, request, supplement = only("MeterValues", {"connectorId": connector, **transaction, "meterValue": values})

    assert action == "MeterValues"
    assert request.get("evseId", 0) == connector
    assert supplement is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("-12.5", -12.5),
        ("+3", 3.0),
        (".5", 0.5),
        ("7.", 7.0),
        ("1e3", 1000.0),
        (" 42 ", 42.0),
        ("0.15005000000000002", 0.15005000000000002),
        ("1009.6175537109375", 1009.6175537109375),
        ("123456789012345", 123456789012345.0),
    ],
)
def test_a_number_is_read_with_all_its_digits(text: str, value: float) -> None:
    [sample] = samples_of({"value": text})

    assert sample.value == value


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "1,5", "1.234,5", "1_000", "nan", "inf", "0x10", "١٢", "1 2", "1e999", "--1", "."]
)
def test_what_is_no_number_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(RpcError) as refused:
        samples_of({"value": "1"}, {"value": text})

    assert refused.value.code == "PropertyConstraintViolation"
    assert refused.value.path == "/meterValue/0/sampledValue/1/value"


@pytest.mark.parametrize(
    ("unit", "canonical"),
    [("Wh", "Wh"), ("kvarh", "kvarh"), ("Celcius", "Celsius"), ("Celsius", "Celsius"), ("Hertz", "Hz")],
)
def test_units_are_spelled_as_in_2_x(unit: str, canonical: str) -> None:
    [sample] = samples_of({"value": "1", "unit": unit})

    assert sample.unit_of_measure.unit == canonical


def test_a_stop_may_have_the_frequency_in_hertz() -> None:
    data = [{"timestamp": TIME, "sampledValue": [{"value": "50", "measurand": "Frequency", "unit": "Hertz"}]}]
    mended: list[RpcError] = []

    requests_of("StopTransaction", {**STOP, "transactionData": data}, mended)

    assert mended == []


@pytest.mark.parametrize("measurand", ["SoC", "Temperature", "RPM", "Power.Factor", "Energy.Reactive.Export.Interval"])
def test_each_measurand_is_kept(measurand: str) -> None:
    attributes = {"measurand": measurand, "phase": "L1-N", "location": "Body", "context": "Other"}

    [sample] = samples_of({"value": "1", **attributes})

    assert codec.encode(sample) == {"value": 1.0, **attributes}


OCMF = 'OCMF|{"FV":"1.0","RD":[{"RV":"1.2"}]}|{"SA":"ECDSA","SD":"30…"}'


def test_signed_data_goes_untouched_beside_the_number_that_it_signs() -> None:
    samples = samples_of(
        {"value": "1200", "context": "Transaction.Begin"},
        {"value": OCMF, "format": "SignedData", "context": "Transaction.Begin", "measurand": REGISTER},
    )

    assert [(sample.value, sample.signed_meter_value.signed_meter_data) for sample in samples] == [(1200.0, OCMF)]


def test_signed_data_alone_is_no_energy() -> None:
    [sample] = samples_of({"value": OCMF, "format": "SignedData"})

    assert (sample.value, sample.unit_of_measure.unit) == (0.0, "SignedData")
    assert sample.signed_meter_value.signed_meter_data == OCMF


def test_signed_data_in_the_form_of_the_whitepaper_is_taken_apart() -> None:
    text = '{"signedMeterData":"T0NNRg==","encodingMethod":"OCMF","signingMethod":"","publicKey":"b2Nh"}'

    [sample] = samples_of({"value": text, "format": "SignedData"})

    assert codec.encode(sample.signed_meter_value) == {
        "signedMeterData": "T0NNRg==",
        "encodingMethod": "OCMF",
        "signingMethod": "",
        "publicKey": "b2Nh",
    }


@pytest.mark.parametrize(
    ("status", "canonical", "state"),
    [
        ("Available", "AVAILABLE", ConnectorDetail.STATE_UNSPECIFIED),
        ("Preparing", "OCCUPIED", ConnectorDetail.STATE_PREPARING),
        ("Charging", "OCCUPIED", ConnectorDetail.STATE_CHARGING),
        ("SuspendedEV", "OCCUPIED", ConnectorDetail.STATE_SUSPENDED_EV),
        ("SuspendedEVSE", "OCCUPIED", ConnectorDetail.STATE_SUSPENDED_EVSE),
        ("Finishing", "OCCUPIED", ConnectorDetail.STATE_FINISHING),
        ("Reserved", "RESERVED", ConnectorDetail.STATE_UNSPECIFIED),
        ("Unavailable", "UNAVAILABLE", ConnectorDetail.STATE_UNSPECIFIED),
        ("Faulted", "FAULTED", ConnectorDetail.STATE_UNSPECIFIED),
    ],
)
def test_each_status_has_one_in_2_x_and_its_finer_state(status: str, canonical: str, state: int) -> None:
    action, request, supplement = only("StatusNotification", {**STATUS, "status": status})

    assert action == "StatusNotification"
    assert request == {
        "timestamp": TIME,
        "connectorStatus": f"CONNECTOR_STATUS_ENUM_{canonical}",
        "evseId": 1,
        "connectorId": 1,
    }
    assert supplement is not None
    assert supplement.connector_detail.state == state


def test_connector_0_is_the_station_itself() -> None:
    _, request, _ = only("StatusNotification", {**STATUS, "connectorId": 0})

    assert "evseId" not in request
    assert "connectorId" not in request


def test_a_status_without_a_time_says_none() -> None:
    payload = {key: value for key, value in STATUS.items() if key != "timestamp"}

    [request] = requests_of("StatusNotification", payload)

    assert not request.message.HasField("timestamp")


def test_an_error_is_an_event_too() -> None:
    more = {"vendorId": "acme", "vendorErrorCode": "E-17", "info": "door open"}

    status, event = requests_of(
        "StatusNotification", {**STATUS, "errorCode": "OtherError", "status": "Faulted", **more}
    )

    assert status.supplement is not None
    assert status.supplement.connector_detail == ConnectorDetail(
        error_code="OtherError", vendor_error_code="E-17", vendor_id="acme", info="door open"
    )
    assert event.action.name == "NotifyEvent"
    [data] = said(event)["eventData"]
    assert data["component"] == {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    assert (data["variable"], data["actualValue"]) == ({"name": "Problem"}, "OtherError")
    assert (data["techCode"], data["techInfo"]) == ("E-17", "door open")
    # Nothing would clear an alert.
    assert data["trigger"] == "EVENT_TRIGGER_ENUM_DELTA"


def test_an_error_of_the_station_is_of_its_own_component() -> None:
    _, event = requests_of("StatusNotification", {**STATUS, "connectorId": 0, "errorCode": "WeakSignal"})

    assert said(event)["eventData"][0]["component"] == {"name": "ChargingStation"}


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("Heartbeat", {}, ("Heartbeat", {})),
        ("Heartbeat", None, ("Heartbeat", {})),
        (
            "DataTransfer",
            {"vendorId": "acme", "messageId": "m", "data": '{"a":1}'},
            ("DataTransfer", {"vendorId": "acme", "messageId": "m", "data": '{"a":1}'}),
        ),
        ("DataTransfer", {"vendorId": "acme"}, ("DataTransfer", {"vendorId": "acme"})),
        (
            "DiagnosticsStatusNotification",
            {"status": "UploadFailed"},
            ("LogStatusNotification", {"status": "UPLOAD_LOG_STATUS_ENUM_UPLOAD_FAILURE"}),
        ),
        (
            "LogStatusNotification",
            {"status": "Uploading", "requestId": 3},
            ("LogStatusNotification", {"status": "UPLOAD_LOG_STATUS_ENUM_UPLOADING", "requestId": 3}),
        ),
        (
            "FirmwareStatusNotification",
            {"status": "Installed"},
            ("FirmwareStatusNotification", {"status": "FIRMWARE_STATUS_ENUM_INSTALLED"}),
        ),
        (
            "SignedFirmwareStatusNotification",
            {"status": "InvalidSignature", "requestId": 4},
            ("FirmwareStatusNotification", {"status": "FIRMWARE_STATUS_ENUM_INVALID_SIGNATURE", "requestId": 4}),
        ),
        (
            "SecurityEventNotification",
            {"type": "SettingSystemTime", "timestamp": TIME, "techInfo": "by hand"},
            ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": TIME, "techInfo": "by hand"}),
        ),
        (
            "SecurityEventNotification",
            {"type": "InvalidChargePointCertificate", "timestamp": TIME},
            ("SecurityEventNotification", {"type": "InvalidChargingStationCertificate", "timestamp": TIME}),
        ),
        (
            "SignCertificate",
            {"csr": "PEM"},
            (
                "SignCertificate",
                {"csr": "PEM", "certificateType": "CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE"},
            ),
        ),
    ],
)
def test_a_message_becomes_its_sister(name: str, payload: Any, expected: tuple[str, dict[str, Any]]) -> None:
    assert only(name, payload)[:2] == expected


@pytest.mark.parametrize(
    "time", ["2025-01-31", "31.01.2025 12:00", "2025-02-30T00:00:00Z", "", "2025-01-31T12:00:00+25:00"]
)
@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("StartTransaction", START),
        ("StopTransaction", STOP),
        ("StatusNotification", STATUS),
        ("SecurityEventNotification", {"type": "x"}),
    ],
)
def test_a_time_that_is_none_is_refused_with_its_place(name: str, payload: dict[str, Any], time: str) -> None:
    with pytest.raises(RpcError) as refused:
        V.read_call(name, {**payload, "timestamp": time})

    assert (refused.value.code, refused.value.path) == ("PropertyConstraintViolation", "/timestamp")


@pytest.mark.parametrize(
    ("name", "payload", "code"),
    [
        ("Heartbeet", {}, "NotImplemented"),
        ("TransactionEvent", {}, "NotImplemented"),
        ("Reset", {"type": "Hard"}, "NotSupported"),
        ("Heartbeat", [], "ProtocolError"),
        ("StartTransaction", {**START, "connectorId": -1}, "PropertyConstraintViolation"),
        ("StartTransaction", {**START, "connectorId": 2**31}, "PropertyConstraintViolation"),
        ("StartTransaction", {**START, "connectorId": "1"}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "meterStart": 1.5}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "idTag": "X" * 21}, "PropertyConstraintViolation"),
        ("StartTransaction", {"idTag": "X"}, "OccurrenceConstraintViolation"),
        ("StartTransaction", {**START, "colour": "red"}, "FormatViolation"),
        ("StopTransaction", {**STOP, "transactionId": 1e300}, "PropertyConstraintViolation"),
        ("StopTransaction", {**STOP, "reason": "Whim"}, "PropertyConstraintViolation"),
        ("StatusNotification", {**STATUS, "status": "Occupied"}, "PropertyConstraintViolation"),
    ],
)
def test_a_call_is_refused(name: str, payload: Any, code: str) -> None:
    with pytest.raises(RpcError) as refused:
        V.read_call(name, payload)

    assert refused.value.code == code


def test_hardware_is_read_from_a_boot_that_is_not_valid_too() -> None:
    assert V.hardware_of({**BOOT, "chargePointModel": 3})[:2] == ("Acme", "")
    assert V.hardware_of("x")[:2] == ("", "")
