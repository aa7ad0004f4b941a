"""What a certificate says, read from its PEM.

Import it only where certificates are used: `cryptography` takes time and memory.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from citrine.ocpp.v2 import types_pb2 as ocpp
from citrine_core.errors import InvalidArgument

__all__ = ["CertificateFacts", "facts_of", "hash_data_of", "is_authority", "parse_pem", "read_certificates"]

_PEM: Final = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

_HASHES: Final[Mapping[int, hashes.HashAlgorithm]] = {
    ocpp.HASH_ALGORITHM_ENUM_SHA256: hashes.SHA256(),
    ocpp.HASH_ALGORITHM_ENUM_SHA384: hashes.SHA384(),
    ocpp.HASH_ALGORITHM_ENUM_SHA512: hashes.SHA512(),
}

LONGEST_PEM = 20_000
"""Most characters of one certificate."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says of itself."""

    fingerprint: str
    """SHA-256 of the DER form, hexadecimal in lower case."""
    pem: str
    """The certificate alone, without what stood around it."""
    subject: str
    """In the form of RFC 4514."""
    issuer: str
    serial_number: str
    """Hexadecimal."""
    valid_from: datetime
    valid_until: datetime


def read_certificates(text: str) -> list[x509.Certificate]:
    """Return the certificates of a text in PEM, in its order.

    Raises:
        ValueError: When one can't be read.
    """
    try:
        return [x509.load_pem_x509_certificate(block.encode()) for block in _PEM.findall(text)]
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def parse_pem(field: str, text: str) -> x509.Certificate:
    """Return the certificate of a field, which must be exactly one.

    Raises:
        InvalidArgument: When it is not.
    """
    if len(text) > LONGEST_PEM:
        raise InvalidArgument(field, f"must have at most {LONGEST_PEM} characters")
    if "PRIVATE KEY-----" in text:
        raise InvalidArgument(field, "must not have a private key: keep it where it is, and give the certificate alone")
    try:
        found = read_certificates(text)
    except ValueError as error:
        raise InvalidArgument(field, "must be a certificate in PEM") from error
    if len(found) != 1:
        raise InvalidArgument(field, f"must be exactly one certificate in PEM, and not {len(found) or 'none'}")
    return found[0]


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """Return what a certificate says of itself."""
    return CertificateFacts(
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=f"{certificate.serial_number:x}",
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def hash_data_of(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: "ocpp.HashAlgorithmEnum.ValueType"
) -> ocpp.CertificateHashData:
    """Return what identifies a certificate in OCPP: hashes of its issuer, as OCSP makes them, and its serial number."""
    # RFC 6960 says what is hashed of the issuer's name and key: a request of OCSP has just that.
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _HASHES[algorithm]).build()
    return ocpp.CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=request.issuer_name_hash.hex(),
        issuer_key_hash=request.issuer_key_hash.hex(),
        serial_number=f"{certificate.serial_number:x}",
    )
