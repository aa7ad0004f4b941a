"""CA certificates that are sent to stations, read and checked."""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from citrine_core.errors import InvalidArgument
from citrine_core.resources.certificate_store.parsing import CertificateFacts, facts_of, is_authority, parse_pem
from citrine_core.resources.ocsp import CertId

__all__ = ["CaCertificate", "check_certificate", "read_certificate"]

FIELD = "request.certificate"

LONGEST_SERIAL_NUMBER = 40
"""Most hexadecimal digits, as in CertificateHashDataType."""


class CaCertificate:
    """A certificate, with what the record says of it."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.certificate = certificate
        self.facts: CertificateFacts = facts_of(certificate)

    @property
    def is_self_signed(self) -> bool:
        """Whether it is its own issuer, as a root certificate usually is."""
        try:
            self.certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True

    def matches(self, cert_id: CertId) -> bool:
        """Return whether the hash data of a station identifies this certificate."""
        # The hash of the issuer's key is only right if it is self-signed. Issuer and serial number identify it as well.
        own = CertId.issued(self.certificate, self.certificate, cert_id.algorithm)
        return (own.serial_number, own.issuer_name_hash) == (cert_id.serial_number, cert_id.issuer_name_hash)


def read_certificate(text: str) -> CaCertificate:
    """Return the certificate in a text.

    Raises:
        InvalidArgument: When the text is not exactly one certificate in PEM.
    """
    try:
        certificate = CaCertificate(parse_pem(FIELD, text))
        # Whoever compares it with hash data later may rely on it.
        CertId.issued(certificate.certificate, certificate.certificate)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidArgument(FIELD, "must be a certificate in PEM whose key is supported") from error
    if len(certificate.facts.serial_number) > LONGEST_SERIAL_NUMBER:
        raise InvalidArgument(FIELD, "must have a serial number of at most 20 octets (RFC 5280)")
    return certificate


def check_certificate(certificate: CaCertificate, now: datetime) -> None:
    """Refuse a certificate that no station could use as a root certificate.

    Raises:
        InvalidArgument: When it is not that of a CA, or has expired.
    """
    if not is_authority(certificate.certificate):
        raise InvalidArgument(FIELD, "must be a certificate of an authority, whose basic constraints say so")
    if certificate.facts.valid_until <= now:
        raise InvalidArgument(FIELD, f"must be valid, and it expired at {certificate.facts.valid_until.isoformat()}")
