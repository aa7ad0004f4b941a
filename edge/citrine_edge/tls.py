"""TLS of the edge: server certificates, cipher suites, and whom client certificates are trusted from (part 2, A00)."""

import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from citrine_process.settings import InvalidSetting
from citrine_process.tls_files import Watched, load_certificate, load_trusted

__all__ = ["CertificateFiles", "Contexts"]

_FORWARD_SECRET = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
_STATIC_RSA = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
"""TLS_RSA_WITH_AES_…, which A00.FR.318 requires, and which have no forward secrecy."""

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which Python has no name."""

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
    expired: bool = False
    """Whether client certificates may have expired."""

    @property
    def paths(self) -> Sequence[Path | None]:
        """All files. None: no file."""
        return [*(path for pair in self.certificates for path in pair), self.client_ca, self.client_crl]


class Contexts:
    """The contexts of an edge's listeners, with and without client certificates, made anew when files change.

    A connection stays with the context of its begin. A new context resumes no session of the one before, so what was
    revoked meanwhile is verified again.

    Raises:
        InvalidSetting: When a file can't be used; the text names it.
    """

    def __init__(self, files: CertificateFiles, *, mutual: bool) -> None:
        def load() -> Mapping[bool, ssl.SSLContext]:
            return {each: _context(files, mutual=each) for each in {False, mutual}}

        self._contexts = Watched(files.paths, load)

    def get(self, *, mutual: bool) -> ssl.SSLContext:
        """Return the context for new connections.

        Args:
            mutual: Whether client certificates are required.
        """
        return self._contexts.content[mutual]

    def reload_changed(self) -> None:
        """Load the files if one of them changed; say so, or each time that those of before stay in use."""
        self._say(is_new=self._contexts.refresh())

    def reload(self) -> None:
        """Load the files."""
        self._say(is_new=self._contexts.refresh(always=True))

    def _say(self, *, is_new: bool) -> None:
        if self._contexts.problem:
            _logger.error("certificates can't be loaded anew, those of before stay in use: %s", self._contexts.problem)
        elif is_new:
            _logger.info("certificates loaded anew")


def _context(files: CertificateFiles, *, mutual: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(":".join(_FORWARD_SECRET if files.forward_secrecy else _FORWARD_SECRET + _STATIC_RSA))
    for certificate, key in files.certificates:
        with _named("ocpps_certificate_file"):
            load_certificate(context, certificate, key)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        # An authority may be trusted without the one above it.
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        if files.expired:
            context.verify_flags |= _NO_CHECK_TIME
        with _named("ocpps_client_ca_file"):
            if files.client_ca is None:
                raise InvalidSetting("is needed for client certificates")
            load_trusted(context, files.client_ca)
        if files.client_crl is not None:
            with _named("ocpps_client_crl_file"):
                load_trusted(context, files.client_crl)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


@contextmanager
def _named(setting: str) -> Iterator[None]:
    """Name the setting in what is wrong with its files."""
    try:
        yield
    except InvalidSetting as error:
        raise InvalidSetting(f"{setting}: {error}") from None
