"""Block D: the local authorization list. It survives a power loss."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["LocalAuthListAnswers"]

MEMORY = "local_auth_list"
"""Key of the list and its version in the store."""

MOST_ENTRIES = 1000
"""LocalAuthListCtrlr.Entries.maxLimit"""

ENABLED = "LocalAuthListCtrlr.Enabled"


class LocalAuthListAnswers:
    """SendLocalList and GetLocalListVersion."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        parts.authorization.local_list = self._entries

    @answers("SendLocalList")
    async def send_local_list(self, payload: dict[str, Any]) -> Answer:
        """Replace or update the list (D01)."""
        if not self._parts.model.flag(ENABLED):
            return Answer({"status": "Failed", "statusInfo": {"reasonCode": "NotEnabled"}})
        version, entries = self._recall()
        full = payload["updateType"] == "Full"
        if not full and payload["versionNumber"] <= version:
            # D01.FR.19
            return Answer({"status": "VersionMismatch"})
        changed = {} if full else dict(entries)
        for one in payload.get("localAuthorizationList", ()):
            # Tokens are case-insensitive.
            key = one["idToken"]["idToken"].lower()
            changed.pop(key, None)
            if "idTokenInfo" in one:
                changed[key] = one["idTokenInfo"]
        if len(changed) > MOST_ENTRIES:
            return Answer({"status": "Failed", "statusInfo": {"reasonCode": "TooMany"}})
        self._parts.store.remember(MEMORY, [payload["versionNumber"], changed])
        return Answer({"status": "Accepted"})

    @answers("GetLocalListVersion")
    async def get_local_list_version(self, payload: dict[str, Any]) -> Answer:
        """Return the version of the list, 0 if there is none (D02)."""
        return Answer({"versionNumber": self._recall()[0] if self._parts.model.flag(ENABLED) else 0})

    def _entries(self) -> dict[str, Any]:
        return self._recall()[1] if self._parts.model.flag(ENABLED) else {}

    def _recall(self) -> tuple[int, dict[str, Any]]:
        version, entries = self._parts.store.recall(MEMORY) or (0, {})
        return version, entries
