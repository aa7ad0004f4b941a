"""What a station may send before it is accepted (B01.FR.10, B02.FR.02, B02.FR.09, B03.FR.07)."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Permissions"]

_TRIGGERED: Mapping[str, str] = {
    # Where a trigger is not the name of the action that it asks for.
    "SignChargingStationCertificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
    "SignV2G20Certificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
}


class Permissions:
    """The messages that the CSMS has asked a pending station for, on one session."""

    __slots__ = ("_actions", "_reports")

    def __init__(self) -> None:
        self._actions: set[str] = set()
        self._reports: set[int] = set()

    def ask(self, action: str, payload: Mapping[str, Any]) -> None:
        """Take note of a command that makes the station send messages.

        A trigger for all connectors brings several messages, and a station may be late with them: what was asked for
        once stays allowed.
        """
        match action:
            case "GetBaseReport" | "GetReport":
                self._reports.add(payload["requestId"])
            case "TriggerMessage" if payload["requestedMessage"] == "CustomTrigger":
                # The vendor knows which message this brings: an action of that name, or data.
                self._actions |= {payload.get("customTrigger", ""), "DataTransfer"}
            case "TriggerMessage":
                requested = payload["requestedMessage"]
                self._actions.add(_TRIGGERED.get(requested, requested))

    def allow(self, action: str, payload: Any) -> bool:
        """Return whether the station was asked for this message."""
        if action in self._actions:
            return True
        return action == "NotifyReport" and isinstance(payload, dict) and payload.get("requestId") in self._reports
