"""A station of OCPP 1.6 of the `ocpp` package, which has a configuration and does as it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import ocpp.v16
from ocpp.routing import on
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.raw_station import basic
from tests.support.waiting import WAIT

__all__ = ["Station16", "connected16"]

KEYS = {
    "HeartbeatInterval": "300",
    "MeterValueSampleInterval": "60",
    "MeterValuesSampledData": "Energy.Active.Import.Register",
    "LocalAuthListEnabled": "true",
    "ConnectionTimeOut": "30",
    "LedColour": "green",
}

READ_ONLY = {
    "GetConfigurationMaxKeys": "2",
    "NumberOfConnectors": "2",
    "LocalAuthListMaxLength": "100",
    "SendLocalListMaxLength": "2",
    "ChargeProfileMaxStackLevel": "10",
    "MaxChargingProfilesInstalled": "10",
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "CustomDisplayCostAndPrice": "true",
}

STATUSES: dict[str, dict[str, Any]] = {
    **{
        action: {"status": "Accepted"}
        for action in (
            *("CancelReservation", "CertificateSigned", "ChangeAvailability", "ClearCache", "ClearChargingProfile"),
            *("DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "InstallCertificate"),
            *("RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "Reset", "SetChargingProfile"),
            *("SignedUpdateFirmware", "TriggerMessage"),
        )
    },
    "GetCompositeSchedule": {"status": "Rejected"},
    "GetDiagnostics": {"file_name": "diagnostics.zip"},
    "GetInstalledCertificateIds": {"status": "NotFound"},
    "GetLog": {"status": "Accepted", "filename": "log.zip"},
    "UnlockConnector": {"status": "Unlocked"},
    "UpdateFirmware": {},
}


class Station16(ocpp.v16.ChargePoint):  # type: ignore[misc]  # the package has no types
    """The station."""

    def __init__(self, station_id: str, websocket: Any, keys: dict[str, str]) -> None:
        super().__init__(station_id, websocket)
        self.keys = keys
        self.answers = dict(STATUSES)
        """What it answers to commands other than those about its configuration and its list, by their action."""
        self.heard: list[tuple[str, dict[str, Any]]] = []
        """Commands, and what they say, in the package's spelling."""
        self.changes: dict[str, str] = {}
        """What it answers to ChangeConfiguration, by key, where it is not what the key's access says."""
        self.list_version = 0
        self.local_list: dict[str, Any] = {}

    def said(self, action: str) -> list[dict[str, Any]]:
        """Return what the commands of an action said."""
        return [payload for name, payload in self.heard if name == action]

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        self.heard.append(("GetConfiguration", {} if key is None else {"key": key}))
        assert key is None or len(key) <= int(READ_ONLY["GetConfigurationMaxKeys"]), "more keys than it takes"
        everything = {**self.keys, **READ_ONLY}
        known = [
            {"key": name, "readonly": name in READ_ONLY, "value": value}
            for name, value in everything.items()
            if key is None or name in key
        ]
        unknown = [name for name in key or () if name not in everything]
        return ocpp.v16.call_result.GetConfiguration(configuration_key=known, unknown_key=unknown or None)

    @on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def on_change_configuration(self, key: str, value: str) -> Any:
        self.heard.append(("ChangeConfiguration", {"key": key, "value": value}))
        if key in READ_ONLY:
            status = "Rejected"
        elif key in self.keys or key == "AuthorizationKey":
            self.keys[key], status = value, "Accepted"
        else:
            status = "NotSupported"
        if key == "AuthorizationKey":
            del self.keys[key]
        return ocpp.v16.call_result.ChangeConfiguration(status=self.changes.get(key, status))

    @on("GetLocalListVersion")  # type: ignore[untyped-decorator]
    def on_get_local_list_version(self) -> Any:
        return ocpp.v16.call_result.GetLocalListVersion(list_version=self.list_version)

    @on("SendLocalList")  # type: ignore[untyped-decorator]
    def on_send_local_list(
        self, list_version: int, update_type: str, local_authorization_list: list[dict[str, Any]] | None = None
    ) -> Any:
        if update_type == "Full":
            self.local_list = {}
        for entry in local_authorization_list or ():
            if "id_tag_info" in entry:
                self.local_list[entry["id_tag"]] = entry["id_tag_info"]
            else:
                self.local_list.pop(entry["id_tag"], None)
        self.list_version = list_version
        return ocpp.v16.call_result.SendLocalList(status="Accepted")


def _handler(action: str) -> Callable[..., Any]:
    def handle(self: Station16, **payload: Any) -> Any:
        self.heard.append((action, payload))
        return getattr(ocpp.v16.call_result, action)(**self.answers[action])

    # The package finds handlers by the name of their function.
    handle.__name__ = f"on_{action}"
    handler: Callable[..., Any] = on(action)(handle)
    return handler


for _action in STATUSES:
    setattr(Station16, f"on_{_action}", _handler(_action))


@contextlib.asynccontextmanager
async def connected16(
    address: str, station_id: str, password: str, keys: dict[str, str] | None = None
) -> AsyncIterator[Station16]:
    """Connect the station to an edge; it does not boot by itself."""
    headers = basic(station_id, password)
    subprotocols: Any = ["ocpp1.6"]
    url = f"ws://{address}/{station_id}"
    async with connect(url, subprotocols=subprotocols, additional_headers=headers, open_timeout=WAIT) as websocket:
        station = Station16(station_id, websocket, dict(KEYS) if keys is None else keys)
        loop = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await loop
