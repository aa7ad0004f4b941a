"""Encryption of the tokens that partners gave us, which have to be read again to be sent."""

from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.key_file import EncryptionKeyError, KeyFile

__all__ = ["EncryptionKeyError", "TokenCipher"]


class TokenCipher:
    """Encrypts by the present key of a file, and decrypts by all of them. The file is made where there is none.

    The file is read again once it changed, so that processes that run learn of a key that a command added.

    Args:
        file: The keys.
        clock: Returns the time now.

    Raises:
        EncryptionKeyError: When it can't be read, written or understood.
    """

    def __init__(self, file: Path, clock: Clock = utc_now) -> None:
        self._file = KeyFile(file)
        self._clock = clock
        self._file.read()

    def rotate(self, since: datetime) -> None:
        """Have another key encrypt from a time on.

        Raises:
            EncryptionKeyError: When the file can't be read or written.
        """
        self._file.rotate(since)

    def encrypt(self, token: str, partner_id: str) -> str:
        """Return a token in the form to store, which only this partner's row can be read with."""
        return self._present().encrypt(f"{partner_id}\n{token}".encode()).decode("ascii")

    def decrypt(self, stored: str, partner_id: str) -> str:
        """Return a token from its stored form.

        Raises:
            EncryptionKeyError: When its key is not in the file, or it is another partner's.
        """
        keys = MultiFernet([one.fernet for one in self._file.read()])
        try:
            owner, _, token = keys.decrypt(stored.encode("ascii")).decode().partition("\n")
        except (InvalidToken, UnicodeError):
            raise EncryptionKeyError(
                f"{self._file.path} lacks the key that encrypted the token of {partner_id}"
            ) from None
        if owner != partner_id:
            raise EncryptionKeyError(f"the stored token of {partner_id} is another partner's")
        return token

    def encrypted_anew(self, stored: str, partner_id: str) -> str:
        """Return a token in the form to store, encrypted by the present key: as it is, where that is its key.

        Raises:
            EncryptionKeyError: When its key is not in the file, or it is another partner's.
        """
        try:
            self._present().decrypt(stored.encode("ascii"))
        except (InvalidToken, UnicodeError):
            return self.encrypt(self.decrypt(stored, partner_id), partner_id)
        return stored

    def _present(self) -> Fernet:
        """Return the key that encrypts: the latest that has begun, of several the first; else the first of all."""
        keys, now = self._file.read(), self._clock()
        begun = [one for one in keys if one.since <= now] or keys[:1]
        return max(begun, key=lambda one: one.since).fernet
