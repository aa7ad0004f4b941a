"""The interface of encryption, and the form of what is encrypted: `$SCHEME$KEY_ID$TEXT`.

The id of the key stands beside the text that it encrypted, so several keys may be in use. A text without that form was
stored in clear, by a version that did not encrypt.
"""

import re
from typing import Protocol

from citrine_core.errors import FailedPrecondition

__all__ = ["Cipher", "NoCipher", "SecretUnreadable", "is_encrypted", "key_id_of", "mark_of"]

_MARK = re.compile(r"\$(?:aes-256-gcm|vault-transit)\$([^$]+)\$")
"""What an encrypted text begins with, by any scheme."""


class SecretUnreadable(FailedPrecondition):
    """A stored secret can't be decrypted here: its key is missing, or the text was changed."""


class Cipher(Protocol):
    """Encrypts secrets before they are stored: by keys of a file, or by a key service (KMS).

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

    async def current_mark(self) -> str:
        """Return what texts begin with that the present key encrypts. Empty: this core encrypts nothing.

        Raises:
            FailedPrecondition: When that can't be found out.
        """
        ...


class NoCipher:
    """The cipher of a core without a key: it reads what is stored in clear, and stores no secret."""

    async def encrypt(self, secret: str, context: str) -> str:
        """Refuse."""
        raise FailedPrecondition(
            "a secret would have to be stored, and the core has no key to encrypt it: set CITRINE_ENCRYPTION_KEY_FILE "
            "or CITRINE_ENCRYPTION_KEY_URL"
        )

    async def decrypt(self, stored: str, context: str) -> str:
        """Return a secret that is stored in clear."""
        if is_encrypted(stored):
            raise SecretUnreadable(
                f"a secret is encrypted with key {key_id_of(stored)}, and the core does not have it: "
                "set CITRINE_ENCRYPTION_KEY_FILE or CITRINE_ENCRYPTION_KEY_URL"
            )
        return stored

    async def current_mark(self) -> str:
        """Return that there is none."""
        return ""


def is_encrypted(stored: str) -> bool:
    """Return whether a stored text has the form of an encrypted one."""
    return _MARK.match(stored) is not None


def key_id_of(stored: str) -> str:
    """Return the id of the key that encrypted a text; empty if it is in clear."""
    found = _MARK.match(stored)
    return "" if found is None else found[1]


def mark_of(scheme: str, key_id: str) -> str:
    """Return what texts begin with that a key encrypted."""
    return f"${scheme}${key_id}$"
