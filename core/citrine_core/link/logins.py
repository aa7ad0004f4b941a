"""Logins that were verified before, so that a reconnect storm does not pay for them again."""

import hashlib
import secrets
from collections import OrderedDict

__all__ = ["RememberedLogins"]

MAX_REMEMBERED = 200_000
"""Logins to remember at most; the least recently used is forgotten first. Some 20 MB."""


class RememberedLogins:
    """Knows which passwords were right, without knowing them.

    What is kept is a hash under a key that exists only in the memory of this process: of no use to whoever gets hold
    of it later. A station's new credential version forgets its old logins, for they are asked for by version.
    """

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def add(self, tenant_id: str, station_id: str, version: int, password: bytes) -> None:
        """Remember a password that was right."""
        self._known[self._digest(tenant_id, station_id, version, password)] = None
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def knows(self, tenant_id: str, station_id: str, version: int, password: bytes) -> bool:
        """Return whether a password was right before."""
        digest = self._digest(tenant_id, station_id, version, password)
        if digest not in self._known:
            return False
        self._known.move_to_end(digest)
        return True

    def _digest(self, tenant_id: str, station_id: str, version: int, password: bytes) -> bytes:
        # NUL is in no id, so that no two logins have the same text.
        login = f"{tenant_id}\0{station_id}\0{version}\0".encode() + password
        return hashlib.blake2b(login, key=self._key, digest_size=24).digest()
