"""Logins by password: which hashes count, and a cache, so that a reconnect storm need not hash each password again."""

import hashlib
import os
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Row

from citrine_core.resources.stations.candidates import candidates_of
from citrine_core.resources.stations.passwords import is_fast, verify

__all__ = ["RememberedLogins", "fast_match", "hashes_of", "password_threads"]

MAX_REMEMBERED = 200_000
"""Size of the cache, about 20 MB; the least recently used login is evicted first."""


class RememberedLogins:
    """Recognises passwords that were verified before, without storing them.

    It stores a hash under a key that exists only in the memory of this process, so the hash is useless elsewhere. Keys
    contain the credential version of the station, so that a new version invalidates its old logins.
    """

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def add(self, tenant_id: str, station_id: str, version: int, password: bytes) -> None:
        """Add a password that was verified."""
        self._known[self._digest(tenant_id, station_id, version, password)] = None
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def knows(self, tenant_id: str, station_id: str, version: int, password: bytes) -> bool:
        """Return whether a password was verified before."""
        digest = self._digest(tenant_id, station_id, version, password)
        if digest not in self._known:
            return False
        self._known.move_to_end(digest)
        return True

    def _digest(self, tenant_id: str, station_id: str, version: int, password: bytes) -> bytes:
        # No id contains NUL, so the text is unambiguous.
        login = f"{tenant_id}\0{station_id}\0{version}\0".encode() + password
        return hashlib.blake2b(login, key=self._key, digest_size=24).digest()


def hashes_of(row: Row[*tuple[Any, ...]]) -> list[str]:
    """Return the hashes of a station's password, and of those that were sent to it and may be its password."""
    candidates = [one.password_hash for one in candidates_of(row.next_password_hash)]
    return [known for known in (row.password_hash, *candidates) if known]


def fast_match(hashes: Sequence[str], passwords: Sequence[bytes]) -> str | None:
    """Return the hash of a generated password that one of the passwords matches, or None."""
    generated = (known for known in hashes if is_fast(known))
    return next((known for known in generated if any(verify(known, password) for password in passwords)), None)


def password_threads() -> ThreadPoolExecutor:
    """Return the threads in which slow hashes are verified."""
    # One verification needs 12 MiB and about 7 ms of CPU. More threads would only delay the event loop.
    return ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1), thread_name_prefix="password")
