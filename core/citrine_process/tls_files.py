"""The files of TLS: certificates, keys and trusted authorities, checked before use and loaded again on change."""

import ssl
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from citrine_process.settings import InvalidSetting

__all__ = ["TlsContent", "TlsFiles", "Watched", "WatchedTlsFiles", "load_certificate", "load_trusted"]

ContentT = TypeVar("ContentT")

Stamp: TypeAlias = tuple[int, ...] | None
"""What changes when a file is written, replaced or made readable. None: there is no such file."""


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Have a context present a certificate.

    Args:
        context: The context.
        certificate: File with the certificate, and the intermediate ones behind it, in PEM.
        key: File with its private key. None: it is in the file of the certificate.

    Raises:
        InvalidSetting: When the files can't be used; an encrypted key can't.
    """
    try:
        # Without a password that is given here, it would be asked for on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        named = certificate if key is None else f"{certificate} with {key}"
        raise InvalidSetting(f"{named}: {_reason(error)}") from None


def load_trusted(context: ssl.SSLContext, path: Path) -> None:
    """Have a context use the authorities or the revocation lists in a file.

    Raises:
        InvalidSetting: When the file can't be used.
    """
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path}: {_reason(error)}") from None


class Watched(Generic[ContentT]):
    """What is loaded from files, and loaded again when they have changed.

    What can't be used is ignored until the files change again. May be used from any thread.

    Args:
        files: The files. None: no file.
        load: Loads them; raises InvalidSetting.

    Raises:
        InvalidSetting: When the files can't be used.
    """

    def __init__(self, files: Collection[Path | None], load: Callable[[], ContentT]) -> None:
        self._files = [path for path in files if path is not None]
        self._load = load
        self._lock = threading.Lock()
        self._stamps = self._now()
        self.content = load()
        """What is in use."""
        self.problem = ""
        """Why the files as they are now are not in use; empty if they are."""

    def refresh(self, *, always: bool = False) -> bool:
        """Load the files if they have changed; return whether there is new content, or a new problem.

        Args:
            always: Load them also if they have not.
        """
        with self._lock:
            stamps = self._now()
            if stamps == self._stamps and not always:
                return False
            self._stamps = stamps
            try:
                self.content = self._load()
            except InvalidSetting as error:
                self.problem = str(error)
            else:
                self.problem = ""
            return True

    def _now(self) -> list[Stamp]:
        return [_stamp(path) for path in self._files]


@dataclass(frozen=True)
class TlsContent:
    """What the files hold, as PEM. None: there is no such file."""

    certificate: bytes | None
    """The certificate, and the intermediate ones behind it."""
    key: bytes | None
    authorities: bytes | None


WatchedTlsFiles: TypeAlias = Watched[TlsContent]


@dataclass(frozen=True)
class TlsFiles:
    """The files of one end of a gRPC channel.

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
        content = TlsContent(_read(self.certificate), _read(self.key or self.certificate), _read(self.authorities))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.certificate is not None:
            load_certificate(context, self.certificate, self.key)
        if self.authorities is not None:
            load_trusted(context, self.authorities)
        return content

    def watched(self) -> WatchedTlsFiles:
        """Return the content, which follows the files.

        Raises:
            InvalidSetting: When the files can't be used.
        """
        return Watched((self.certificate, self.key, self.authorities), self.read)


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSetting(f"{path} can't be read: {error.strerror}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "is not in PEM").lower().replace("_", " ")
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
