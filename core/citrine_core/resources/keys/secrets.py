"""The text of API keys: generation, parsing and verification."""

import hashlib
import hmac
import re
import string
from dataclasses import dataclass

from citrine_core.ids import new_code, new_secret

__all__ = ["KeyText", "is_secret", "new_key", "read_key"]

ID_LENGTH = 12
"""Number of lower-case letters and digits, which have no meaning in a shell or a URL."""

SECRET_LENGTH = 43
"""Number of characters of 6 bits each: 258 random bits."""

_KEY = re.compile(rf"citrine_([a-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9_-]{{{SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """The parts of an API key."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"citrine_{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeyText({self.key_id!r})"

    @property
    def secret_hash(self) -> bytes:
        """The hash of the secret, which is stored.

        The hash is a fast one, unlike that of a password, because nobody can guess 256 random bits, and because it is
        computed for every rpc.
        """
        return hashlib.sha256(self.secret.encode()).digest()


def new_key() -> KeyText:
    """Return a new random key."""
    return KeyText(new_code(ID_LENGTH, string.ascii_lowercase + string.digits), new_secret(SECRET_LENGTH))


def read_key(text: str) -> KeyText | None:
    """Return the parts of a key, or None if the text is no key."""
    found = _KEY.fullmatch(text)
    return KeyText(found[1], found[2]) if found else None


def is_secret(key: KeyText, stored: bytes) -> bool:
    """Return whether the secret of a key matches a stored hash, in constant time."""
    return hmac.compare_digest(key.secret_hash, stored)
