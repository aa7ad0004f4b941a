"""The file with the keys that encrypt secrets.

Each line is `KEY_ID KEY_IN_BASE64 TIME`: a key of 256 bits, and since when it encrypts. The latest of those that have
begun encrypts; all of them decrypt. Cores on several hosts need the same file: a key that begins later can be
distributed before.
"""

import binascii
import contextlib
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from citrine_core.ids import new_code

__all__ = ["EncryptionKey", "KeyFile", "KeyFileError"]

KEY_BYTES = 32

_PRIVATE = 0o600


class KeyFileError(Exception):
    """A file of keys that can't be used, said in one line without a key."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """One key."""

    key_id: str
    secret: bytes
    since: datetime
    """When it begins to encrypt."""

    def __repr__(self) -> str:
        return f"EncryptionKey({self.key_id})"


class KeyFile:
    """Reads and writes a file of keys. What it read is retained until the file changes.

    Its methods do blocking input and output.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._keys: tuple[EncryptionKey, ...] = ()

    def read(self) -> tuple[EncryptionKey, ...]:
        """Return the keys; none if there is no file.

        Raises:
            KeyFileError: When it can't be read or understood.
        """
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise KeyFileError(f"{self.path}: {error.strerror}") from None
        seen = (state.st_mtime_ns, state.st_ino)
        if seen != self._seen:
            self._keys, self._seen = tuple(self._parse()), seen
        return self._keys

    def ensure(self, now: datetime) -> tuple[EncryptionKey, ...]:
        """Return the keys; the file is made with a first one, mode 0600, if there is none.

        Raises:
            KeyFileError: When it can't be read, understood or written.
        """
        found = self.read()
        if found:
            return found
        if self.path.exists():
            raise KeyFileError(f"{self.path} has no key")
        with self._written([_new_key(now)]) as temporary, contextlib.suppress(FileExistsError):
            # A link fails where another core was first, and the file is never seen incomplete.
            os.link(temporary, self.path)
        return self.read()

    def rotate(self, since: datetime) -> EncryptionKey:
        """Add a key that encrypts from a time on, and return it.

        Raises:
            KeyFileError: When the file can't be read, understood or written.
        """
        key = _new_key(since)
        with self._written([*self.read(), key]) as temporary:
            temporary.replace(self.path)
        return key

    @contextlib.contextmanager
    def _written(self, keys: list[EncryptionKey]) -> Iterator[Path]:
        """Write keys to a file beside, for the time of a block."""
        temporary = self.path.with_name(f".{self.path.name}.{new_code(8)}")
        text = "".join(
            f"{key.key_id} {b64encode(key.secret).decode()} {key.since.isoformat(timespec='seconds')}\n" for key in keys
        )
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        except OSError as error:
            raise KeyFileError(f"{self.path}: {error.strerror}") from None
        finally:
            temporary.unlink(missing_ok=True)

    def _parse(self) -> Iterator[EncryptionKey]:
        try:
            lines = self.path.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            raise KeyFileError(f"{self.path} can't be read") from None
        for number, line in enumerate(lines, 1):
            try:
                key_id, secret, since = line.split()
                key = EncryptionKey(key_id, b64decode(secret, validate=True), datetime.fromisoformat(since))
                is_key = len(key.secret) == KEY_BYTES and key_id.isalnum() and key.since.tzinfo is not None
            except (ValueError, binascii.Error):
                is_key = False
            if not is_key:
                raise KeyFileError(f"{self.path}: line {number} is not KEY_ID KEY_IN_BASE64 TIME")
            yield key


def _new_key(since: datetime) -> EncryptionKey:
    # To the second, as it is written; never later than now, for which the first key is needed.
    return EncryptionKey(new_code(8), secrets.token_bytes(KEY_BYTES), since.astimezone(UTC).replace(microsecond=0))
