"""Checks of the requests for certificates (PKCS #10) that stations send.

Import it only where one has come: `cryptography` takes time and memory.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from citrine_core.resources.certificate_store.parsing import CertificateFacts, facts_of, read_certificates

__all__ = ["CheckedRequest", "RequestRefused", "check_request", "read_signed"]

RSA_BITS = (2048, 8192)
"""Fewest bits of a key of RSA (A00.FR.502), and most."""

EC_BITS = 224
"""Fewest bits of a key of an elliptic curve (A00.FR.503)."""

LONGEST_NAME = 64
"""Most characters of a common name or an organization (X.520)."""

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class RequestRefused(Exception):
    """A request must not be signed.

    Args:
        problem: Why, in one sentence for the vendor of the station.
        code: Reason code of OCPP.
    """

    def __init__(self, problem: str, code: str = "InvalidCSR") -> None:
        super().__init__(problem)
        self.code = code


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request that may be signed."""

    csr: str
    """In PEM, without what stood around it."""
    digest: str
    """SHA-256 of its DER form, hexadecimal."""
    common_name: str
    organization: str
    """Empty: it names none."""


def check_request(text: str, names: Collection[str], owners: Collection[str]) -> CheckedRequest:
    """Return a request of a station that may be signed.

    Args:
        text: The request in PEM, or in base64 alone.
        names: Common names that the station may have.
        owners: Organizations of which the request must name one. Empty: any.

    Raises:
        RequestRefused: When it must not be signed.
    """
    try:
        csr = _load(text)
        _check_key(csr)
        if not csr.is_signature_valid or not isinstance(csr.signature_hash_algorithm, _HASHES):
            raise RequestRefused("it must be signed by its own key, over SHA-256, SHA-384 or SHA-512")
        common_name = _one(csr.subject, NameOID.COMMON_NAME, "common name (CN)")
        named = _one(csr.subject, NameOID.ORGANIZATION_NAME, "organizationName (O)", least=1 if owners else 0)
        extensions = csr.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise RequestRefused("it must be a request for a certificate (PKCS #10) in PEM") from error
    if common_name not in names:
        raise RequestRefused(f"its common name must be {' or '.join(sorted(names))}")
    if owners and named not in owners:
        raise RequestRefused(f"its organizationName (O) must be {' or '.join(sorted(owners))}")
    for extension in extensions:
        _check_extension(extension, common_name)
    return CheckedRequest(
        csr=csr.public_bytes(serialization.Encoding.PEM).decode(),
        digest=hashlib.sha256(csr.public_bytes(serialization.Encoding.DER)).hexdigest(),
        common_name=common_name,
        organization=named,
    )


def read_signed(chain: str, csr: str) -> CertificateFacts:
    """Return what the first certificate of a chain says, which must be what was asked for.

    Raises:
        ValueError: When the chain can't be read, or its first certificate is of another key or name.
    """
    found = read_certificates(chain)
    if not found:
        raise ValueError("it returned no certificate")
    wanted = _load(csr)
    if found[0].public_key() != wanted.public_key():
        raise ValueError("it returned the certificate of another key")
    names = [one.subject.get_attributes_for_oid(NameOID.COMMON_NAME) for one in (found[0], wanted)]
    if [one.value for one in names[0]] != [one.value for one in names[1]]:
        raise ValueError("it returned a certificate of another name")
    return facts_of(found[0])


def _load(text: str) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(text.strip().encode())


def _check_key(csr: x509.CertificateSigningRequest) -> None:
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if not RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
            raise RequestRefused(f"its key of RSA must have {RSA_BITS[0]} to {RSA_BITS[1]} bits")
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        raise RequestRefused("its key must be of RSA or of an elliptic curve")
    elif key.curve.key_size < EC_BITS:
        raise RequestRefused(f"its key must have at least {EC_BITS} bits")


def _one(subject: x509.Name, oid: x509.ObjectIdentifier, words: str, least: int = 1) -> str:
    """Return the only value of an attribute of a subject; empty if it has none and needs none."""
    found = [str(one.value) for one in subject.get_attributes_for_oid(oid)]
    if not least <= len(found) <= 1:
        raise RequestRefused(f"it must have one {words}")
    text = found[0] if found else ""
    if len(text) > LONGEST_NAME or not text.isprintable() or len(text) < least:
        raise RequestRefused(f"its {words} must have 1 to {LONGEST_NAME} printable characters")
    return text


def _check_extension(extension: "x509.Extension[x509.ExtensionType]", common_name: str) -> None:
    """Refuse a wish for anything that the certificate of a station must not have, whatever the authority does of it."""
    value = extension.value
    match value:
        case x509.BasicConstraints():
            allowed = not value.ca
        case x509.KeyUsage():
            allowed = not (value.key_cert_sign or value.crl_sign)
        case x509.ExtendedKeyUsage():
            allowed = set(value) <= {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
        case x509.SubjectAlternativeName():
            allowed = [*value] == [x509.DNSName(common_name)]
        case x509.SubjectKeyIdentifier():
            allowed = True
        case _:
            allowed = False
    if not allowed:
        raise RequestRefused(f"it must not wish for the extension {extension.oid.dotted_string} with this value")
