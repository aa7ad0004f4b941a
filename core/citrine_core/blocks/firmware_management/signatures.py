"""Signatures of firmware: the certificate that they are verified with, and whom it leads to (L01).

Import it only where firmware is signed: `cryptography` takes time and memory.
"""

import base64
from collections.abc import Collection
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from citrine_core.errors import InvalidArgument
from citrine_core.resources.certificate_store.parsing import parse_pem

__all__ = ["check_signature", "find_issuer", "read_signing_certificate"]

SHORTEST_RSA = 2048
"""Fewest bits of an RSA key (A00.FR.502)."""

SHORTEST_EC = 224
"""Fewest bits of a key on an elliptic curve (A00.FR.503)."""


def read_signing_certificate(field: str, text: str, now: datetime) -> x509.Certificate:
    """Return a signing certificate that is valid now and may sign.

    Args:
        field: Where the text stands in the request.
        text: Exactly one certificate in PEM: there are none between it and the root of its manufacturer (L01).
        now: The current time.

    Raises:
        InvalidArgument: Else.
    """
    certificate = parse_pem(field, text)
    if certificate.not_valid_before_utc > now:
        raise InvalidArgument(field, f"must be valid, and it is from {certificate.not_valid_before_utc.isoformat()} on")
    if certificate.not_valid_after_utc < now:
        raise InvalidArgument(field, f"must be valid, and it expired at {certificate.not_valid_after_utc.isoformat()}")
    try:
        key = certificate.public_key()
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidArgument(field, "must be an X.509 certificate in PEM; this one can't be read") from error
    if usage is not None and not usage.digital_signature:
        raise InvalidArgument(field, "must be for digital signatures, and its key usage says otherwise")
    is_short = (isinstance(key, rsa.RSAPublicKey) and key.key_size < SHORTEST_RSA) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < SHORTEST_EC
    )
    if is_short:
        raise InvalidArgument(field, f"must have a key of {SHORTEST_RSA} bits with RSA, {SHORTEST_EC} with EC, or more")
    return certificate


def find_issuer(
    certificate: x509.Certificate, roots: Collection[x509.Certificate], now: datetime
) -> x509.Certificate | None:
    """Return the root that issued a certificate and is valid now; None if there is none."""
    for root in roots:
        if not root.not_valid_before_utc <= now <= root.not_valid_after_utc:
            continue
        try:
            certificate.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        return root
    return None


def check_signature(field: str, certificate: x509.Certificate, signature: str, sha256: bytes) -> None:
    """Refuse a signature that is not the certificate's over a file with this SHA-256 (L01.FR.04).

    RSA-PSS as the specification says, or as stations in the field have it, PKCS #1 v1.5 and ECDSA.

    Raises:
        InvalidArgument: Also for ECSchnorr, which no library of ours verifies.
    """
    content, key, hashed = base64.b64decode(signature), certificate.public_key(), Prehashed(SHA256())
    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
        is_valid = any(_is_by(key, content, sha256, form) for form in (pss, padding.PKCS1v15()))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        try:
            decode_dss_signature(content)
        except ValueError:
            raise InvalidArgument(
                field, "must be one of ECDSA in DER to be verified here; ECSchnorr can't be: send it without sha256"
            ) from None
        try:
            key.verify(content, sha256, ec.ECDSA(hashed))
            is_valid = True
        except InvalidSignature:
            is_valid = False
    else:
        raise InvalidArgument(field, "can't be verified here: the key of its certificate is neither of RSA nor EC")
    if not is_valid:
        raise InvalidArgument(field, "must be that of the signing certificate over the firmware, and it is not")


def _is_by(key: rsa.RSAPublicKey, signature: bytes, sha256: bytes, form: padding.PSS | padding.PKCS1v15) -> bool:
    try:
        key.verify(signature, sha256, form, Prehashed(SHA256()))
    except InvalidSignature:
        return False
    return True
