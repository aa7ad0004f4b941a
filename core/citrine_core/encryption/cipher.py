"""The interface of encryption, and the form of what is encrypted: `$aes-256-gcm$KEY_ID$BASE64`.

The id of the key stands beside the text that it encrypted, so several keys may be in use. A text without that form was
stored in clear, by a version that did not encrypt.
"""

from typing import Protocol

from citrine_core.errors import FailedPrecondition

__all__ = ["PREFIX", "Cipher", "NoCipher", "SecretUnreadable", "is_encrypted", "key_id_of"]

PREFIX = "$aes-256-gcm$"
"""What an encrypted text begins with."""


class SecretUnreadable(FailedPrecondition):
    """A stored secret can't be decrypted here: its key is missing, or the text was changed."""


class Cipher(Protocol):
    """Encrypts secrets before they are stored. A key service (KMS) is another implementation.

    Each method may ask another system, so none is called within a transaction of the database.
    """

    async def encrypt(self, secret: str, context: str) -> str:
        """Return a secret in the form to store.

        Args:
            secret: The text.
            context: What it belongs to. It can be decrypted with the same context only.

        Raises:
            FailedPrecondition: When there is no key.
        """
        ...

    async def decrypt(self, stored: str, context: str) -> str:
        """Return a secret from its stored form; one that was stored in clear is returned as it is.

        Raises:
            SecretUnreadable: When its key is missing, or text and context do not belong together.
        """
        ...

    async def current_key(self) -> str:
        """Return the id of the key that encrypts now. Empty: this core encrypts nothing.

        Raises:
            FailedPrecondition: When that can't be found out.
        """
        ...


class NoCipher:
    """The cipher of a core without a key: it reads what is stored in clear, and stores no secret."""

    async def encrypt(self, secret: str, context: str) -> str:
        """Refuse."""
        raise FailedPrecondition(
            "a secret would have to be stored, and the core has no key to encrypt it: set CITRINE_ENCRYPTION_KEY_FILE"
        )

    async def decrypt(self, stored: str, context: str) -> str:
        """Return a secret that is stored in clear."""
        if is_encrypted(stored):
            raise SecretUnreadable(
                f"a secret is encrypted with key {key_id_of(stored)}, and the core has no key: "
                "set CITRINE_ENCRYPTION_KEY_FILE"
            )
        return stored

    async def current_key(self) -> str:
        """Return that there is none."""
        return ""


def is_encrypted(stored: str) -> bool:
    """Return whether a stored text has the form of an encrypted one."""
    return stored.startswith(PREFIX)


def key_id_of(stored: str) -> str:
    """Return the id of the key that encrypted a text."""
    return stored.removeprefix(PREFIX).partition("$")[0]
