"""Authorization of tokens by the local list, the CSMS or, while it can't be reached, the cache (block C)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import CallFailedError

__all__ = ["Authorization"]

logger = logging.getLogger(__name__)

CallCsms = Callable[[str, Mapping[str, Any]], Coroutine[Any, Any, dict[str, Any]]]


class Authorization:
    """Authorizes tokens, and caches those that the CSMS accepted."""

    def __init__(self, model: DeviceModel, call: CallCsms, online: asyncio.Event, valid_tokens: frozenset[str]) -> None:
        self._model = model
        self._call = call
        self._online = online
        self._valid = valid_tokens
        self._cache: set[str] = set()
        self.local_list: Callable[[], Mapping[str, Any]] = dict
        """Returns the local list: idTokenInfo by token in lower case."""

    async def authorize(self, token: Mapping[str, Any]) -> dict[str, Any]:
        """Return the idTokenInfo of a token.

        If the local list accepts the token, its entry is returned without a call (C14.FR.02). Online, the CSMS
        decides. Offline, or if the CSMS does not answer, the status is Accepted if the token is known (C13, C14) or
        OfflineTxForUnknownIdEnabled is set, and Unknown otherwise (C15).
        """
        listed = self.local_list().get(token["idToken"].lower())
        if listed is not None and (listed["status"] == "Accepted" or not self._online.is_set()):
            return dict(listed)
        if self._online.is_set():
            try:
                answer = await self._call("Authorize", {"idToken": dict(token)})
            except CallFailedError as failed:
                logger.info("Authorize failed", extra={"problem": str(failed)})
            else:
                info: dict[str, Any] = answer["idTokenInfo"]
                self._remember(token["idToken"], info["status"] == "Accepted")
                return info
        known = self._model.flag("AuthCtrlr.LocalAuthorizeOffline") and (
            token["idToken"] in self._cache or token["idToken"] in self._valid
        )
        accepted = known or self._model.flag("AuthCtrlr.OfflineTxForUnknownIdEnabled")
        return {"status": "Accepted" if accepted else "Unknown"}

    def knows(self, token: str) -> bool:
        """Return whether a token is in the cache."""
        return token in self._cache

    def forget(self, token: str) -> None:
        """Remove a token from the cache."""
        self._cache.discard(token)

    def clear_cache(self) -> bool:
        """Clear the cache; return whether the cache is enabled (C11)."""
        self._cache.clear()
        return self._model.flag("AuthCacheCtrlr.Enabled")

    def _remember(self, token: str, accepted: bool) -> None:
        if not accepted:
            self._cache.discard(token)
        elif self._model.flag("AuthCacheCtrlr.Enabled"):
            self._cache.add(token)
