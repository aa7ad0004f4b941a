"""Requests for certificates (PKCS #10), as stations make them."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.support.pki import ORGANIZATION, Key, new_key

__all__ = ["signing_request"]


def signing_request(
    name: str,
    key: Key | None = None,
    *,
    organization: str = ORGANIZATION,
    extensions: Sequence[x509.ExtensionType] = (),
    algorithm: hashes.HashAlgorithm | None = None,
) -> str:
    """Return a request in PEM.

    Args:
        name: Common name.
        key: Key of the certificate. None: a new one.
        organization: Organization; empty: none.
        extensions: What is wished for.
        algorithm: What is signed. None: SHA-256.
    """
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    subject = x509.Name([*names, *([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(key or new_key(), algorithm or hashes.SHA256())  # type: ignore[arg-type]  # any that is secure
    return signed.public_bytes(serialization.Encoding.PEM).decode()
