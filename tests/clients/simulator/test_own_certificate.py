"""The certificate of a station: asked for, checked, and retained."""

import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from citrine_simulator import Store
from citrine_simulator.own_certificate import InvalidChain, OwnCertificate
from tests.support.pki import DAY, Authority

NOW = datetime.now(UTC)
AUTHORITY = Authority.root()


def signed(csr: str, authority: Authority = AUTHORITY) -> str:
    chain = authority.sign(x509.load_pem_x509_csr(csr.encode()))
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)


def test_A02_FR_02_a_request_names_station_and_operator_and_stays_until_it_is_discarded() -> None:
    store = Store().station("CS-1")
    certificate = OwnCertificate("CS-1", store)

    first = certificate.request("Operator")
    again = OwnCertificate("CS-1", store).request("Operator")
    certificate.discard_request()
    other = certificate.request("")

    csr = x509.load_pem_x509_csr(first.encode())
    assert csr.is_signature_valid
    assert {one.oid: one.value for one in csr.subject} == {
        NameOID.ORGANIZATION_NAME: "Operator",
        NameOID.COMMON_NAME: "CS-1",
    }
    assert again == first
    assert x509.load_pem_x509_csr(other.encode()).public_key() != csr.public_key()


def test_a_certificate_survives_a_loss_of_power_and_is_used() -> None:
    store = Store().station("CS-1")
    certificate = OwnCertificate("CS-1", store)
    certificate.install(signed(certificate.request("")), NOW)

    after = OwnCertificate("CS-1", store)

    assert after.is_there
    assert isinstance(after.context(None, (None, None)), ssl.SSLContext)


def test_A02_FR_06_what_does_not_fit_is_refused_with_the_reason() -> None:
    certificate = OwnCertificate("CS-1", Store().station("CS-1"))
    csr = certificate.request("")
    other = OwnCertificate("CS-2", Store().station("CS-2")).request("")
    for chain, now, problem in (
        ("nonsense", NOW, "no certificate in PEM"),
        (AUTHORITY.issue("CS-1").pem, NOW, "another key"),
        (signed(csr), NOW + 60 * DAY, "not valid now"),
        (signed(csr), NOW - 2 * DAY, "not valid now"),
        (signed(other), NOW, "another key"),
    ):
        with pytest.raises(InvalidChain, match=problem):
            certificate.install(chain, now)

    certificate.install(signed(csr), NOW)
    with pytest.raises(InvalidChain, match="no certificate is ordered"):
        certificate.install(signed(csr), NOW)


def test_the_certificate_before_is_used_again_until_the_new_one_has_worked() -> None:
    store = Store().station("CS-1")
    certificate = OwnCertificate("CS-1", store)

    def stored() -> list[str | None]:
        pairs = store.recall("own_certificate")
        return [pairs[name] and pairs[name]["chain"] for name in ("current", "other")]

    first = signed(certificate.request(""))
    certificate.install(first, NOW)
    second = signed(certificate.request(""))
    certificate.install(second, NOW)
    assert stored() == [second, first]

    certificate.refused()
    assert stored() == [first, second]
    certificate.refused()
    certificate.worked()
    assert stored() == [second, None]
    certificate.refused()
    assert stored() == [second, None]
