"""Responses of OCSP responders: read, and verified by the issuer of the certificate or whom the issuer chose."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from citrine_core.resources.ocsp.cert_ids import CertId, key_hash

__all__ = ["OcspStatus", "ReadResponse", "read_response"]

SKEW = timedelta(minutes=5)
"""Most that a responder's clock may be ahead."""

DEFAULT_VALIDITY = timedelta(minutes=5)
"""How long a response without nextUpdate is valid."""


class OcspStatus(enum.Enum):
    """Revocation status of a certificate."""

    GOOD = 1
    REVOKED = 2
    UNKNOWN = 3
    """The responder does not know it, did not answer, or could not be verified."""


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """What a response says of a certificate."""

    status: OcspStatus
    until: datetime
    is_verified: bool


def read_response(
    content: bytes, certificate: CertId, known: Sequence[x509.Certificate], now: datetime, *, verify: bool
) -> ReadResponse:
    """Return what a response says of a certificate.

    Args:
        content: OCSPResponse in DER.
        certificate: The certificate that was asked about.
        known: Certificates that may have issued it.
        now: The current time.
        verify: Whether it must be verified. If not, a response is also read if the issuer of the certificate is neither
            known nor in it.

    Raises:
        ValueError: When it is not a current response about the certificate, or its responder is not trusted.
        InvalidSignature: When its signature is not that of its responder.
    """
    response = ocsp.load_der_ocsp_response(content)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise ValueError("the responder refuses to answer")
    issuers = [one for one in (*known, *response.certificates) if _is_issuer(one, certificate)]
    if issuers or verify:
        _verify(response, issuers)
    for one in response.responses:
        if _is_about(one, certificate):
            until = one.next_update_utc or now + DEFAULT_VALIDITY
            if one.this_update_utc > now + SKEW or until <= now:
                raise ValueError("the response is not current")
            return ReadResponse(_STATUSES.get(one.certificate_status, OcspStatus.UNKNOWN), until, bool(issuers))
    raise ValueError("the response is about other certificates")


_STATUSES = {ocsp.OCSPCertStatus.GOOD: OcspStatus.GOOD, ocsp.OCSPCertStatus.REVOKED: OcspStatus.REVOKED}


def _is_about(response: ocsp.OCSPSingleResponse, certificate: CertId) -> bool:
    return (
        response.serial_number == certificate.serial_number
        and response.hash_algorithm.name == certificate.algorithm
        and response.issuer_key_hash == certificate.issuer_key_hash
        and response.issuer_name_hash == certificate.issuer_name_hash
    )


def _is_issuer(candidate: x509.Certificate, certificate: CertId) -> bool:
    try:
        return key_hash(candidate, certificate.algorithm) == certificate.issuer_key_hash
    except ValueError:
        return False


def _verify(response: ocsp.OCSPResponse, issuers: Sequence[x509.Certificate]) -> None:
    signers = list(issuers)
    for one in response.certificates:
        # A delegated responder needs a certificate of the CA that issued the certificate asked about.
        if _may_sign(one) and any(_issued(one, issuer) for issuer in issuers):
            signers.append(one)
    for signer in signers:
        if _is_responder(response, signer):
            _verify_signature(response, signer)
            return
    raise ValueError("the responder is not trusted")


def _is_responder(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    return response.responder_key_hash == key_hash(signer, "sha1")


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _verify_signature(response: ocsp.OCSPResponse, signer: x509.Certificate) -> None:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
        key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(response.signature, response.tbs_response_bytes)
    else:
        raise ValueError("the signature algorithm is not supported")
