"""OCSP as a resource: certificates by their hash data, and what responders say of their revocation (RFC 6960)."""

from citrine_core.resources.ocsp.cert_ids import CertId, responder_of
from citrine_core.resources.ocsp.client import Ocsp, OcspAnswer, OcspStatus

__all__ = ["CertId", "Ocsp", "OcspAnswer", "OcspStatus", "responder_of"]
