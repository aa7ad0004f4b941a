"""Logs and firmware on OCPP 1.6: by the security extensions where a station has them, else by edition 2."""

from typing import Any

import pytest

from citrine_edge.dialects import UnsupportedAction
from tests.support.dialogues import error, play

LOG = {
    "logType": "DiagnosticsLog",
    "requestId": 3,
    "retries": 2,
    "retryInterval": 60,
    "log": {
        "remoteLocation": "https://logs.example.com",
        "oldestTimestamp": "2025-01-30T00:00:00Z",
        "latestTimestamp": "2025-01-31T00:00:00Z",
    },
}

DIAGNOSTICS = {
    "location": "https://logs.example.com",
    "retries": 2,
    "retryInterval": 60,
    "startTime": "2025-01-30T00:00:00Z",
    "stopTime": "2025-01-31T00:00:00Z",
}

TIME = "2025-01-31T12:00:00Z"

FIRMWARE = {"location": "https://files.example.com/v2.bin", "retrieveDateTime": TIME}

SIGNED = {**FIRMWARE, "installDateTime": TIME, "signingCertificate": "PEM", "signature": "c2ln"}


def test_log_is_asked_for_by_the_security_extensions() -> None:
    played = play("GetLog", LOG, {"status": "AcceptedCanceled", "filename": "log.txt"})

    assert played.calls == [("GetLog", LOG)]
    assert played.response == {"status": "AcceptedCanceled", "filename": "log.txt"}


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
def test_station_without_them_is_asked_for_its_diagnostics(code: str) -> None:
    played = play("GetLog", LOG, error(code), {"fileName": "diagnostics.zip"})

    assert played.calls[1] == ("GetDiagnostics", DIAGNOSTICS)
    assert played.response == {"status": "Accepted", "filename": "diagnostics.zip"}


@pytest.mark.parametrize("answer", [{}, {"fileName": ""}])
def test_station_that_names_no_file_has_no_diagnostics(answer: dict[str, Any]) -> None:
    response = play("GetLog", LOG, error("NotImplemented"), answer).response

    assert response is not None
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Rejected", "NoFile")


def test_security_log_is_no_diagnostics() -> None:
    assert play("GetLog", {**LOG, "logType": "SecurityLog"}, error("NotImplemented")).response is None


def test_log_that_fails_is_not_asked_for_in_another_way() -> None:
    assert play("GetLog", LOG, error("InternalError")).response is None


def test_log_of_2_1_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedAction, match="/logType"):
        play("GetLog", {**LOG, "logType": "DataCollectorLog"})


def test_firmware_without_a_certificate_is_unsigned() -> None:
    played = play("UpdateFirmware", {"requestId": 7, "retries": 1, "firmware": FIRMWARE}, {})

    assert played.calls == [("UpdateFirmware", {"location": FIRMWARE["location"], "retrieveDate": TIME, "retries": 1})]
    assert played.response == {"status": "Accepted"}


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate"])
def test_firmware_with_a_certificate_is_signed(status: str) -> None:
    played = play("UpdateFirmware", {"requestId": 7, "retryInterval": 9, "firmware": SIGNED}, {"status": status})

    assert played.calls == [("SignedUpdateFirmware", {"requestId": 7, "retryInterval": 9, "firmware": SIGNED})]
    assert played.response == {"status": status}


def test_signed_firmware_is_never_sent_as_unsigned() -> None:
    assert play("UpdateFirmware", {"requestId": 7, "firmware": SIGNED}, error("NotImplemented")).response is None


def test_time_of_installation_of_unsigned_firmware_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedAction, match="/firmware/installDateTime"):
        play("UpdateFirmware", {"requestId": 7, "firmware": {**FIRMWARE, "installDateTime": TIME}})
