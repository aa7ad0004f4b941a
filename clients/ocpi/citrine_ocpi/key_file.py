"""The file with the keys that encrypt the tokens of partners.

Each line is a key of Fernet, and since when it encrypts; the first one, made with the file, says no time. The latest of
those that have begun encrypts, all decrypt. Adapters on several hosts need the same file: a key that begins later can
be distributed before.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

__all__ = ["EncryptionKey", "EncryptionKeyError", "KeyFile"]

_PRIVATE = 0o600

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class EncryptionKeyError(Exception):
    """The file of keys can't be used, or has not the key of what is to be decrypted; said without a key."""


@dataclass(frozen=True)
class EncryptionKey:
    """One key."""

    fernet: Fernet
    since: datetime
    """When it begins to encrypt."""


class KeyFile:
    """Reads and writes a file of keys. What it read is retained until the file changes.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._keys: Sequence[EncryptionKey] = ()

    def read(self) -> Sequence[EncryptionKey]:
        """Return the keys in their order. A file with one is made where there is none.

        Raises:
            EncryptionKeyError: When it can't be read, written or understood.
        """
        try:
            if not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # A link fails where another process was first, and the file is never seen incomplete.
                with self._written(Fernet.generate_key().decode() + "\n") as made, contextlib.suppress(FileExistsError):
                    os.link(made, self.path)
            state = self.path.stat()
            seen = (state.st_mtime_ns, state.st_ino)
            if seen != self._seen:
                self._keys, self._seen = [*self._parse()], seen
        except (OSError, UnicodeDecodeError) as error:
            raise EncryptionKeyError(f"{self.path} can't be used: {error}") from None
        return self._keys

    def rotate(self, since: datetime) -> None:
        """Add a key that encrypts from a time on.

        Raises:
            EncryptionKeyError: When the file can't be read, written or understood.
        """
        self.read()
        try:
            text = self.path.read_text(encoding="ascii")
            key = f"{Fernet.generate_key().decode()} {since.astimezone(UTC).isoformat()}\n"
            with self._written(f"{text.rstrip()}\n{key}") as made:
                made.replace(self.path)
        except OSError as error:
            raise EncryptionKeyError(f"{self.path} can't be written: {error.strerror}") from None

    @contextlib.contextmanager
    def _written(self, text: str) -> Iterator[Path]:
        """Write a file beside, for its owner alone, for the time of a block."""
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _parse(self) -> Iterator[EncryptionKey]:
        lines = [line.split() for line in self.path.read_text(encoding="ascii").splitlines() if line.strip()]
        for number, line in enumerate(lines, 1):
            try:
                key, *since = line
                (time,) = map(datetime.fromisoformat, since or [_EVER.isoformat()])
                found = EncryptionKey(Fernet(key), time.astimezone(UTC))
            except ValueError:
                raise EncryptionKeyError(f"{self.path}: line {number} is no key of Fernet with a time") from None
            yield found
        if not lines:
            raise EncryptionKeyError(f"{self.path} has no key")
