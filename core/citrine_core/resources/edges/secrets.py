"""The credential of an edge as text: generation, parsing and verification."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from citrine_core.ids import new_secret

__all__ = ["EDGE_NAME", "EdgeCredential", "new_credential", "read_credential"]

EDGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""The form of the names of edges."""

SECRET_LENGTH = 43
"""Number of characters of 6 bits each: 258 random bits."""

_CREDENTIAL = re.compile(rf"edge:({EDGE_NAME.pattern}):([A-Za-z0-9_-]{{{SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class EdgeCredential:
    """The parts of a credential."""

    edge_name: str
    secret: str

    def __str__(self) -> str:
        return f"edge:{self.edge_name}:{self.secret}"

    def __repr__(self) -> str:
        return f"EdgeCredential({self.edge_name!r})"

    @property
    def secret_hash(self) -> bytes:
        """The hash of the secret, which is stored; a fast one, because nobody can guess 256 random bits."""
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, stored: bytes | None) -> bool:
        """Return whether a stored hash is that of the secret, in constant time."""
        return stored is not None and hmac.compare_digest(self.secret_hash, stored)


def new_credential(edge_name: str) -> EdgeCredential:
    """Return a new random credential."""
    return EdgeCredential(edge_name, new_secret(SECRET_LENGTH))


def read_credential(text: str) -> EdgeCredential | None:
    """Return the parts of a credential, or None if the text is none."""
    found = _CREDENTIAL.fullmatch(text)
    return EdgeCredential(found[1], found[2]) if found else None
