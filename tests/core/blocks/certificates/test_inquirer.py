"""What stations are answered on certificates (M06) and for EVs (M01, M02), by what others answered us."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ocsp as x509_ocsp
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.edge.v1.link_pb2 import OCPP_VERSION_21, OCPP_VERSION_201
from citrine.ocpp.codec import decode
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2.certificates_pb2 import Get15118EVCertificateResponse, GetCertificateStatusResponse
from citrine_core.blocks.certificates import inquirer
from tests.support.contract_pools import Pool, exi, hang, pool
from tests.support.contracts import Responder, issue, responder
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeSession

FAILED = ocpp.GET_CERTIFICATE_STATUS_ENUM_FAILED
ACCEPTED = ocpp.GET_CERTIFICATE_STATUS_ENUM_ACCEPTED
EV_FAILED = ocpp.ISO15118EV_CERTIFICATE_STATUS_ENUM_FAILED
EV_ACCEPTED = ocpp.ISO15118EV_CERTIFICATE_STATUS_ENUM_ACCEPTED


@pytest.fixture
async def opcp() -> AsyncIterator[Pool]:
    async with pool() as running:
        yield running


@pytest.fixture
async def ocsp() -> AsyncIterator[Responder]:
    async with responder() as running:
        yield running


@pytest.fixture
async def core(database_url: str, tmp_path: Path, opcp: Pool) -> AsyncIterator[RunningCore]:
    """A core with a contract certificate pool, that may ask private responders."""
    async with running_core(database_url, tmp_path, contract_pool_url=opcp.url) as running:
        await allow(running, "127.0.0.1")
        yield running


@pytest.fixture
async def session(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD, version=OCPP_VERSION_201)


async def allow(core: RunningCore, *hosts: str) -> None:
    settings = pb.AuthorizationSettings(ocsp_hosts=hosts)
    request = pb.UpdateAuthorizationSettingsRequest(settings=settings, update_mask=FieldMask(paths=["ocsp_hosts"]))
    await core.stub(AuthorizationServiceStub).UpdateAuthorizationSettings(request)


def about(data: dict[str, str]) -> Any:
    return decode(ocpp.GetCertificateStatusRequest, {"ocspRequestData": data})


def from_ev(text: str, action: str = "Install", **fields: Any) -> Any:
    payload = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": action, "exiRequest": exi(text)}
    return decode(ocpp.Get15118EVCertificateRequest, payload | fields)


@pytest.mark.in_turn
@pytest.mark.parametrize("revoked", [False, True])
async def test_M06_FR_03_a_station_gets_the_response_of_the_responder(
    session: FakeSession, ocsp: Responder, revoked: bool
) -> None:
    """In DER and base64; also that a certificate is revoked. Asked once as long as it is valid."""
    sub = issue("V2G sub-CA", issue("V2G root"), url=ocsp.url)
    ocsp.add(sub)
    if revoked:
        ocsp.revoke(sub)

    answers = [await session.call(about(sub.hash_data(ocsp.url))) for _ in range(2)]

    assert [answer.status for answer in answers] == [ACCEPTED, ACCEPTED]
    response = x509_ocsp.load_der_ocsp_response(base64.b64decode(answers[0].ocsp_result))
    assert response.serial_number == sub.certificate.serial_number
    assert (response.certificate_status is x509_ocsp.OCSPCertStatus.REVOKED) is revoked
    assert len(ocsp.asked) == 1


async def test_M06_FR_04_without_a_response_the_answer_is_failed(
    session: FakeSession, core: RunningCore, ocsp: Responder
) -> None:
    """Where the responder is gone, may not be asked, or answers for another certificate; and for malformed data."""
    sub = issue("V2G sub-CA", issue("V2G root"), url=ocsp.url)
    ocsp.add(sub)
    ocsp.answer = lambda request: b"nonsense"  # type: ignore[method-assign]
    data = sub.hash_data(ocsp.url)

    answers: list[GetCertificateStatusResponse] = [
        await session.call(about(one))
        for one in (
            data,
            data | {"responderURL": "http://127.0.0.1:1/"},
            data | {"responderURL": "file:///etc/passwd"},
            data | {"issuerKeyHash": "zz"},
            data | {"issuerKeyHash": "abcd"},
        )
    ]
    await allow(core)
    answers.append(await session.call(about(data)))

    assert [one.status for one in answers] == [FAILED] * 6
    assert not any(one.HasField("ocsp_result") for one in answers)
    assert all(one.status_info.additional_info for one in answers)
    assert len(ocsp.asked) == 1


async def test_a_response_that_is_too_long_is_not_sent(session: FakeSession, ocsp: Responder) -> None:
    sub = issue("V2G sub-CA " + "x" * 40, issue("V2G root"), url=ocsp.url)
    ocsp.add(sub)
    ocsp.signer = issue("responder", sub.issuer, ca=False, url="http://" + "x" * 5000)

    answer = await session.call(about(sub.hash_data(ocsp.url)))

    assert (answer.status, answer.status_info.reason_code) == (FAILED, "TooLargeElement")


@pytest.mark.in_turn
@pytest.mark.parametrize("action", ["Install", "Update"])
async def test_M01_an_ev_gets_what_the_pool_has_for_it(session: FakeSession, opcp: Pool, action: str) -> None:
    """M02 is the same with another action."""
    opcp.contracts[exi("EV")] = [("DE8AACA2B3C4D59", exi("contract")), ("DE8AACFFFFFFFFF", exi("other"))]

    answer = await session.call(from_ev("EV", action))

    assert (answer.status, answer.exi_response) == (EV_ACCEPTED, exi("contract"))
    assert not answer.HasField("remaining_contracts")


async def test_an_ev_of_iso_15118_20_gets_its_contracts_one_by_one(core: RunningCore, opcp: Pool) -> None:
    """Those that it prefers first, no more than it takes; the pool is asked once (M01.FR.04, M01.FR.07 of 2.1)."""
    opcp.contracts[exi("EV")] = [("A", exi("a")), ("B", exi("b")), ("C", exi("c"))]
    await core.add_station("CS-2", registration=1)
    request = from_ev("EV", maximumContractCertificateChains=2, prioritizedEMAIDs=["c"])

    async with core.edge() as edge:
        session = await edge.connect("CS-2", PASSWORD, version=OCPP_VERSION_21)
        answers: list[Get15118EVCertificateResponse] = [await session.call(request) for _ in range(2)]

    assert [(one.exi_response, one.remaining_contracts) for one in answers] == [(exi("c"), 1), (exi("a"), 0)]
    assert len(opcp.asked) == 1


async def test_an_ev_that_the_pool_does_not_know_gets_its_refusal(session: FakeSession, opcp: Pool) -> None:
    opcp.refusal = exi("FAILED_NoCertificateAvailable")

    answer = await session.call(from_ev("EV"))

    assert (answer.status, answer.exi_response) == (EV_FAILED, opcp.refusal)
    assert answer.status_info.reason_code == "NotFound"


async def test_a_pool_that_does_not_answer_costs_no_more_than_an_ev_waits(
    session: FakeSession, opcp: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquirer, "POOL_TIMEOUT", 0.2)
    opcp.answer_instead = hang

    answer = await session.call(from_ev("EV"))

    assert (answer.status, answer.exi_response) == (EV_FAILED, "")
    assert answer.status_info.additional_info == "the contract certificate pool did not answer in time"


async def test_a_contract_that_is_too_long_is_not_sent(session: FakeSession, opcp: Pool) -> None:
    opcp.contracts[exi("EV")] = [("A", exi("x" * 6000))]

    answer = await session.call(from_ev("EV"))

    assert (answer.status, answer.exi_response) == (EV_FAILED, "")
    assert answer.status_info.reason_code == "TooLargeElement"


async def test_without_a_pool_an_ev_gets_no_contract(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core, core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        session = await edge.connect("CS-1", PASSWORD)

        answer = await session.call(from_ev("EV"))

    assert answer.status == EV_FAILED
    assert answer.status_info.additional_info == "there is no contract certificate pool"
