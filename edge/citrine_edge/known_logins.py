"""The last credential with which each station was let in: who brings it again is no guesser."""

from collections import OrderedDict
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes

from citrine_edge.handshake import Identity

__all__ = ["KnownLogins"]

MOST = 50_000
"""Stations that are remembered, in some 10 MB; those that were let in least recently are forgotten."""


class KnownLogins:
    """Recognises credentials that a core accepted, without storing them.

    It says nothing of whether they are still valid: a core decides on each handshake. It says who is exempt from the
    limits for those who fail, so that nobody can lock out a station by failing in its name, or from its address.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._key = token_bytes(32)
        self._digests: OrderedDict[Identity, bytes] = OrderedDict()

    def add(self, identity: Identity, credential: bytes) -> None:
        """Remember a credential with which a station was let in."""
        self._digests[identity] = self._digest(credential)
        self._digests.move_to_end(identity)
        if len(self._digests) > self._most:
            self._digests.popitem(last=False)

    def knows(self, identity: Identity, credential: bytes) -> bool:
        """Return whether a station was let in last with this credential."""
        known = self._digests.get(identity)
        return known is not None and compare_digest(known, self._digest(credential))

    def _digest(self, credential: bytes) -> bytes:
        return blake2b(credential, key=self._key, digest_size=16).digest()
