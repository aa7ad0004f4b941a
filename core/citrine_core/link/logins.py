"""Cache of verified logins, so that a reconnect storm need not hash each password again."""

import hashlib
import secrets
from collections import OrderedDict

__all__ = ["RememberedLogins"]

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
