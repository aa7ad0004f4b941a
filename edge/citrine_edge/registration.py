"""What a station may send before it is accepted (B01.FR.10, B02.FR.02, B02.FR.09, B03.FR.07).

OCPP 1.6 has the same rules (4.2): nothing while rejected, and what was triggered while pending. But it does not demand
that the CSMS refuses what comes all the same, and a station discards what is refused. So what it says of transactions,
which are billed, is processed if it is rejected, or was accepted before. Actions are named as in the version of the
session.
"""

from collections.abc import Mapping
from typing import Any

from citrine.ocpp.v2.provisioning_pb2 import RegistrationStatusEnum
from citrine_edge.ocppj import Code, RpcError

__all__ = ["Registration"]

_ACCEPTED = RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_ACCEPTED
_REJECTED = RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_REJECTED

_PENDING = RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_PENDING

_NOT_WHILE_PENDING = frozenset({"RemoteStartTransaction", "RemoteStopTransaction"})
"""What OCPP 1.6 does not allow (4.2). In later versions the station rejects its like (B02.FR.05)."""

_BILLED = frozenset({"MeterValues", "StartTransaction", "StopTransaction"})
"""Messages of OCPP 1.6 about transactions."""

_TRIGGERED: Mapping[str, str] = {
    # Where a trigger is not the name of the action that it asks for.
    "SignChargingStationCertificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
    "SignV2G20Certificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
    # OCPP 1.6.
    "SignChargePointCertificate": "SignCertificate",
}


class Registration:
    """How a station's last BootNotification was answered, and what it was asked for on this session since."""

    __slots__ = ("_actions", "_reports", "_status", "_was_accepted")

    def __init__(self, status: int | None) -> None:
        """``status`` is a RegistrationStatusEnum, or None where the station never booted."""
        self._status = status
        self._was_accepted = status == _ACCEPTED
        self._actions: frozenset[str] = frozenset()
        self._reports: frozenset[int] = frozenset()

    @property
    def rejected(self) -> bool:
        """Whether nothing may be sent to the station (B03.FR.03)."""
        return self._status == _REJECTED

    def may_be_sent(self, action: str) -> bool:
        """Return whether a CALL may be sent to the station (B03.FR.03)."""
        return not self.rejected and not (self._status == _PENDING and action in _NOT_WHILE_PENDING)

    def change(self, status: int) -> None:
        """Set the status, which decides what the station may send."""
        self._was_accepted = self._was_accepted or status == _ACCEPTED
        if status != self._status:
            self._status = status
            self._actions, self._reports = frozenset(), frozenset()

    def ask(self, action: str, payload: Mapping[str, Any]) -> None:
        """Allow the messages that a command requests from the station.

        A trigger for all connectors leads to several messages, and a station may send them late, so the permission
        lasts until the status changes.
        """
        if self._status == _ACCEPTED:
            return
        match action:
            case "GetBaseReport" | "GetReport":
                self._reports |= {payload["requestId"]}
            case "TriggerMessage" if payload["requestedMessage"] == "CustomTrigger":
                # The vendor knows which message this brings: an action of that name, or data.
                self._actions |= {payload.get("customTrigger", ""), "DataTransfer"}
            case "TriggerMessage" | "ExtendedTriggerMessage":
                requested = payload["requestedMessage"]
                self._actions |= {_TRIGGERED.get(requested, requested)}
                if requested == "FirmwareStatusNotification":
                    # OCPP 1.6: the extended trigger asks for the status of a signed update, if there is one.
                    self._actions |= {"SignedFirmwareStatusNotification"}

    def check(self, action: str, payload: Any) -> None:
        """Return if the station may send this message.

        Raises:
            RpcError: SecurityError, if it has to wait until it is accepted.
        """
        if self._status == _ACCEPTED or action == "BootNotification":
            return
        if (self.rejected or self._was_accepted) and _is_billed(action, payload):
            return
        if self.rejected or not (action in self._actions or self._is_report(action, payload)):
            raise RpcError(Code.SECURITY_ERROR, "the station is not accepted yet: BootNotification comes first")

    def _is_report(self, action: str, payload: Any) -> bool:
        if action != "NotifyReport" or not isinstance(payload, dict):
            return False
        request_id = payload.get("requestId")
        return isinstance(request_id, int | float) and request_id in self._reports


def _is_billed(action: str, payload: Any) -> bool:
    """Return whether a message of OCPP 1.6 is about a transaction. No other version has its like by these names."""
    if action not in _BILLED or not isinstance(payload, dict):
        return False
    return action != "MeterValues" or "transactionId" in payload
