"""Certificate authorities: who signs the certificates of stations, behind one small interface."""

from citrine_core.certificate_authorities.choice import COMBINED, authorities_of
from citrine_core.certificate_authorities.interface import (
    AuthorityUnavailable,
    CertificateAuthority,
    OrderRefused,
    SigningRequest,
)

__all__ = [
    "COMBINED",
    "AuthorityUnavailable",
    "CertificateAuthority",
    "OrderRefused",
    "SigningRequest",
    "authorities_of",
]
