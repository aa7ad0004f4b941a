"""TLS of the edge: server certificates, cipher suites, and whom client certificates are trusted from (part 2, A00)."""

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from citrine_process.settings import InvalidSetting

__all__ = ["CertificateFiles", "Contexts"]

_FORWARD_SECRET = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
_STATIC_RSA = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
"""TLS_RSA_WITH_AES_…, which A00.FR.318 requires, and which have no forward secrecy."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CertificateFiles:
    """Files in PEM, and what is required of connections."""

    certificates: tuple[tuple[Path, Path | None], ...]
    """Certificate with its chain, and the key, which may be in the same file. One of EC and one of RSA serve all."""
    client_ca: Path | None = None
    """Authorities that issue client certificates."""
    client_crl: Path | None = None
    """Their revocation lists."""
    forward_secrecy: bool = False
    """Whether suites without forward secrecy are refused."""

    def signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what changes when a file changes."""
        named = [path for pair in self.certificates for path in pair]
        return tuple(_stamp(path) for path in (*named, self.client_ca, self.client_crl) if path is not None)


class Contexts:
    """The contexts of an edge's listeners, with and without client certificates, made anew when files change.

    A connection keeps the context that it began with. A new context resumes no session of the one before, so what was
    revoked meanwhile is verified again.

    Raises:
        InvalidSetting: When a file can't be used; the text names it.
    """

    def __init__(self, files: CertificateFiles, *, mutual: bool) -> None:
        self._files = files
        self._mutual = mutual
        self._signature = files.signature()
        self._contexts = self._load()

    def get(self, *, mutual: bool) -> ssl.SSLContext:
        """Return the context for new connections.

        Args:
            mutual: Whether client certificates are required.
        """
        return self._contexts[mutual]

    def reload_changed(self) -> bool:
        """Load the files if one of them changed; return whether they are in use now."""
        return self._files.signature() == self._signature or self.reload()

    def reload(self) -> bool:
        """Load the files; return False if they can't be used. Then those of before stay in use."""
        signature = self._files.signature()
        try:
            self._contexts = self._load()
        except InvalidSetting as error:
            _logger.error("certificates can't be loaded anew, those of before stay in use: %s", error)
            return False
        self._signature = signature
        _logger.info("certificates loaded anew")
        return True

    def _load(self) -> Mapping[bool, ssl.SSLContext]:
        return {mutual: _context(self._files, mutual=mutual) for mutual in {False, self._mutual}}


def _context(files: CertificateFiles, *, mutual: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(":".join(_FORWARD_SECRET if files.forward_secrecy else _FORWARD_SECRET + _STATIC_RSA))
    for certificate, key in files.certificates:
        try:
            # No password, so that an encrypted key is refused and nobody is prompted for it.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ssl.SSLError) as error:
            named = certificate if key is None else f"{certificate} with {key}"
            raise InvalidSetting(f"ocpps_certificate_file: {named}: {_reason(error)}") from None
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        # An authority may be trusted without the one above it.
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        _trust(context, "ocpps_client_ca_file", files.client_ca)
        if files.client_crl is not None:
            _trust(context, "ocpps_client_crl_file", files.client_crl)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def _trust(context: ssl.SSLContext, setting: str, path: Path | None) -> None:
    if path is None:
        raise InvalidSetting(f"{setting}: is needed for client certificates")
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise InvalidSetting(f"{setting}: {path}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "is not in PEM").lower().replace("_", " ")
    return error.strerror or str(error)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
