"""Encryption by the keys of a file: AES-256-GCM, with a random nonce for each text."""

import asyncio
import binascii
import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from citrine_core.clock import Clock, utc_now
from citrine_core.encryption.cipher import SecretUnreadable, is_encrypted, key_id_of, mark_of
from citrine_core.encryption.key_file import EncryptionKey, KeyFile, KeyFileError
from citrine_core.errors import FailedPrecondition

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["AesGcmCipher"]

SCHEME = "aes-256-gcm"

NONCE_BYTES = 12


class AesGcmCipher:
    """Encrypts by the present key of a file, which is made if there is none.

    A change of the file, also by another process, counts from the next text on.

    Args:
        file: The keys.
        clock: Returns the time now.
    """

    def __init__(self, file: KeyFile, clock: Clock = utc_now) -> None:
        self._file = file
        self._clock = clock

    async def encrypt(self, secret: str, context: str) -> str:
        """Return a secret in the form to store.

        Raises:
            FailedPrecondition: When the file can't be read or written.
        """
        key = await self._current()
        nonce = secrets.token_bytes(NONCE_BYTES)
        encrypted = nonce + _aes_gcm(key).encrypt(nonce, secret.encode(), _bound(key.key_id, context))
        return f"{mark_of(SCHEME, key.key_id)}{b64encode(encrypted).decode()}"

    async def decrypt(self, stored: str, context: str) -> str:
        """Return a secret from its stored form.

        Raises:
            SecretUnreadable: When its key is not in the file, or text and context do not belong together.
        """
        if not is_encrypted(stored):
            return stored
        key_id = key_id_of(stored)
        try:
            keys = {key.key_id: key for key in await asyncio.to_thread(self._file.read)}
        except KeyFileError as error:
            raise SecretUnreadable(f"a secret can't be decrypted: {error}") from error
        if key_id not in keys:
            raise SecretUnreadable(f"a secret is encrypted with key {key_id}, which the encryption key file lacks")
        # Imported only where secrets are: the import takes time and memory.
        from cryptography.exceptions import InvalidTag

        try:
            encrypted = b64decode(stored.rpartition("$")[2], validate=True)
            text = _aes_gcm(keys[key_id]).decrypt(
                encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], _bound(key_id, context)
            )
        except (InvalidTag, ValueError, binascii.Error):
            raise SecretUnreadable(f"a secret that key {key_id} encrypted was changed") from None
        return text.decode()

    async def current_mark(self) -> str:
        """Return what texts begin with that the present key encrypts.

        Raises:
            FailedPrecondition: When the file can't be read or written.
        """
        return mark_of(SCHEME, (await self._current()).key_id)

    async def _current(self) -> EncryptionKey:
        now = self._clock()
        try:
            keys = await asyncio.to_thread(self._file.ensure, now)
        except KeyFileError as error:
            raise FailedPrecondition(f"secrets can't be encrypted: {error}") from error
        begun = sorted((key for key in keys if key.since <= now), key=lambda key: key.since)
        if not begun:
            raise FailedPrecondition("secrets can't be encrypted: no key of the encryption key file has begun")
        # Of two with the same time the one that was added later.
        return begun[-1]


def _aes_gcm(key: EncryptionKey) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key.secret)


def _bound(key_id: str, context: str) -> bytes:
    return f"{key_id}\n{context}".encode()
