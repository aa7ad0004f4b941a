"""What a 1.6 station answers to the CALLs of a CSMS, and what it does then, on a real websocket."""

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from citrine_simulator import Station
from citrine_simulator.answers.firmware import STEP
from tests.clients.simulator.conftest import PASSWORD, MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock
from tests.support.pki import Authority

V16: dict[str, Any] = {"version": "1.6"}

PAST, LATER = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"

PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.3}]},
}


async def charging(station: Station) -> str:
    await station.plug_in()
    transaction_id = await station.start_transaction()
    await station.wait_for("queue_empty")
    return transaction_id


async def configuration(csms: Csms, *keys: str) -> dict[str, Any]:
    answer = await csms.call("CS-1", "GetConfiguration", {"key": list(keys)} if keys else {})
    return {one["key"]: one.get("value") for one in answer["configurationKey"]}


async def test_a_remote_start_plugs_in_and_starts(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16)

    answer = await csms.call("CS-1", "RemoteStartTransaction", {"idTag": "A", "connectorId": 1})

    (start,) = await csms.until_count("StartTransaction", 1)
    assert answer == {"status": "Accepted"}
    assert (start["connectorId"], start["idTag"]) == (1, "A")
    assert csms.of("Authorize") == []


async def test_a_remote_start_is_authorized_where_the_key_says_so(csms: Csms, make_station: MakeStation) -> None:
    csms.token_status = "Blocked"
    station = await make_station(**V16)
    await csms.call("CS-1", "ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "True"})

    await csms.call("CS-1", "RemoteStartTransaction", {"idTag": "A"})
    await csms.until_count("Authorize", 1)
    await csms.call("CS-1", "ClearCache", {})

    assert station.parts.charging.transactions == []


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"idTag": "A", "connectorId": 9}, id="no such connector"),
        pytest.param(
            {"idTag": "A", "chargingProfile": PROFILE | {"chargingProfilePurpose": "ChargePointMaxProfile"}},
            id="no TxProfile",
        ),
    ],
)
async def test_a_remote_start_that_is_not_possible_is_rejected(
    csms: Csms, make_station: MakeStation, request_: dict[str, Any]
) -> None:
    await make_station(**V16)

    assert await csms.call("CS-1", "RemoteStartTransaction", request_) == {"status": "Rejected"}


async def test_a_remote_stop_names_the_number(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    await charging(station)

    unknown = await csms.call("CS-1", "RemoteStopTransaction", {"transactionId": 4711})
    known = await csms.call("CS-1", "RemoteStopTransaction", {"transactionId": 1001})

    (stop,) = await csms.until_count("StopTransaction", 1)
    assert (unknown, known) == ({"status": "Rejected"}, {"status": "Accepted"})
    assert (stop["transactionId"], stop["reason"]) == (1001, "Remote")


async def test_an_unlocked_connector_ends_its_transaction(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    await charging(station)

    answer = await csms.call("CS-1", "UnlockConnector", {"connectorId": 1})

    (stop,) = await csms.until_count("StopTransaction", 1)
    assert (answer["status"], stop["reason"]) == ("Unlocked", "UnlockCommand")
    assert await csms.call("CS-1", "UnlockConnector", {"connectorId": 2}) == {"status": "NotSupported"}


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_a_reset_ends_transactions_and_boots(csms: Csms, make_station: MakeStation, kind: str) -> None:
    station = await make_station(**V16)
    await charging(station)

    answer = await csms.call("CS-1", "Reset", {"type": kind})

    await csms.until_count("BootNotification", 2)
    assert answer == {"status": "Accepted"}
    assert csms.of("StopTransaction")[0]["reason"] == f"{kind}Reset"


async def test_connector_0_is_the_whole_station(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16)
    await csms.until_count("StatusNotification", 2)

    answer = await csms.call("CS-1", "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})

    reports = await csms.until_count("StatusNotification", 4)
    assert answer == {"status": "Accepted"}
    assert [(one["connectorId"], one["status"]) for one in reports[2:]] == [(0, "Unavailable"), (1, "Unavailable")]


async def test_a_busy_connector_becomes_unavailable_later(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    transaction_id = await charging(station)

    answer = await csms.call("CS-1", "ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    await station.stop_transaction(transaction_id)

    await csms.until(lambda: csms.of("StatusNotification")[-1]["status"] == "Unavailable")
    assert answer == {"status": "Scheduled"}


async def test_keys_are_read_changed_and_unknown(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    names = ["HeartbeatInterval", "NumberOfConnectors", "Colour"]

    answer = await csms.call("CS-1", "GetConfiguration", {"key": names})
    changes = {
        key: (await csms.call("CS-1", "ChangeConfiguration", {"key": key, "value": value}))["status"]
        for key, value in [
            ("HeartbeatInterval", "120"),
            ("MinimumStatusDuration", "-1"),
            ("NumberOfConnectors", "7"),
            ("Colour", "red"),
        ]
    }

    assert answer == {
        "configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
        ],
        "unknownKey": ["Colour"],
    }
    assert list(changes.values()) == ["Accepted", "Rejected", "Rejected", "NotSupported"]
    assert station.parts.model.integer("OCPPCommCtrlr.HeartbeatInterval") == 120


async def test_all_keys_are_reported_and_the_password_is_not(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16, extra_variables=2)

    every = await configuration(csms)

    assert {"SupportedFeatureProfiles", "TransactionMessageAttempts", "SimulatedValue00001"} <= every.keys()
    assert every["AuthorizationKey"] is None


async def test_more_keys_than_allowed_are_refused_in_the_spelling_of_1_6(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16)
    keys = ",".join(['"HeartbeatInterval"'] * 101)

    answer = await csms.ask("CS-1", f'[2,"1","GetConfiguration",{{"key":[{keys}]}}]')

    assert answer[:3] == [4, "1", "OccurenceConstraintViolation"]


async def test_a_new_authorization_key_is_used_from_the_next_connection_on(
    csms: Csms, make_station: MakeStation
) -> None:
    station = await make_station(**V16)
    lost = station.expect("disconnected")

    answer = await csms.call(
        "CS-1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": b"a-new-password:1".hex()}
    )
    await lost
    await station.wait_for("connected")

    passwords = [base64.b64decode(one["Authorization"].removeprefix("Basic ")) for one in csms.headers]
    assert answer == {"status": "Accepted"}
    assert passwords == [f"CS-1:{PASSWORD}".encode(), b"CS-1:a-new-password:1"]


@pytest.mark.parametrize("key", ["not hexadecimal", b"short".hex(), b"far too long for a password".hex()])
async def test_a_bad_authorization_key_is_rejected(csms: Csms, make_station: MakeStation, key: str) -> None:
    await make_station(**V16)

    answer = await csms.call("CS-1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": key})

    assert answer == {"status": "Rejected"}


async def test_the_local_list_decides_offline(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    entries = [
        {"idTag": "A", "idTagInfo": {"status": "Accepted", "parentIdTag": "P"}},
        {"idTag": "B", "idTagInfo": {"status": "Blocked"}},
    ]

    full = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": entries}
    statuses = [
        (await csms.call("CS-1", "SendLocalList", request))["status"]
        for request in (
            full,
            {"listVersion": 4, "updateType": "Full", "localAuthorizationList": [{"idTag": "A"}]},
            {"listVersion": 3, "updateType": "Differential"},
            {"listVersion": 4, "updateType": "Differential", "localAuthorizationList": [{"idTag": "B"}]},
        )
    ]
    await station.disconnect()

    assert statuses == ["Accepted", "Failed", "VersionMismatch", "Accepted"]
    assert (await station.authorize("A"))["groupIdToken"]["idToken"] == "P"
    assert (await station.authorize("B"))["status"] == "Unknown"
    await station.reconnect()
    await station.wait_for("connected")
    assert await csms.call("CS-1", "GetLocalListVersion", {}) == {"listVersion": 4}


async def test_a_reservation_is_used_by_its_token(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    request = {"connectorId": 1, "expiryDate": LATER, "idTag": "A", "reservationId": 5}

    zero = await csms.call("CS-1", "ReserveNow", request | {"connectorId": 0})
    answer = await csms.call("CS-1", "ReserveNow", request)
    await csms.until(lambda: csms.of("StatusNotification")[-1]["status"] == "Reserved")
    await station.plug_in()
    await station.start_transaction(token="A")

    (start,) = await csms.until_count("StartTransaction", 1)
    assert (zero, answer) == ({"status": "Rejected"}, {"status": "Accepted"})
    assert start["reservationId"] == 5


async def test_a_cancelled_reservation_frees_its_connector(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16)
    request = {"connectorId": 1, "expiryDate": LATER, "idTag": "A", "parentIdTag": "P", "reservationId": 5}
    await csms.call("CS-1", "ReserveNow", request)
    await csms.until(lambda: csms.of("StatusNotification")[-1]["status"] == "Reserved")

    statuses = [(await csms.call("CS-1", "CancelReservation", {"reservationId": one}))["status"] for one in (6, 5)]

    await csms.until(lambda: csms.of("StatusNotification")[-1]["status"] == "Available")
    assert statuses == ["Rejected", "Accepted"]


async def test_a_profile_of_a_transaction_names_its_number(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    await charging(station)
    profile = PROFILE | {"chargingProfilePurpose": "TxProfile", "transactionId": 1001}

    statuses = [
        (await csms.call("CS-1", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": one}))["status"]
        for one in (profile, profile | {"transactionId": 4711})
    ]
    schedule = await csms.call("CS-1", "GetCompositeSchedule", {"connectorId": 1, "duration": 60})

    assert statuses == ["Accepted", "Rejected"]
    assert schedule["connectorId"] == 1
    assert schedule["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 5727.0}]


async def test_profiles_are_cleared_by_their_purpose(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16)
    largest = PROFILE | {"chargingProfilePurpose": "ChargePointMaxProfile"}
    refused = await csms.call("CS-1", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": largest})
    await csms.call("CS-1", "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": largest})
    criteria = {"chargingProfilePurpose": "ChargePointMaxProfile", "connectorId": 0, "stackLevel": 0}

    statuses = [(await csms.call("CS-1", "ClearChargingProfile", criteria))["status"] for _ in range(2)]

    assert refused == {"status": "Rejected"}
    assert statuses == ["Accepted", "Unknown"]


async def test_firmware_and_diagnostics_report_in_their_own_messages(
    csms: Csms, make_station: MakeStation, clock: ManualClock
) -> None:
    await make_station(**V16)
    uploaded = await csms.call("CS-1", "GetDiagnostics", {"location": "https://logs.example/here"})
    await clock.pass_by(STEP)
    await csms.until_count("DiagnosticsStatusNotification", 2)

    update = {"location": "https://firmware.example/2.0.1.bin", "retrieveDate": PAST}
    answer = await csms.call("CS-1", "UpdateFirmware", update)
    for count in (1, 2, 3):
        await clock.pass_by(STEP)
        await csms.until_count("FirmwareStatusNotification", count)
    await clock.pass_by(STEP)
    await csms.until_count("FirmwareStatusNotification", 4)

    assert uploaded["fileName"].startswith("diagnostics-CS-1")
    assert answer == {}
    assert [one["status"] for one in csms.of("DiagnosticsStatusNotification")] == ["Uploading", "Uploaded"]
    statuses = [one["status"] for one in csms.of("FirmwareStatusNotification")]
    assert statuses == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert csms.of("BootNotification")[-1]["firmwareVersion"] == "2.0.1"


async def test_signed_firmware_and_logs_report_with_their_request(
    csms: Csms, make_station: MakeStation, clock: ManualClock
) -> None:
    await make_station(**V16)
    log = {"logType": "SecurityLog", "requestId": 8, "log": {"remoteLocation": "https://logs.invalid/"}}
    uploaded = await csms.call("CS-1", "GetLog", log)
    await clock.pass_by(STEP)
    reports = await csms.until_count("LogStatusNotification", 2)
    firmware = {
        "location": "https://firmware.invalid/2.bin",
        "retrieveDateTime": PAST,
        "signingCertificate": "PEM",
        "signature": "c2lnbmVk",
    }

    answer = await csms.call("CS-1", "SignedUpdateFirmware", {"requestId": 9, "firmware": firmware})
    await clock.pass_by(STEP)
    await csms.until_count("SignedFirmwareStatusNotification", 1)
    await clock.pass_by(STEP)
    statuses = await csms.until_count("SignedFirmwareStatusNotification", 2)

    assert (uploaded["status"], answer) == ("Accepted", {"status": "Accepted"})
    assert reports == [{"status": "Uploading", "requestId": 8}, {"status": "UploadFailure", "requestId": 8}]
    assert statuses == [{"status": "Downloading", "requestId": 9}, {"status": "DownloadFailed", "requestId": 9}]


@pytest.mark.parametrize(
    ("action", "requested", "sent"),
    [
        ("TriggerMessage", "BootNotification", "BootNotification"),
        ("TriggerMessage", "Heartbeat", "Heartbeat"),
        ("TriggerMessage", "MeterValues", "MeterValues"),
        ("TriggerMessage", "StatusNotification", "StatusNotification"),
        ("TriggerMessage", "FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("TriggerMessage", "DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
        ("ExtendedTriggerMessage", "LogStatusNotification", "LogStatusNotification"),
        ("ExtendedTriggerMessage", "FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
        ("ExtendedTriggerMessage", "SignChargePointCertificate", "SignCertificate"),
    ],
)
async def test_a_message_can_be_triggered(
    csms: Csms, make_station: MakeStation, action: str, requested: str, sent: str
) -> None:
    csms.scripts["SignCertificate"] = lambda _: {"status": "Accepted"}
    await make_station(**V16)
    await csms.until_count("StatusNotification", 2)
    before = len(csms.of(sent))

    answer = await csms.call("CS-1", action, {"requestedMessage": requested})

    await csms.until_count(sent, before + 1)
    assert answer == {"status": "Accepted"}


async def test_a_certificate_that_was_not_ordered_is_rejected_and_one_that_was_is_used(
    csms: Csms, make_station: MakeStation
) -> None:
    csms.scripts["SignCertificate"] = lambda _: {"status": "Accepted"}
    await make_station(**V16, variables={"OCPPCommCtrlr.RetryBackOffWaitMinimum": "0"})
    authority = Authority.root()
    await csms.call("CS-1", "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    (order,) = await csms.until_count("SignCertificate", 1)
    (own,) = authority.sign(x509.load_pem_x509_csr(order["csr"].encode()))

    foreign = await csms.call("CS-1", "CertificateSigned", {"certificateChain": authority.issue("CS-1").pem})
    await csms.until(lambda: csms.of("SecurityEventNotification")[-1]["type"] == "InvalidChargePointCertificate")
    pem = own.public_bytes(Encoding.PEM).decode()
    ordered = await csms.call("CS-1", "CertificateSigned", {"certificateChain": pem})

    assert (foreign, ordered) == ({"status": "Rejected"}, {"status": "Accepted"})
    await csms.until(lambda: len(csms.headers) == 2)


async def test_certificates_of_authorities_are_installed_listed_and_deleted(
    csms: Csms, make_station: MakeStation
) -> None:
    await make_station(**V16)
    use = {"certificateType": "CentralSystemRootCertificate"}

    installed = await csms.call("CS-1", "InstallCertificate", use | {"certificate": Authority.root().pem})
    listed = await csms.call("CS-1", "GetInstalledCertificateIds", use)
    (data,) = listed["certificateHashData"]
    deleted = await csms.call("CS-1", "DeleteCertificate", {"certificateHashData": data})

    assert [one["status"] for one in (installed, listed, deleted)] == ["Accepted"] * 3
    assert await csms.call("CS-1", "GetInstalledCertificateIds", use) == {"status": "NotFound"}


async def test_triggered_values_of_a_transaction_name_it(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    await charging(station)

    trigger = {"requestedMessage": "MeterValues", "connectorId": 1}
    await csms.call("CS-1", "TriggerMessage", trigger)
    unknown = await csms.call("CS-1", "TriggerMessage", trigger | {"connectorId": 2})

    (values,) = await csms.until_count("MeterValues", 1)
    assert values["transactionId"] == 1001
    assert unknown == {"status": "Rejected"}


async def test_vendor_data_are_echoed(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16, data_transfer_vendors={"org.example"})

    known = await csms.call("CS-1", "DataTransfer", {"vendorId": "org.example", "data": "ping"})
    unknown = await csms.call("CS-1", "DataTransfer", {"vendorId": "com.example"})

    assert known == {"status": "Accepted", "data": "ping"}
    assert unknown == {"status": "UnknownVendorId"}


async def test_what_1_6_does_not_have_is_not_implemented(csms: Csms, make_station: MakeStation) -> None:
    await make_station(**V16)

    answer = await csms.ask("CS-1", '[2,"1","GetVariables",{"getVariableData":[]}]')

    assert answer[:3] == [4, "1", "NotImplemented"]
