"""Certificates of stations of OCPP 1.6: by the security extensions, and those of ISO 15118 over DataTransfer."""

from typing import Any

import orjson
import pytest

from citrine_edge.dialects import CallRefused, UnsupportedAction
from citrine_edge.ocppj import RpcError
from tests.support.dialogues import error, play

VENDOR_ID = "org.openchargealliance.iso15118pnc"

HASH = {"issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1", "hashAlgorithm": "SHA256"}

OTHER_HASH = {**HASH, "serialNumber": "2"}

V2G_CHAIN = {"certificateType": "V2GRootCertificate", "certificateHashData": OTHER_HASH}

UNKNOWN_VENDOR = {"status": "UnknownVendorId"}


def transferred(response: dict[str, Any], status: str = "Accepted") -> dict[str, Any]:
    return {"status": status, "data": orjson.dumps(response).decode()}


def call(action: str, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    data = orjson.dumps(request).decode()
    return "DataTransfer", {"vendorId": VENDOR_ID, "messageId": action, "data": data}


def found(*hashes: dict[str, Any]) -> dict[str, Any]:
    return {"status": "Accepted", "certificateHashData": list(hashes)} if hashes else {"status": "NotFound"}


@pytest.mark.parametrize("kind", [{}, {"certificateType": "ChargingStationCertificate"}])
@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_signed_certificate_of_a_station(kind: dict[str, Any], status: str) -> None:
    played = play("CertificateSigned", {"certificateChain": "PEM", **kind}, {"status": status})

    assert played.calls == [("CertificateSigned", {"certificateChain": "PEM"})]
    assert played.response == {"status": status}


def test_signed_certificate_of_iso_15118() -> None:
    request = {"certificateChain": "PEM", "certificateType": "V2GCertificate"}

    played = play("CertificateSigned", request, transferred({"status": "Accepted"}))

    assert played.calls == [call("CertificateSigned", request)]
    assert played.response == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("use", "theirs"),
    [
        ("CSMSRootCertificate", "CentralSystemRootCertificate"),
        ("ManufacturerRootCertificate", "ManufacturerRootCertificate"),
    ],
)
@pytest.mark.parametrize("status", ["Accepted", "Rejected", "Failed"])
def test_certificate_of_an_authority_is_installed(use: str, theirs: str, status: str) -> None:
    played = play("InstallCertificate", {"certificateType": use, "certificate": "PEM"}, {"status": status})

    assert played.calls == [("InstallCertificate", {"certificateType": theirs, "certificate": "PEM"})]
    assert played.response == {"status": status}


@pytest.mark.parametrize("use", ["V2GRootCertificate", "MORootCertificate"])
def test_certificate_of_iso_15118_is_installed(use: str) -> None:
    request = {"certificateType": use, "certificate": "PEM"}

    played = play("InstallCertificate", request, transferred({"status": "Rejected"}, "Rejected"))

    assert played.calls == [call("InstallCertificate", request)]
    assert played.response == {"status": "Rejected"}


@pytest.mark.parametrize("status", ["UnknownVendorId", "UnknownMessageId", "Rejected"])
def test_station_without_plug_and_charge_refuses_it(status: str) -> None:
    with pytest.raises(CallRefused, match="the station"):
        play("InstallCertificate", {"certificateType": "V2GRootCertificate", "certificate": "P"}, {"status": status})


@pytest.mark.parametrize("data", ["", "yes", "[]", "{}"])
def test_answer_that_holds_no_response_is_none(data: str) -> None:
    payload = {"certificateType": "V2GRootCertificate", "certificate": "P"}

    with pytest.raises(RpcError, match="/data is no response to InstallCertificate"):
        play("InstallCertificate", payload, {"status": "Accepted", "data": data})


def test_answer_that_holds_a_status_that_is_none_is_refused() -> None:
    payload = {"certificateType": "V2GRootCertificate", "certificate": "P"}

    with pytest.raises(RpcError, match="status"):
        play("InstallCertificate", payload, transferred({"status": "Perhaps"}))


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("InstallCertificate", {"certificateType": "OEMRootCertificate", "certificate": "PEM"}),
        ("CertificateSigned", {"certificateType": "V2G20Certificate", "certificateChain": "PEM"}),
        ("GetInstalledCertificateIds", {"certificateType": ["OEMRootCertificate"]}),
    ],
)
def test_use_of_2_1_is_refused_by_name(action: str, payload: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedAction, match="/certificateType"):
        play(action, payload)


@pytest.mark.parametrize("status", ["Accepted", "Failed"])
def test_certificate_is_deleted(status: str) -> None:
    played = play("DeleteCertificate", {"certificateHashData": HASH}, {"status": status})

    assert played.calls == [("DeleteCertificate", {"certificateHashData": HASH})]
    assert played.response == {"status": status}


@pytest.mark.parametrize("first", [{"status": "NotFound"}, error("NotImplemented")])
def test_certificate_that_is_not_found_may_be_one_of_iso_15118(first: Any) -> None:
    played = play("DeleteCertificate", {"certificateHashData": HASH}, first, transferred({"status": "Accepted"}))

    assert played.calls[1] == call("DeleteCertificate", {"certificateHashData": HASH})
    assert played.response == {"status": "Accepted"}


@pytest.mark.parametrize("second", [UNKNOWN_VENDOR, error("NotImplemented")])
def test_certificate_that_is_not_found_is_not_there(second: Any) -> None:
    played = play("DeleteCertificate", {"certificateHashData": HASH}, {"status": "NotFound"}, second)

    assert played.response == {"status": "NotFound"}


def test_all_installed_certificates_are_asked_for_by_use() -> None:
    answer = transferred({"status": "Accepted", "certificateHashDataChain": [V2G_CHAIN]})

    played = play("GetInstalledCertificateIds", {}, found(HASH), found(), answer)

    uses = {"certificateType": ["MORootCertificate", "V2GCertificateChain", "V2GRootCertificate"]}
    assert played.calls == [
        ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
        ("GetInstalledCertificateIds", {"certificateType": "ManufacturerRootCertificate"}),
        call("GetInstalledCertificateIds", uses),
    ]
    assert played.response == {
        "status": "Accepted",
        "certificateHashDataChain": [
            {"certificateType": "CSMSRootCertificate", "certificateHashData": HASH},
            V2G_CHAIN,
        ],
    }


def test_station_without_plug_and_charge_has_the_certificates_that_it_says() -> None:
    played = play("GetInstalledCertificateIds", {}, found(), found(), UNKNOWN_VENDOR)

    assert played.response == {"status": "NotFound"}


def test_station_that_knows_nothing_of_certificates_fails() -> None:
    refused = error("NotImplemented")

    assert play("GetInstalledCertificateIds", {}, refused, refused, refused).response is None


def test_uses_that_are_named_are_asked_for() -> None:
    payload = {"certificateType": ["ManufacturerRootCertificate", "V2GRootCertificate"]}

    played = play("GetInstalledCertificateIds", payload, found(HASH), error("NotSupported"))

    assert [action for action, _ in played.calls] == ["GetInstalledCertificateIds", "DataTransfer"]
    assert played.response is None
    assert played.partial == {
        "status": "Accepted",
        "certificateHashDataChain": [{"certificateType": "ManufacturerRootCertificate", "certificateHashData": HASH}],
    }
