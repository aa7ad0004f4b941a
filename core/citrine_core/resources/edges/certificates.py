"""The certificate of an edge: the name in it, and its end."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from citrine_core.errors import Unauthenticated
from citrine_core.resources.edges.secrets import EDGE_NAME

__all__ = ["EdgeCertificate", "read_certificate"]

PREFIX = "edge:"
"""Scheme of the URI that names an edge."""


@dataclass(frozen=True, slots=True)
class EdgeCertificate:
    """What a verified certificate says."""

    edge_name: str
    expire_time: datetime


def read_certificate(pem: bytes) -> EdgeCertificate:
    """Return the edge that a certificate names. TLS has verified the certificate.

    The name is a URI among the subject alternative names, and not the common name, which stations choose for
    themselves when they ask for a certificate (A02).

    Raises:
        Unauthenticated: When it does not name exactly one edge.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        expire_time = certificate.not_valid_after_utc
    except (ValueError, x509.ExtensionNotFound):
        uris = []
    found = [uri.removeprefix(PREFIX) for uri in uris if uri.startswith(PREFIX)]
    if len(found) != 1 or not EDGE_NAME.fullmatch(found[0]):
        raise Unauthenticated('the certificate names no edge: its subject alternative name must be a URI "edge:NAME"')
    return EdgeCertificate(found[0], expire_time)
