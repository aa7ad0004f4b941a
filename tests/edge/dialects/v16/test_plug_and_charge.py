"""Plug & Charge on OCPP 1.6: messages of 2.0.1 within DataTransfer."""

import re
from typing import Any

import orjson
import pytest

from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import decode
from citrine_edge.dialects.v16 import V16
from citrine_edge.ocppj import RpcError

VENDOR_ID = "org.openchargealliance.iso15118pnc"

OCSP = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "1",
    "responderURL": "http://ocsp.example.com",
}

EMAID = {"idToken": {"idToken": "DEABCC12345678", "type": "eMAID"}, "iso15118CertificateHashData": [OCSP]}


def transfer(message_id: str, data: Any, vendor_id: str = VENDOR_ID) -> Any:
    text = data if isinstance(data, str) else orjson.dumps(data).decode()
    return V16().read_call("DataTransfer", {"vendorId": vendor_id, "messageId": message_id, "data": text})


@pytest.mark.parametrize(
    ("action", "request_", "response"),
    [
        ("Authorize", EMAID, {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": "Accepted"}),
        (
            "Get15118EVCertificate",
            {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "AAAA"},
            {"status": "Accepted", "exiResponse": "BBBB"},
        ),
        ("GetCertificateStatus", {"ocspRequestData": OCSP}, {"status": "Accepted", "ocspResult": "CCCC"}),
        ("SignCertificate", {"csr": "PEM", "certificateType": "V2GCertificate"}, {"status": "Accepted"}),
    ],
)
def test_message_within_a_data_transfer_is_that_message(
    action: str, request_: dict[str, Any], response: dict[str, Any]
) -> None:
    exchange = transfer(action, request_)

    assert [each.action.name for each in exchange.requests] == [action]
    assert exchange.requests[0].message == decode(ACTIONS[action].request, request_)
    response_class = ACTIONS[action].response
    assert response_class is not None
    payload, left_out = exchange.write_result([decode(response_class, response)])
    assert left_out == []
    assert payload["status"] == "Accepted"
    assert orjson.loads(payload["data"]) == response


@pytest.mark.parametrize(
    ("message_id", "vendor_id"), [("Reset", VENDOR_ID), ("Authorize", "com.example"), ("authorize", VENDOR_ID)]
)
def test_other_data_is_transferred_as_it_is(message_id: str, vendor_id: str) -> None:
    exchange = transfer(message_id, EMAID, vendor_id)

    assert [each.action.name for each in exchange.requests] == ["DataTransfer"]


@pytest.mark.parametrize(
    ("data", "path"),
    [("", "/data"), ("[]", "/data"), ("{", "/data"), ({}, "/data/idToken"), ({"idToken": 5}, "/data/idToken")],
)
def test_message_that_violates_its_schema_is_refused(data: Any, path: str) -> None:
    with pytest.raises(RpcError, match=re.escape("/data")) as refused:
        transfer("Authorize", data)

    assert refused.value.path == path
