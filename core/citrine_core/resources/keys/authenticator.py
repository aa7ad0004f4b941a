"""Tells who calls by the API key in the metadata."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from citrine_core.clock import Clock, utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.repository import KeyRepository
from citrine_core.resources.keys.secrets import KeyText, is_secret, read_key
from citrine_core.rpc.access import Identity, bearer_token

__all__ = ["KeyAuthenticator"]

REMEMBERED = 5.0
"""Seconds for which a key is not read again, and so at most a revoked one still counts."""


@dataclass(frozen=True, slots=True)
class _Known:
    secret_hash: bytes
    identity: Identity
    until: float


class KeyAuthenticator:
    """Knows API keys, and keeps those that were used lately in memory.

    Args:
        unit_of_work: Where they are stored.
        clock: Tells whether one has expired.
        now: Tells how long one is remembered.
    """

    def __init__(
        self, unit_of_work: UnitOfWorkFactory, clock: Clock = utc_now, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._now = now
        self._known: dict[str, _Known] = {}

    async def authenticate(self, metadata: Mapping[str, str]) -> Identity | None:
        """Return whom the key belongs to, or None where there is none, or one that is wrong, revoked or expired.

        Raises:
            DatabaseUnavailable: When the key is not in memory and can't be read now.
        """
        key = read_key(bearer_token(metadata) or "")
        if key is None:
            return None
        known = self._known.get(key.key_id)
        if known is None or known.until <= self._now():
            known = await self._read(key)
        if known is None or not is_secret(key, known.secret_hash):
            return None
        expire_time = known.identity.expire_time
        if expire_time is not None and expire_time <= self._clock():
            return None
        return known.identity

    async def _read(self, key: KeyText) -> _Known | None:
        async with self._unit_of_work(read_only=True) as work:
            row = await KeyRepository(work.session).find(key.key_id)
        # Only keys that exist are remembered: the ids that somebody may try are without number.
        if row is None or row.revoke_time is not None:
            self._known.pop(key.key_id, None)
            return None
        known = _Known(row.secret_hash, _identity_of(row), self._now() + REMEMBERED)
        self._known[key.key_id] = known
        return known


def _identity_of(row: ApiKey) -> Identity:
    return Identity(
        name=row.display_name,
        tenant_id=row.tenant_id,
        scopes=frozenset(row.scopes.split()),
        key_id=row.key_id,
        expire_time=row.expire_time,
    )
