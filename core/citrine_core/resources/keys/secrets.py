"""The text of API keys: how one is made, read and recognised."""

import hashlib
import hmac
import re
import string
from dataclasses import dataclass

from citrine_core.ids import new_code, new_secret

__all__ = ["KeyText", "is_secret", "new_key", "read_key"]

ID_LENGTH = 12
"""Lower-case letters and digits, which have no meaning in a shell or a URL."""

SECRET_LENGTH = 43
"""Characters of 6 bits each: 258 random bits."""

_KEY = re.compile(rf"citrine_([a-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9_-]{{{SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """An API key taken apart."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"citrine_{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeyText({self.key_id!r})"

    @property
    def secret_hash(self) -> bytes:
        """What is stored of the secret.

        A plain hash, where a password would need a slow one: nobody can guess 256 random bits, however fast, and
        it is computed for every rpc.
        """
        return hashlib.sha256(self.secret.encode()).digest()


def new_key() -> KeyText:
    """Return a new random key."""
    return KeyText(new_code(ID_LENGTH, string.ascii_lowercase + string.digits), new_secret(SECRET_LENGTH))


def read_key(text: str) -> KeyText | None:
    """Return the parts of a key, or None for what is none."""
    found = _KEY.fullmatch(text)
    return KeyText(found[1], found[2]) if found else None


def is_secret(key: KeyText, stored: bytes) -> bool:
    """Return whether the secret of a key is the one of a stored hash, in constant time."""
    return hmac.compare_digest(key.secret_hash, stored)
