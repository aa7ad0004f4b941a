"""Block N, Diagnostics: logs, and what a station holds of a customer."""

from typing import Any

import pytest

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.diagnostics_pb2 import CustomerInformationRequest, GetLogRequest, ListLogUploadsRequest
from citrine.api.v1.local_auth_list_pb2 import SendLocalListRequest
from citrine.api.v1.reports_pb2 import (
    REPORT_KIND_CUSTOMER_INFORMATION,
    REPORT_STATE_COMPLETE,
    REPORT_STATE_FAILED,
    REPORT_STATE_REFUSED,
    GetReportRunRequest,
    ListReportPartsRequest,
)
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2 import local_auth_list_pb2 as local_auth_list
from citrine.ocpp.v2.local_auth_list_pb2 import AuthorizationData
from citrine.ocpp.v2.types_pb2 import (
    AUTHORIZATION_STATUS_ENUM_ACCEPTED,
    HASH_ALGORITHM_ENUM_SHA256,
    CertificateHashData,
    IdToken,
    IdTokenInfo,
)
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation, now

LOCATION = "https://logs.example/inbox"


@pytest.fixture
async def booted(station: ConformanceStation) -> ConformanceStation:
    await states.booted(station)
    return station


async def _get_log(
    station: ConformanceStation, api: Citrine, log_type: "ocpp.LogEnum.ValueType", status: str = "Accepted"
) -> dict[str, Any]:
    """Do the manual action; return the payload that the station was sent."""
    request = ocpp.GetLogRequest(log=ocpp.LogParameters(remote_location=LOCATION), log_type=log_type)
    rpc = api.diagnostics.GetLog(GetLogRequest(target=CommandTarget(station_id=station.station_id), request=request))
    asked, _ = await station.asked_by(rpc, "GetLog", {"status": status, "filename": "log.zip"})
    assert asked["log"]["remoteLocation"] == LOCATION
    return asked


async def _tell(station: ConformanceStation, asked: dict[str, Any], *statuses: str) -> None:
    for status in statuses:
        told = {"status": status, "requestId": asked["requestId"]}
        assert await station.call("LogStatusNotification", told) == {}


async def _states(station: ConformanceStation, api: Citrine) -> dict[int, tuple[int, str]]:
    """Return state and status of each log by its request id."""
    page = await api.diagnostics.ListLogUploads(ListLogUploadsRequest(station_id=station.station_id))
    return {log.request_id: (log.state, log.status) for log in page.log_uploads}


async def test_TC_N_25_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A diagnostics log is uploaded."""
    asked = await _get_log(booted, api, ocpp.LOG_ENUM_DIAGNOSTICS_LOG)
    await _tell(booted, asked, "Uploading", "Uploaded")

    assert asked["logType"] == "DiagnosticsLog"
    assert await _states(booted, api) == {asked["requestId"]: (REPORT_STATE_COMPLETE, "Uploaded")}


async def test_TC_N_34_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A station refuses to upload a log."""
    asked = await _get_log(booted, api, ocpp.LOG_ENUM_DIAGNOSTICS_LOG, "Rejected")

    assert await _states(booted, api) == {asked["requestId"]: (REPORT_STATE_REFUSED, "Rejected")}


async def test_TC_N_35_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A security log is uploaded."""
    asked = await _get_log(booted, api, ocpp.LOG_ENUM_SECURITY_LOG)
    await _tell(booted, asked, "Uploading", "Uploaded")

    assert asked["logType"] == "SecurityLog"
    assert await _states(booted, api) == {asked["requestId"]: (REPORT_STATE_COMPLETE, "Uploaded")}


async def test_TC_N_36_CSMS(booted: ConformanceStation, api: Citrine) -> None:
    """A second log is asked for while the first one is uploaded, which is cancelled."""
    first = await _get_log(booted, api, ocpp.LOG_ENUM_DIAGNOSTICS_LOG)
    await _tell(booted, first, "Uploading")
    second = await _get_log(booted, api, ocpp.LOG_ENUM_DIAGNOSTICS_LOG, "AcceptedCanceled")
    await _tell(booted, first, "AcceptedCanceled")
    await _tell(booted, second, "Uploading", "Uploaded")

    assert await _states(booted, api) == {
        first["requestId"]: (REPORT_STATE_FAILED, "AcceptedCanceled"),
        second["requestId"]: (REPORT_STATE_COMPLETE, "Uploaded"),
    }


class Customer:
    """Asks a station what it holds of a customer, and plays the station."""

    def __init__(self, station: ConformanceStation, api: Citrine) -> None:
        self.station = station
        self.api = api

    async def ask(self, status: str = "Accepted", **request: Any) -> dict[str, Any]:
        """Do the manual action; return the payload that the station was sent."""
        if not request.keys() & {"customer_identifier", "customer_certificate"}:
            token = self.station.id_token
            request["id_token"] = IdToken(id_token=token["idToken"], type=token["type"])
        rpc = self.api.diagnostics.CustomerInformation(
            CustomerInformationRequest(
                target=CommandTarget(station_id=self.station.station_id),
                request=ocpp.CustomerInformationRequest(**request),
            )
        )
        asked, _ = await self.station.asked_by(rpc, "CustomerInformation", {"status": status})
        return asked

    async def tell(self, asked: dict[str, Any], data: str) -> None:
        payload = {"data": data, "seqNo": 0, "generatedAt": now(), "requestId": asked["requestId"]}
        assert await self.station.call("NotifyCustomerInformation", payload) == {}

    async def told(self, asked: dict[str, Any]) -> str:
        """Return what Citrine shows of the customer; the report must be complete."""
        key: dict[str, Any] = {
            "station_id": self.station.station_id,
            "kind": REPORT_KIND_CUSTOMER_INFORMATION,
            "request_id": asked["requestId"],
        }
        run = await self.api.reports.GetReportRun(GetReportRunRequest(**key))
        page = await self.api.reports.ListReportParts(ListReportPartsRequest(**key))
        assert run.state == REPORT_STATE_COMPLETE
        return "".join(part.customer_information.data for part in page.parts)


@pytest.fixture
def customer(booted: ConformanceStation, api: Citrine) -> Customer:
    return Customer(booted, api)


def _of_token(asked: dict[str, Any], customer: Customer) -> tuple[bool, bool]:
    """Return report and clear of a request, which must be about the token of the case."""
    assert asked["idToken"] == customer.station.id_token
    return asked["report"], asked["clear"]


async def test_TC_N_27_CSMS(customer: Customer) -> None:
    """A station reports what it holds of a customer."""
    asked = await customer.ask(report=True)
    await customer.tell(asked, "charged 3 times")

    assert _of_token(asked, customer) == (True, False)
    assert await customer.told(asked) == "charged 3 times"


async def test_TC_N_28_CSMS(customer: Customer) -> None:
    """A station reports that it holds nothing of a customer."""
    asked = await customer.ask(report=True)
    await customer.tell(asked, "")

    assert _of_token(asked, customer) == (True, False)
    assert await customer.told(asked) == ""


async def test_TC_N_29_CSMS(customer: Customer) -> None:
    """A station refuses to report what it holds of a customer."""
    asked = await customer.ask("Rejected", report=True)

    run = await customer.api.reports.GetReportRun(
        GetReportRunRequest(
            station_id=customer.station.station_id,
            kind=REPORT_KIND_CUSTOMER_INFORMATION,
            request_id=asked["requestId"],
        )
    )
    assert _of_token(asked, customer) == (True, False)
    assert (run.state, run.status) == (REPORT_STATE_REFUSED, "Rejected")


async def test_TC_N_30_CSMS(customer: Customer) -> None:
    """A station reports and clears what it holds of a customer."""
    asked = await customer.ask(report=True, clear=True)
    await customer.tell(asked, "charged 3 times")

    assert _of_token(asked, customer) == (True, True)
    assert await customer.told(asked) == "charged 3 times"


async def test_TC_N_31_CSMS(customer: Customer) -> None:
    """A station reports that there is nothing of a customer to be cleared."""
    asked = await customer.ask(report=True, clear=True)
    await customer.tell(asked, "")

    assert _of_token(asked, customer) == (True, True)
    assert await customer.told(asked) == ""


async def test_TC_N_32_CSMS(customer: Customer) -> None:
    """A station clears what it holds of a customer without telling it."""
    asked = await customer.ask(clear=True)
    await customer.tell(asked, "")

    assert _of_token(asked, customer) == (False, True)
    assert await customer.told(asked) == ""


async def test_TC_N_46_CSMS(customer: Customer) -> None:
    """A token is taken from the local list of a station that cleared what it holds of its customer."""
    station, api = customer.station, customer.api
    entries = [
        AuthorizationData(
            id_token=IdToken(id_token=token, type=station.id_token["type"]),
            id_token_info=IdTokenInfo(status=AUTHORIZATION_STATUS_ENUM_ACCEPTED),
        )
        for token in (station.id_token["idToken"], "AABBCCDD")
    ]
    full = SendLocalListRequest(
        target=CommandTarget(station_id=station.station_id),
        request=local_auth_list.SendLocalListRequest(
            update_type=local_auth_list.UPDATE_ENUM_FULL, local_authorization_list=entries
        ),
    )
    first, _ = await station.asked_by(api.local_auth_list.SendLocalList(full), "SendLocalList", {"status": "Accepted"})

    asked = await customer.ask(report=True, clear=True)
    await customer.tell(asked, "charged 3 times")
    update = await station.asked("SendLocalList", {"status": "Accepted"})

    assert _of_token(asked, customer) == (True, True)
    assert await customer.told(asked) == "charged 3 times"
    assert update["updateType"] == "Differential"
    assert update["versionNumber"] > first["versionNumber"]
    assert update["localAuthorizationList"] == [{"idToken": station.id_token}]


async def test_TC_N_62_CSMS(customer: Customer) -> None:
    """A station reports and clears what it holds of a customer who has an identifier."""
    asked = await customer.ask(report=True, clear=True, customer_identifier="OpenChargeAlliance")
    await customer.tell(asked, "charged 3 times")

    assert asked["customerIdentifier"] == "OpenChargeAlliance"
    assert (asked["report"], asked["clear"]) == (True, True)
    assert await customer.told(asked) == "charged 3 times"


async def test_TC_N_63_CSMS(customer: Customer) -> None:
    """A station reports and clears what it holds of a customer who has a certificate."""
    certificate = CertificateHashData(
        hash_algorithm=HASH_ALGORITHM_ENUM_SHA256, issuer_name_hash="a1", issuer_key_hash="b2", serial_number="c3"
    )
    asked = await customer.ask(report=True, clear=True, customer_certificate=certificate)
    await customer.tell(asked, "charged 3 times")

    assert asked["customerCertificate"] == {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "a1",
        "issuerKeyHash": "b2",
        "serialNumber": "c3",
    }
    assert (asked["report"], asked["clear"]) == (True, True)
    assert await customer.told(asked) == "charged 3 times"
