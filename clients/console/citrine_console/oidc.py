"""Log-in by an OpenID Connect provider: the authorization code flow with PKCE, and tokens refreshed in time."""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from citrine_console.config import ConsoleSettings
from citrine_sdk import Backoff

__all__ = ["Provider", "ProviderFailed", "ProviderLogin"]

TIMEOUT = 10.0
"""Seconds that the provider may take."""

LOGIN_TIME = 600.0
"""Seconds in which somebody has to log in at the provider."""

MOST_BEGUN = 10_000
"""Log-ins that may be under way at a time; for one more the oldest is forgotten."""

REFRESH_BEFORE = 30.0
"""Seconds before its end that a token is refreshed; half of its time, where that is less."""

_FIRST, _LONGEST = 5.0, 60.0
"""Seconds until a refresh that failed is tried again."""

_logger = logging.getLogger(__name__)

_FAILURES = (httpx2.HTTPError, AuthlibBaseError, ValueError, KeyError, TypeError)


class ProviderFailed(Exception):
    """The provider can't be reached, or refuses.

    Attributes:
        is_final: Whether it refuses for good.
    """

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


@dataclass(frozen=True)
class _Begun:
    """A log-in that somebody began."""

    nonce_cookie: str
    verifier: str
    after: str
    time: float


class ProviderLogin:
    """What the provider gave one person: an access token for the core, refreshed until the log-in ends."""

    def __init__(self, provider: "Provider", token: Mapping[str, Any]) -> None:
        self._provider = provider
        self._token = dict(token)
        self._task: asyncio.Task[None] | None = None
        self._backoff = Backoff(first=_FIRST, longest=_LONGEST)

    def token(self) -> str:
        """Return the access token as it is now."""
        return str(self._token["access_token"])

    def start(self) -> None:
        """Refresh the token in time, until `stop`."""
        self._task = asyncio.create_task(self._refresh(), name="refresh of a token")

    def stop(self) -> None:
        """Let the token expire."""
        if self._task is not None:
            self._task.cancel()

    async def _refresh(self) -> None:
        while self._token.get("refresh_token") and self._token.get("expires_in"):
            lifetime = float(self._token["expires_in"])
            await asyncio.sleep(max(lifetime - REFRESH_BEFORE, lifetime / 2))
            failures = 0
            while True:
                try:
                    self._token.update(await self._provider.refresh(str(self._token["refresh_token"])))
                    break
                except ProviderFailed as error:
                    # Once the token ends, the core refuses it, and its owner is logged out.
                    _logger.warning("a token can't be refreshed", extra={"problem": str(error)})
                    if error.is_final:
                        return
                    failures += 1
                    await self._backoff.sleep(self._backoff.seconds(failures))


class Provider:
    """The provider that the settings name.

    Args:
        settings: Settings of the console.
        callback: URL of the console to which the provider sends browsers back.
    """

    def __init__(self, settings: ConsoleSettings, callback: str) -> None:
        self._settings = settings
        self._callback = callback
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._metadata: dict[str, Any] | None = None

    async def begin(self, after: str) -> tuple[str, str]:
        """Begin a log-in; return the URL at the provider, and what the browser has to bring back in a cookie.

        Raises:
            ProviderFailed: When its discovery document can't be read.
        """
        metadata = await self._discover()
        cookie, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        async with self._client() as client:
            url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        self._begun[state] = _Begun(cookie, verifier, after, time.monotonic())
        while len(self._begun) > MOST_BEGUN:
            self._begun.popitem(last=False)
        return url, cookie

    async def finish(self, state: str, code: str, cookie: str) -> tuple[ProviderLogin, str]:
        """Finish a log-in by what the provider sent a browser back with; return it, and the path to go on at.

        Raises:
            ProviderFailed: When nobody began it in this browser, it took too long, or the provider refuses the code.
        """
        begun = self._begun.pop(state, None)
        if (
            begun is None
            or time.monotonic() - begun.time > LOGIN_TIME
            or not secrets.compare_digest(begun.nonce_cookie, cookie)
        ):
            raise ProviderFailed("this log-in was not begun here, or it is too old")
        metadata = await self._discover()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=begun.verifier, grant_type="authorization_code"
                )
            return ProviderLogin(self, token), begun.after
        except _FAILURES as error:
            raise ProviderFailed(str(error) or type(error).__name__) from error

    async def refresh(self, refresh_token: str) -> Mapping[str, Any]:
        """Return new tokens.

        Raises:
            ProviderFailed: When the provider can't be reached, or refuses.
        """
        metadata = await self._discover()
        try:
            async with self._client() as client:
                found: Mapping[str, Any] = await client.refresh_token(
                    metadata["token_endpoint"], refresh_token=refresh_token
                )
                return found
        except OAuthError as error:
            raise ProviderFailed(str(error), is_final=error.error == "invalid_grant") from error
        except _FAILURES as error:
            raise ProviderFailed(str(error) or type(error).__name__) from error

    def _client(self) -> AsyncOAuth2Client:
        secret = self._settings.console_oidc_client_secret()
        return AsyncOAuth2Client(
            self._settings.console_oidc_client_id,
            secret,
            scope=self._settings.console_oidc_scope,
            redirect_uri=self._callback,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            timeout=TIMEOUT,
            follow_redirects=False,
        )

    async def _discover(self) -> Mapping[str, Any]:
        if self._metadata is None:
            issuer = self._settings.console_oidc_issuer
            try:
                async with httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client:
                    answer = await client.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                answer.raise_for_status()
                metadata = answer.json()
                if metadata["issuer"] != issuer:
                    raise ValueError(f"it calls itself {metadata['issuer']!r}")
                for name in ("authorization_endpoint", "token_endpoint"):
                    str(metadata[name])
            except _FAILURES as error:
                raise ProviderFailed(f"{issuer} has no usable discovery document: {error}") from error
            self._metadata = metadata
        return self._metadata
