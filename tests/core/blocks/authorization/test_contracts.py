"""Contracts of ISO 15118: chains, and what OCSP responders say of them (C07)."""

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from citrine.ocpp.codec import decode
from citrine.ocpp.v2.authorization_pb2 import AuthorizeCertificateStatusEnum, AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import IdToken, OCSPRequestData
from citrine_core.blocks.authorization.contracts import ContractChecker
from citrine_core.resources.ocsp import Ocsp
from tests.support.contracts import Issued, Responder, issue, pem, responder

EMAID = "DE8AACA2B3C4D59"


@pytest.fixture
async def ocsp() -> AsyncIterator[Responder]:
    async with responder() as running:
        yield running


class Pki:
    """Root, sub-CA and contract, whose responder answers for both."""

    def __init__(self, ocsp: Responder, *, days: int = 30, name: str = EMAID) -> None:
        self.root = issue("V2G root")
        self.sub = issue("MO sub-CA", self.root, url=ocsp.url)
        self.contract = issue(name, self.sub, ca=False, url=ocsp.url, days=days)
        ocsp.add(self.sub, self.contract)


def by_certificate(*chain: Issued) -> AuthorizeRequest:
    return AuthorizeRequest(id_token=IdToken(id_token=EMAID, type="eMAID"), certificate=pem(*chain))


def by_hashes(ocsp: Responder, *chain: Issued) -> AuthorizeRequest:
    data = [one.hash_data(ocsp.url) for one in chain]
    payload = {"idToken": {"idToken": EMAID, "type": "eMAID"}, "iso15118CertificateHashData": data}
    request = decode(AuthorizeRequest, payload)
    assert isinstance(request, AuthorizeRequest)
    return request


async def check(
    request: AuthorizeRequest,
    *roots: Issued,
    checker: ContractChecker | None = None,
    hosts: Collection[str] = ("127.0.0.1",),
) -> str:
    checker = checker or ContractChecker(Ocsp())
    found = await checker.check(request, pem(*roots), datetime.now(UTC), hosts)
    name = AuthorizeCertificateStatusEnum.Name(AuthorizeCertificateStatusEnum.ValueType(found))
    return name.removeprefix("AUTHORIZE_CERTIFICATE_STATUS_ENUM_")


async def test_C07_FR_05_all_of_a_chain_is_asked_about_once(ocsp: Responder) -> None:
    pki, checker = Pki(ocsp), ContractChecker(Ocsp())

    found = [
        await check(request, pki.root, checker=checker)
        for request in (by_certificate(pki.contract, pki.sub), by_hashes(ocsp, pki.contract, pki.sub))
    ]

    assert found == ["ACCEPTED", "ACCEPTED"]
    serials = sorted(one.serial_number for one in ocsp.asked)
    assert serials == sorted([pki.sub.certificate.serial_number, pki.contract.certificate.serial_number])


@pytest.mark.parametrize("which", ["contract", "sub"])
async def test_C07_FR_16_what_is_revoked_is_refused(ocsp: Responder, which: str) -> None:
    pki = Pki(ocsp)
    ocsp.revoke(getattr(pki, which))

    assert await check(by_certificate(pki.contract, pki.sub), pki.root) == "CERTIFICATE_REVOKED"
    assert await check(by_hashes(ocsp, pki.contract, pki.sub)) == "CERTIFICATE_REVOKED"


async def test_C07_FR_15_what_expired_is_refused(ocsp: Responder) -> None:
    pki = Pki(ocsp, days=1)

    assert await check(by_certificate(pki.contract, pki.sub), pki.root) == "CERTIFICATE_EXPIRED"


async def test_C07_FR_17_what_leads_nowhere_is_refused(ocsp: Responder) -> None:
    pki, other = Pki(ocsp), issue("V2G root")
    fake_sub = issue("MO sub-CA", pki.root, ca=False)
    by_fake = issue(EMAID, fake_sub, ca=False, url=ocsp.url)
    silent = issue(EMAID, pki.sub, ca=False)
    theirs = issue("DE8AACFFFFFFFFF", pki.sub, ca=False, url=ocsp.url)

    assert await check(by_certificate(pki.contract, pki.sub), other) == "CERT_CHAIN_ERROR"
    assert await check(by_certificate(pki.contract), pki.root) == "CERT_CHAIN_ERROR"
    assert await check(by_certificate(by_fake, fake_sub), pki.root) == "CERT_CHAIN_ERROR"
    assert await check(by_certificate(silent, pki.sub), pki.root) == "CERT_CHAIN_ERROR"
    assert await check(by_certificate(theirs, pki.sub), pki.root) == "CERT_CHAIN_ERROR"
    assert ocsp.asked == []


async def test_an_answer_that_nobody_vouches_for_is_none(ocsp: Responder) -> None:
    pki = Pki(ocsp)
    ocsp.signer = issue("somebody")

    assert await check(by_certificate(pki.contract, pki.sub), pki.root) == "CERT_CHAIN_ERROR"
    assert await check(by_hashes(ocsp, pki.contract), pki.root) == "CERT_CHAIN_ERROR"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ldap://example", "nothing", "http://a\r\nb/"])
async def test_without_an_answer_nothing_is_verified(ocsp: Responder, url: str) -> None:
    pki = Pki(ocsp)
    request = by_hashes(ocsp, pki.contract)
    request.iso_15118_certificate_hash_data[0].responder_url = url

    assert await check(request, pki.root) == "CERT_CHAIN_ERROR"


async def test_neither_station_nor_certificate_can_have_anything_private_called(ocsp: Responder) -> None:
    """Where the tenant does not say so."""
    pki = Pki(ocsp)

    assert await check(by_hashes(ocsp, pki.contract), pki.root, hosts=()) == "CERT_CHAIN_ERROR"
    assert await check(by_certificate(pki.contract, pki.sub), pki.root, hosts=()) == "CERT_CHAIN_ERROR"
    assert ocsp.asked == []


async def test_what_is_no_certificate_is_refused() -> None:
    nothing = AuthorizeRequest(
        id_token=IdToken(id_token=EMAID, type="eMAID"), certificate="-----BEGIN CERTIFICATE-----"
    )
    odd = ParseDict({"hashAlgorithm": 1, "issuerNameHash": "x"}, OCSPRequestData())
    hashes = AuthorizeRequest(id_token=nothing.id_token, iso_15118_certificate_hash_data=[odd])

    assert [await check(one) for one in (nothing, hashes)] == ["CERT_CHAIN_ERROR", "CERT_CHAIN_ERROR"]
