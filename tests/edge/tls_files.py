"""The files of TLS that an edge of a test has."""

from pathlib import Path
from typing import Any

from tests.support.pki import Authority

__all__ = ["tls_settings"]


def tls_settings(authority: Authority, directory: Path, *, mutual: bool = False, **more: Any) -> dict[str, Any]:
    """Return settings of an edge with listeners for security profile 2, and for 3 if mutual."""
    pairs = [authority.server(kind).write(directory, kind) for kind in ("ec", "rsa")]
    settings: dict[str, Any] = {
        "ocpps_listen": "127.0.0.1:0",
        "ocpps_certificate_file": ",".join(str(certificate) for certificate, _ in pairs),
        "ocpps_key_file": ",".join(str(key) for _, key in pairs),
    }
    if mutual:
        ca = directory / "stations.pem"
        ca.write_text(authority.pem)
        settings |= {"ocpps_mtls_listen": "127.0.0.1:0", "ocpps_client_ca_file": ca}
    return {**settings, **more}
