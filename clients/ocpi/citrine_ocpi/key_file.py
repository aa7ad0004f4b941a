"""The file with the keys that encrypt the tokens of partners.

Each line is a key of Fernet, and since when it encrypts; the first one, made with the file, says no time. The latest of
those that have begun encrypts, all decrypt. Adapters on several hosts need the same file: a key that begins later can
be distributed before.
"""

import contextlib
import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

__all__ = ["EncryptionKey", "EncryptionKeyError", "KeyFile"]

_PRIVATE = 0o600

_EVER = datetime(1970, 1, 1, tzinfo=UTC)

_logger = logging.getLogger(__name__)


class EncryptionKeyError(Exception):
    """The file of keys can't be used, or has not the key of what is to be decrypted; said without a key."""


@dataclass(frozen=True)
class EncryptionKey:
    """One key."""

    fernet: Fernet
    since: datetime
    """When it begins to encrypt."""


class KeyFile:
    """Reads and writes a file of keys. What it read is retained until the file changes, or while it can't be read.

    Args:
        path: Of the file. One with a key is made where there is none.

    Raises:
        EncryptionKeyError: When it can't be read, written or understood.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: Sequence[EncryptionKey] = ()
        self._problem = ""
        """Why the file can't be read at present, as it was logged."""
        self._make()
        self._read()

    def read(self) -> Sequence[EncryptionKey]:
        """Return the keys in their order: those that it had, as long as it can't be read or understood."""
        try:
            self._read()
            self._problem = ""
        except EncryptionKeyError as error:
            # It may be copied at this moment, or another user's.
            if str(error) != self._problem:
                self._problem = str(error)
                _logger.warning("the keys that were read before are used", extra={"problem": self._problem})
        return self._keys

    def rotate(self, since: datetime) -> None:
        """Add a key that encrypts from a time on. Of several processes that do so, each key is retained.

        Raises:
            EncryptionKeyError: When the file can't be read, written or understood.
        """
        with self._locked():
            self._read()
            try:
                text = self.path.read_text(encoding="ascii")
                key = f"{Fernet.generate_key().decode()} {since.astimezone(UTC).isoformat()}\n"
                with self._written(f"{text.rstrip()}\n{key}", self.path.stat()) as made:
                    made.replace(self.path)
            except OSError as error:
                raise EncryptionKeyError(f"{self.path} can't be written: {error.strerror}") from None

    def _make(self) -> None:
        """Make a file with a key where there is none."""
        try:
            if self.path.exists():
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A link fails where another process was first, and the file is never seen incomplete.
            with self._written(Fernet.generate_key().decode() + "\n") as made, contextlib.suppress(FileExistsError):
                os.link(made, self.path)
        except OSError as error:
            raise EncryptionKeyError(f"{self.path} can't be written: {error.strerror}") from None

    def _read(self) -> None:
        """Read the file, unless it is as it was.

        Raises:
            EncryptionKeyError: When it can't be read or understood.
        """
        try:
            state = self.path.stat()
            seen = (state.st_mtime_ns, state.st_ino, state.st_size)
            if seen != self._seen:
                self._keys, self._seen = self._parse(), seen
        except (OSError, UnicodeDecodeError) as error:
            raise EncryptionKeyError(f"{self.path} can't be used: {error}") from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let no other process write the file for the time of a block.

        The lock is of the directory: the file itself is another one afterwards.
        """
        try:
            descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise EncryptionKeyError(f"{self.path.parent} can't be locked: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _written(self, text: str, like: os.stat_result | None = None) -> Iterator[Path]:
        """Write a file beside for the time of a block.

        Args:
            text: Its content.
            like: Of a file whose owner, group and mode it has. None: it is for its owner alone.
        """
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                if like is not None:
                    made = os.fstat(descriptor)
                    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
                        os.fchown(descriptor, like.st_uid, like.st_gid)
                    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _parse(self) -> Sequence[EncryptionKey]:
        """Return the keys of the file. Several may stand on one line, each with its time or without."""
        found: list[EncryptionKey] = []
        for number, line in enumerate(self.path.read_text(encoding="ascii").splitlines(), 1):
            words = line.split()
            try:
                while words:
                    key = Fernet(words.pop(0))
                    time = _time(words[0]) if words else None
                    if time is not None:
                        words.pop(0)
                    found.append(EncryptionKey(key, time or _EVER))
            except ValueError:
                raise EncryptionKeyError(f"{self.path}: line {number} is no key of Fernet with a time") from None
        if not found:
            raise EncryptionKeyError(f"{self.path} has no key")
        return found


def _time(word: str) -> datetime | None:
    """Return the time that a word says. None: it says none."""
    try:
        return datetime.fromisoformat(word).astimezone(UTC)
    except ValueError:
        return None
