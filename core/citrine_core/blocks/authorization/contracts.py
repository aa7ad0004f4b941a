"""Contract certificates of ISO 15118: what holds of them (C07)."""

import re
import ssl

__all__ = ["read_roots"]

_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def read_roots(text: str) -> list[bytes]:
    """Return the certificates of a text in PEM, as DER; none where one of them can't be read."""
    try:
        return [ssl.PEM_cert_to_DER_cert(block) for block in _PEM.findall(text)]
    except ValueError:
        return []
