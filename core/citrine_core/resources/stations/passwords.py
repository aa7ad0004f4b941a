"""Passwords of stations: hashed with argon2id, verified at admission, generated if none is given."""

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from citrine_core.ids import new_code

__all__ = ["LONGEST", "SHORTEST", "generate_password", "hash_password", "verify"]

SHORTEST = 16
LONGEST = 64
"""Most characters of a password, as OCPP specifies for BasicAuthPassword (A00)."""

GENERATED = 20
"""Characters of a generated password: letters and digits, which no station misreads; 119 bits."""

TIME_COST = 1
"""Passes over the memory."""

MEMORY_COST = 12 * 1024
"""KiB of memory for one hash, which then takes about 7 ms. The passwords are not chosen by people, but random
(A01.FR.07), and a thousand stations may connect at once after a restart. See docs/adr/0006."""

_HASHER = PasswordHasher(
    time_cost=TIME_COST, memory_cost=MEMORY_COST, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)


def hash_password(text: str | bytes) -> str:
    """Return the argon2id hash of a password, with its salt and its costs. Takes some 7 ms of CPU time."""
    return _HASHER.hash(text)


def verify(stored: str, password: bytes) -> bool:
    """Return whether a password, as a station sent it, matches a hash. Takes some 7 ms of CPU time."""
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def generate_password() -> str:
    """Return a new random password."""
    return new_code(GENERATED)
