"""The public keys of an OpenID Connect provider, fetched in the background."""

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from typing import Any

import jwt

from citrine_core.errors import IssuerUnavailable, Overloaded
from citrine_core.jobs import Job
from citrine_core.oidc.rules import TokenRules, is_safe_url

__all__ = ["IssuerKey", "IssuerKeys"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(minutes=5)
"""How often the keys are fetched. A key that the provider withdraws is valid for as long at most."""

RETRY = 10.0
"""Shortest time in seconds between two fetches, whatever keys callers name."""

TIMEOUT = 5.0
"""Seconds that the provider has for each answer."""

MOST_BYTES = 512 * 1024
"""Most bytes of an answer."""

MOST_WAITING = 100
"""Callers that may wait for a fetch, because their token names a key that is not known yet."""

_KINDS = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("EdDSA",)}
"""First letters of the algorithms by the kind of key. Symmetric keys are no public keys."""


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key, and which algorithms it is for."""

    key: Any
    kind: str
    algorithm: str
    """The only one that it is for. Empty: all of its kind."""

    def fits(self, algorithm: str) -> bool:
        """Return whether it may verify a signature by an algorithm."""
        return algorithm.startswith(_KINDS[self.kind]) and self.algorithm in ("", algorithm)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from where the settings say, and from nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class IssuerKeys:
    """Keys by their id, fetched at the start, at an interval, and when a token names one that is not known.

    So a provider may change its keys at any time. While it can't be reached, the keys that are known stay valid.

    Args:
        rules: Where the keys are.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, rules: TokenRules, now: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._now = now
        self._keys: Mapping[str, IssuerKey] = {}
        self._last_fetch = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._waiting = 0
        self._is_failing = False
        self._open = urllib.request.build_opener(_NoRedirect).open
        self.job = Job("keys of the token issuer", INTERVAL, self.refresh, at_start=True)

    async def find(self, key_id: str) -> IssuerKey | None:
        """Return a key, or None if the provider has none with this id.

        Args:
            key_id: Id of the key. Empty: a token may omit it if there is one key only.

        Raises:
            IssuerUnavailable: When no keys are known, because they could not be fetched yet.
            Overloaded: When too many callers wait for keys that are not known.
        """
        found = self._known(key_id)
        if found is None and self._now() - self._last_fetch >= RETRY:
            if self._waiting >= MOST_WAITING:
                raise Overloaded("tokens with unknown keys")
            self._waiting += 1
            try:
                await self.refresh()
            finally:
                self._waiting -= 1
            found = self._known(key_id)
        if not self._keys:
            raise IssuerUnavailable
        return found

    async def refresh(self) -> None:
        """Fetch the keys. If that fails, those that are known stay. Concurrent calls share one fetch."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._refresh(), name="keys of the token issuer")
        # A caller who goes away does not end it for the others.
        await asyncio.shield(self._fetching)

    def _known(self, key_id: str) -> IssuerKey | None:
        if key_id or len(self._keys) != 1:
            return self._keys.get(key_id)
        return next(iter(self._keys.values()))

    async def _refresh(self) -> None:
        try:
            self._keys = await asyncio.to_thread(self._fetch)
        except (OSError, HTTPException, ValueError, jwt.PyJWTError) as error:
            if not self._is_failing:
                about = {"issuer": self._rules.issuer, "error": str(error)[:200]}
                logger.warning("the keys of the token issuer can't be fetched; those that are known stay", extra=about)
            self._is_failing = True
        else:
            if self._is_failing:
                logger.info("the keys of the token issuer are fetched again", extra={"issuer": self._rules.issuer})
            self._is_failing = False
        finally:
            self._last_fetch = self._now()

    def _fetch(self) -> Mapping[str, IssuerKey]:
        keys = self._read(self._rules.jwks_url or self._discover()).get("keys")
        found = dict(filter(None, map(_key_of, keys if isinstance(keys, list) else ())))
        if not found:
            raise ValueError("there is no key for signatures")
        return found

    def _discover(self) -> str:
        document = self._read(f"{self._rules.issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != self._rules.issuer:
            raise ValueError(f"the discovery document is of the issuer {str(document.get('issuer'))[:100]}")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not is_safe_url(url):
            raise ValueError("jwks_uri of the discovery document is no https URL")
        return url

    def _read(self, url: str) -> dict[str, Any]:
        with self._open(url, timeout=TIMEOUT) as answer:
            data = answer.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
        found = json.loads(data)
        if not isinstance(found, dict):
            raise ValueError("the answer is no JSON object")
        return found


def _key_of(given: Any) -> tuple[str, IssuerKey] | None:
    """Return id and key of an entry of a JWK set; None if it is none for signatures, or of a kind that is not known."""
    if not isinstance(given, dict) or given.get("kty") not in _KINDS or given.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(given).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return str(given.get("kid", "")), IssuerKey(key, given["kty"], str(given.get("alg", "")))
