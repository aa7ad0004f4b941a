"""Encryption of the tokens that partners gave us, which have to be read again to be sent."""

import contextlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

__all__ = ["EncryptionKeyError", "TokenCipher"]

_PRIVATE = 0o600


class EncryptionKeyError(Exception):
    """The file of keys can't be used, or has not the key of what is to be decrypted; said without a key."""


class TokenCipher:
    """Encrypts by the first key of a file, and decrypts by all of them. The file is made where there is none.

    Args:
        file: Keys of Fernet, one a line.

    Raises:
        EncryptionKeyError: When it can't be read, written or understood.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            if not file.exists():
                _make(file)
            lines = file.read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError) as error:
            raise EncryptionKeyError(f"{file} can't be used: {error}") from None
        try:
            self._keys = MultiFernet([Fernet(line) for line in lines])
        except ValueError:
            raise EncryptionKeyError(f"{file} does not have a key of Fernet on each line") from None

    def encrypt(self, token: str, partner_id: str) -> str:
        """Return a token in the form to store, which only this partner's row can be read with."""
        return self._keys.encrypt(f"{partner_id}\n{token}".encode()).decode("ascii")

    def decrypt(self, stored: str, partner_id: str) -> str:
        """Return a token from its stored form.

        Raises:
            EncryptionKeyError: When its key is not in the file, or it is another partner's.
        """
        try:
            owner, _, token = self._keys.decrypt(stored.encode("ascii")).decode().partition("\n")
        except (InvalidToken, UnicodeError):
            raise EncryptionKeyError(f"{self._file} lacks the key that encrypted the token of {partner_id}") from None
        if owner != partner_id:
            raise EncryptionKeyError(f"the stored token of {partner_id} is another partner's")
        return token


def _make(file: Path) -> None:
    """Write a file with one key, for its owner alone; who is first wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(Fernet.generate_key() + b"\n")
            written.flush()
            os.fsync(written.fileno())
        with contextlib.suppress(FileExistsError):
            # A link fails where another process was first, and the file is never seen incomplete.
            os.link(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
