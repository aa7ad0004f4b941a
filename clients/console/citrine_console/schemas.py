"""The official JSON schemas of OCPP requests that a CSMS sends, as they ship in the ``ocpp`` package."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from citrine.ocpp.actions import ACTIONS

__all__ = ["VERSIONS", "actions_of", "resolve", "schema_of"]

VERSIONS = ("1.6", "2.0.1", "2.1")

_FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}

_OF_1_6 = (
    *("CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache"),
    *("ClearChargingProfile", "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule"),
    *("GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog"),
    *("InstallCertificate", "RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "Reset"),
    *("SendLocalList", "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage", "UnlockConnector"),
    "UpdateFirmware",
)
"""What a CSMS sends in OCPP 1.6 and its security extension."""


def actions_of(version: str) -> Sequence[str]:
    """Return the actions that a CSMS sends in a version of OCPP, by name."""
    if version == "1.6":
        return sorted(_OF_1_6)
    return sorted(
        action.name for action in ACTIONS.values() if action.from_csms and (version == "2.1" or action.in_v201)
    )


@cache
def schema_of(version: str, action: str) -> Mapping[str, Any]:
    """Return the schema of a request.

    Raises:
        KeyError: When a CSMS sends no such action in this version.
    """
    if version not in VERSIONS or action not in actions_of(version):
        raise KeyError(action)
    name = action if version == "1.6" else f"{action}Request"
    file = resources.files("ocpp") / _FOLDERS[version] / "schemas" / f"{name}.json"
    found: Mapping[str, Any] = json.loads(file.read_text("utf-8-sig"))
    return found


def resolve(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema refers to, or itself."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Any = root
    for part in str(reference).removeprefix("#/").split("/"):
        found = found[part]
    return resolve(root, found)
