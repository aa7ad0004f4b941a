"""The files of TLS: certificate, private key and trusted authorities, checked before use and read again on change."""

import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

from citrine_process.settings import InvalidSetting

__all__ = ["TlsContent", "TlsFiles", "WatchedTlsFiles"]


@dataclass(frozen=True)
class TlsContent:
    """What the files hold, as PEM. None: there is no such file."""

    certificate: bytes | None
    """The certificate, and the intermediate ones behind it."""
    key: bytes | None
    authorities: bytes | None


@dataclass(frozen=True)
class TlsFiles:
    """The paths, which have the names of the settings that gave them.

    Args:
        certificate: File with the certificate. None: none.
        key: File with its private key. None: it is in the file of the certificate.
        authorities: File with the trusted authorities. None: none.
    """

    certificate: Path | None
    key: Path | None
    authorities: Path | None

    def read(self) -> TlsContent:
        """Return what the files hold, once it is clear that TLS can use it.

        Raises:
            InvalidSetting: When a file can't be read, has another content, or the key is not that of the certificate.
        """
        key = self.key or self.certificate
        content = TlsContent(_read(self.certificate), _read(key), _read(self.authorities))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.certificate is not None:
            try:
                # A passphrase would be asked for on the terminal.
                context.load_cert_chain(self.certificate, key, password=lambda: b"")
            except (OSError, ValueError) as error:
                raise InvalidSetting(f"{self.certificate} and {key} are no certificate and its key: {error}") from error
        if content.authorities is not None:
            try:
                context.load_verify_locations(cadata=content.authorities.decode())
            except (OSError, ValueError) as error:
                raise InvalidSetting(f"{self.authorities} holds no certificates of authorities: {error}") from error
        return content

    def stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what changes when a file is written or replaced."""
        return tuple(_stamp(path) for path in (self.certificate, self.key, self.authorities) if path is not None)


class WatchedTlsFiles:
    """Files that are read again when they have changed. Content that TLS can't use is ignored until it changes.

    May be used from any thread.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._stamp = files.stamp()
        self.content = files.read()
        """What is in use."""
        self.problem = ""
        """Why the files as they are now are not in use; empty if they are."""

    def refresh(self) -> bool:
        """Read the files again if they have changed; return whether there is new content, or a new problem."""
        with self._lock:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            try:
                self.content = self._files.read()
            except InvalidSetting as error:
                self.problem = str(error)
            else:
                self.problem = ""
            return True


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSetting(f"{path} can't be read: {error.strerror}") from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
