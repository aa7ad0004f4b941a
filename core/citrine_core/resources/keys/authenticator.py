"""Identifies callers by the API key in the metadata."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from citrine_core.clock import Clock, utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import Unauthenticated
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.reading import KeyReader
from citrine_core.resources.keys.secrets import KeyText, is_secret, read_key
from citrine_core.resources.keys.uses import KeyUses
from citrine_core.rpc.access import Identity, bearer_token

__all__ = ["KeyAuthenticator"]

REMEMBERED = 5.0
"""Seconds for which a key is cached; a revoked key may remain valid for as long."""


@dataclass(frozen=True, slots=True)
class _Known:
    secret_hash: bytes
    identity: Identity
    expire_time: datetime | None
    revoke_time: datetime | None
    until: float


class KeyAuthenticator:
    """Authenticates callers by API keys, with a cache of the keys that were used recently.

    Args:
        unit_of_work: Opens units of work to read keys.
        clock: The clock by which keys expire.
        now: The monotonic clock of the cache, in seconds.
    """

    def __init__(
        self, unit_of_work: UnitOfWorkFactory, clock: Clock = utc_now, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.uses = KeyUses(unit_of_work)
        self._keys = KeyReader(unit_of_work)
        self._clock = clock
        self._now = now
        self._known: dict[str, _Known] = {}

    async def authenticate(self, metadata: Mapping[str, str]) -> Identity | None:
        """Return the owner of the key, or None if there is no key or it is wrong.

        Raises:
            Unauthenticated: When the key was valid once. Only a caller with the right secret gets this error.
            DatabaseUnavailable: When the key is not cached and can't be read now.
            Overloaded: When the key is not cached and too many callers wait for the database.
        """
        key = read_key(bearer_token(metadata) or "")
        if key is None:
            return None
        known = self._known.get(key.key_id)
        if known is None or known.until <= self._now():
            known = await self._read(key)
        if known is None or not is_secret(key, known.secret_hash):
            return None
        now = self._clock()
        if known.revoke_time is not None:
            raise Unauthenticated(f"the API key is not valid any more: it was revoked at {_word(known.revoke_time)}")
        if known.expire_time is not None and known.expire_time <= now:
            raise Unauthenticated(f"the API key is not valid any more: it expired at {_word(known.expire_time)}")
        self.uses.add(key.key_id, now)
        return known.identity

    async def _read(self, key: KeyText) -> _Known | None:
        row = await self._keys.find(key.key_id)
        # Only keys that exist are cached, because callers may try any number of ids.
        if row is None:
            self._known.pop(key.key_id, None)
            return None
        known = _Known(row.secret_hash, _identity_of(row), row.expire_time, row.revoke_time, self._now() + REMEMBERED)
        self._known[key.key_id] = known
        return known


def _identity_of(row: ApiKey) -> Identity:
    return Identity(
        name=row.display_name,
        tenant_id=row.tenant_id,
        scopes=frozenset(row.scopes.split()),
        roles=frozenset(row.roles.split()),
        key_id=row.key_id,
        # The expiry of a key in a file only limits how long it outlives its core: it may create keys without expiry.
        expire_time=None if row.key_file is not None else row.expire_time,
    )


def _word(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
