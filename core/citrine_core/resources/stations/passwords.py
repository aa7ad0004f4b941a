"""Passwords of stations: generated if none is given, hashed, and verified at admission.

The form of a hash says how it was made: ``$argon2id$…`` of a password that somebody chose, ``$hmac-sha256$…`` of one
that was generated here. Only `hash_generated` makes the latter, and only `generate_password` what it is given: a
password that comes from outside is hashed slowly, however random it looks. See docs/adr/0021.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from citrine_core.ids import new_code

__all__ = [
    "GENERATED",
    "LONGEST",
    "SHORTEST",
    "generate_password",
    "hash_generated",
    "hash_password",
    "is_fast",
    "verify",
]

SHORTEST = 16
LONGEST = 64
"""Most characters of a password, as OCPP specifies for BasicAuthPassword (A00)."""

GENERATED = 20
"""Characters of a generated password: letters and digits, which no station misreads; 119 bits."""

TIME_COST = 1
"""Passes over the memory."""

MEMORY_COST = 12 * 1024
"""KiB of memory for one hash, which then takes about 7 ms. Stations are given random passwords (A01.FR.07), and a
thousand of them may connect at once after a restart. See docs/adr/0006."""

_HASHER = PasswordHasher(
    time_cost=TIME_COST, memory_cost=MEMORY_COST, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)

_FAST = "$hmac-sha256$"
"""What the hash of a generated password begins with; key and digest follow, in base64."""


def hash_password(text: str | bytes) -> str:
    """Return the argon2id hash of a password, with its salt and its costs. Takes some 7 ms of CPU time."""
    return _HASHER.hash(text)


def hash_generated(text: str) -> str:
    """Return the hash of a password that `generate_password` returned: HMAC-SHA256 under a random key.

    It takes microseconds, also for who wants to guess; but nobody guesses 119 random bits.
    """
    key = secrets.token_bytes(16)
    return f"{_FAST}{b64encode(key).decode()}${b64encode(_digest(key, text.encode())).decode()}"


def is_fast(stored: str) -> bool:
    """Return whether a hash is one of `hash_generated`, which `verify` compares in microseconds."""
    return stored.startswith(_FAST)


def verify(stored: str, password: bytes) -> bool:
    """Return whether a password, as a station sent it, matches a hash.

    Takes some 7 ms of CPU time, if the hash is not `is_fast`.
    """
    if is_fast(stored):
        key, _, digest = stored.removeprefix(_FAST).partition("$")
        return hmac.compare_digest(_digest(b64decode(key), password), b64decode(digest))
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def generate_password(length: int = GENERATED) -> str:
    """Return a new random password (A01.FR.07)."""
    return new_code(length)


def _digest(key: bytes, password: bytes) -> bytes:
    return hmac.digest(key, password, hashlib.sha256)
