"""Which requests for certificates may be signed."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from citrine_core.blocks.security.orders.requests import RequestRefused, check_request, read_signed
from tests.support.pki import ORGANIZATION, Authority, new_key
from tests.support.signing_requests import signing_request

NAMES = {"CS-1"}
OWNERS = {ORGANIZATION}


def usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, signs, False, False, False)


def test_a_request_says_name_and_organization() -> None:
    text = signing_request("CS-1")

    checked = check_request("\n " + text, NAMES, OWNERS)

    assert (checked.common_name, checked.organization, checked.csr) == ("CS-1", ORGANIZATION, text)
    assert check_request(text, NAMES, ()) == checked


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_keys_of_both_kinds_are_signed(kind: str) -> None:
    text = signing_request("CS-1", new_key(kind))  # type: ignore[arg-type]  # one of the two

    assert check_request(text, NAMES, ()).common_name == "CS-1"


def test_wishes_that_a_station_may_have_are_no_reason_to_refuse() -> None:
    text = signing_request(
        "CS-1",
        extensions=[
            x509.BasicConstraints(ca=False, path_length=None),
            usage(signs=False),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
            x509.SubjectAlternativeName([x509.DNSName("CS-1")]),
        ],
    )

    assert check_request(text, NAMES, ()).common_name == "CS-1"


REFUSED = [
    pytest.param("no request", "PKCS #10", id="text"),
    pytest.param(Authority.root().pem, "PKCS #10", id="a certificate"),
    pytest.param(signing_request("CS-2"), "common name must be CS-1", id="the name of another station"),
    pytest.param(signing_request(""), "one common name", id="no name"),
    pytest.param(signing_request("CS-1", organization=""), "organizationName", id="no organization"),
    pytest.param(signing_request("CS-1", organization="Others"), "must be Citrine tests", id="another organization"),
    pytest.param(
        signing_request("CS-1", rsa.generate_private_key(public_exponent=65537, key_size=1024)), "2048", id="short RSA"
    ),
    pytest.param(signing_request("CS-1", ec.generate_private_key(ec.SECP192R1())), "224 bits", id="short EC"),
    pytest.param(signing_request("CS-1", algorithm=hashes.SHA3_256()), "SHA-256", id="another hash"),
    pytest.param(
        signing_request("CS-1", extensions=[x509.BasicConstraints(ca=True, path_length=None)]),
        "2.5.29.19",
        id="to be an authority",
    ),
    pytest.param(signing_request("CS-1", extensions=[usage(signs=True)]), "2.5.29.15", id="to sign certificates"),
    pytest.param(
        signing_request("CS-1", extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])]),
        "2.5.29.37",
        id="to sign code",
    ),
    pytest.param(
        signing_request("CS-1", extensions=[x509.SubjectAlternativeName([x509.DNSName("CS-2")])]),
        "2.5.29.17",
        id="another name beside",
    ),
    pytest.param(
        signing_request(
            "CS-1",
            extensions=[x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)])],
        ),
        "2.5.29.32",
        id="anything else",
    ),
]


@pytest.mark.parametrize(("text", "problem"), REFUSED)
def test_what_must_not_be_signed_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(RequestRefused, match=problem) as raised:
        check_request(text, NAMES, OWNERS)

    assert raised.value.code == "InvalidCSR"


def test_keys_that_are_of_no_use_for_tls_here_are_refused() -> None:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CS-1")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(ed25519.Ed25519PrivateKey.generate(), None)

    with pytest.raises(RequestRefused, match="RSA or of an elliptic curve"):
        check_request(csr.public_bytes(serialization.Encoding.PEM).decode(), NAMES, ())


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    lines = signing_request("CS-1").splitlines()
    der = bytearray(base64.b64decode("".join(lines[1:-1])))
    der[-1] ^= 1
    text = "\n".join([lines[0], base64.b64encode(bytes(der)).decode(), lines[-1]])

    with pytest.raises(RequestRefused):
        check_request(text, NAMES, ())


def test_what_an_authority_returns_must_be_what_was_asked_for() -> None:
    authority = Authority.root()
    csr = signing_request("CS-1")
    chain = authority.issue("CS-1").pem

    with pytest.raises(ValueError, match="another key"):
        read_signed(chain, csr)
    with pytest.raises(ValueError, match="no certificate"):
        read_signed("nothing", csr)
