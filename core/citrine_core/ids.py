"""Ids, names of tenants and stations, and randomness: made here and nowhere else."""

import os
import secrets
import string
import time
import uuid
from datetime import datetime
from typing import NewType

__all__ = [
    "DEFAULT_TENANT",
    "StationId",
    "TenantId",
    "first_id_of",
    "new_code",
    "new_id",
    "new_request_id",
    "new_secret",
]

TenantId = NewType("TenantId", str)
StationId = NewType("StationId", str)

DEFAULT_TENANT = TenantId("default")
"""The tenant that is there from the start, and of station URLs that name none."""


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): unique, and growing with time, which indexes like.

    The milliseconds are followed by 12 bits of their fraction (6.2, method 3): of what a process makes one after
    another the later has the greater id, also within a millisecond.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    noise = int.from_bytes(os.urandom(8), "big") >> 2
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | noise))


def first_id_of(time: datetime) -> str:
    """Return what sorts before every id that `new_id` makes from a time on, and behind those of before."""
    milliseconds = f"{round(time.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"


def new_request_id() -> int:
    """Return a random requestId of OCPP, more than 0."""
    return 1 + secrets.randbelow(2**31 - 1)


def new_secret(length: int = 32) -> str:
    """Return a random secret of that many characters of A-Z a-z 0-9 - and _."""
    return secrets.token_urlsafe(length)[:length]


def new_code(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Return a random text of that many characters of an alphabet, by default letters and digits."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
