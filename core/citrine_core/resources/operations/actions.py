"""The actions that operations do: the rpc of each, its request for a station, and what may be shown of it."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from citrine.api.v1 import operations_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.codec import CodecError, encode
from citrine.ocpp.secrets import mask_key_codes, mask_secrets
from citrine_core.dispatch.blocks import CheckCommand
from citrine_core.errors import InvalidArgument
from citrine_core.rpc.access import rule_of

__all__ = [
    "ACTIONS",
    "check_action",
    "check_content",
    "is_accepting",
    "name_of",
    "packed",
    "request_for",
    "scope_of",
    "shown_action",
    "unpacked",
]

MOST_BYTES = 1024 * 1024
"""Most bytes of an action."""

MASK = "********"

_SERVICES = {
    "Availability": ["ChangeAvailability"],
    "Diagnostics": [
        *("SetMonitoringBase", "SetMonitoringLevel", "SetVariableMonitoring", "ClearVariableMonitoring"),
        "GetLog",
    ],
    "DisplayMessage": ["SetDisplayMessage", "ClearDisplayMessage"],
    "FirmwareManagement": ["UpdateFirmware"],
    "LocalAuthList": ["SyncLocalList", "SendLocalList"],
    "Provisioning": ["Reset", "SetVariables", "GetVariables", "GetBaseReport"],
    "RemoteControl": ["TriggerMessage", "UnlockConnector"],
    "SmartCharging": ["SetChargingProfile", "ClearChargingProfile"],
    "Stations": ["AcceptStation"],
}

_PATHS = {
    f"citrine.api.v1.{method}Request": f"/citrine.api.v1.{service}Service/{method}"
    for service, methods in _SERVICES.items()
    for method in methods
}

ACTIONS: Mapping[str, str] = {
    field.name: _PATHS[field.message_type.full_name]
    for field in pb.OperationAction.DESCRIPTOR.oneofs_by_name["action"].fields
    if field.message_type is not None
}
"""The path of the rpc of each action, by the field of OperationAction."""

_ACCEPT = "accept_station"

_ID_OF_TARGET = ("station_id", "when_online", "expire_time", "reason")


def name_of(action: pb.OperationAction) -> str:
    """Return the field of an action that is set; empty if none is."""
    return action.WhichOneof("action") or ""


def is_accepting(action: pb.OperationAction) -> bool:
    """Return whether an action accepts held stations: it needs no connection, and sends no command."""
    return name_of(action) == _ACCEPT


def scope_of(action: pb.OperationAction) -> str:
    """Return the scope that the rpc of an action needs."""
    rule = rule_of(ACTIONS[name_of(action)])
    assert rule is not None
    return rule.scope


def check_action(field: str, action: pb.OperationAction) -> None:
    """Refuse an action that says what is not for many stations to have in common.

    Raises:
        InvalidArgument: With the path of the field.
    """
    name = name_of(action)
    if not name:
        raise InvalidArgument(field, "must be given")
    if action.ByteSize() > MOST_BYTES:
        raise InvalidArgument(field, f"must have at most {MOST_BYTES} bytes")
    request, path = getattr(action, name), f"{field}.{name}"
    if name == _ACCEPT:
        for forbidden in ("station_id", "password"):
            if getattr(request, forbidden):
                raise InvalidArgument(f"{path}.{forbidden}", "must not be set in an operation")
        return
    for forbidden in _ID_OF_TARGET:
        if getattr(request.target, forbidden) != getattr(CommandTarget(), forbidden):
            raise InvalidArgument(f"{path}.target.{forbidden}", "must not be set in an operation")
    if (
        name == "update_firmware"
        and not request.sha256
        and not request.skip_signature
        and request.request.firmware.signature
    ):
        wanted = "or skip_signature must be given in an operation, or the file would be read once for each station"
        raise InvalidArgument(f"{path}.sha256", wanted)


async def check_content(
    field: str, tenant_id: str, action: pb.OperationAction, checks: Sequence[CheckCommand], now: datetime
) -> None:
    """Refuse what no station can be asked, as the rpc of the action would for each of them.

    Args:
        field: Path of the action in the request.
        tenant_id: Tenant of the stations.
        action: The action, checked by `check_action`.
        checks: Those of the blocks.
        now: The time now.

    Raises:
        InvalidArgument: With the path of the field.
    """
    name = name_of(action)
    request = getattr(action, name)
    if "request" not in request.DESCRIPTOR.fields_by_name:
        return
    content = type(request.request)()
    content.CopyFrom(request.request)
    if name == "update_firmware" and not content.firmware.HasField("retrieve_date_time"):
        # The rpc sets it.
        content.firmware.retrieve_date_time.FromDatetime(now)
    path = f"{field}.{name}.request"
    try:
        encode(content, complete=True)
    except CodecError as error:
        raise InvalidArgument(path + error.path.replace("/", "."), error.problem) from error
    if name == "update_firmware":
        # The rpc verifies it by what stands beside the message.
        return
    try:
        for check in checks:
            await check(tenant_id, content)
    except InvalidArgument as error:
        raise InvalidArgument(path + error.field.removeprefix("payload"), error.problem) from error


def request_for(action: pb.OperationAction, station_id: str, reason: str, *, is_again: bool) -> Message:
    """Return the request of the rpc of an action for one station.

    Args:
        action: The action.
        station_id: The station.
        reason: Why, for people.
        is_again: Whether the rpc was called for it before. An update of firmware has the id of the caller no more: the
            record of the one before is stored under it.
    """
    template = getattr(action, name_of(action))
    request: Any = type(template)()
    request.CopyFrom(template)
    if is_accepting(action):
        request.station_id = station_id
    else:
        request.target.station_id = station_id
        request.target.reason = reason
        if is_again and name_of(action) == "update_firmware":
            request.request.request_id = 0
    return request  # type: ignore[no-any-return]


def shown_action(action: pb.OperationAction) -> pb.OperationAction:
    """Return an action as it may be shown: with secrets, what drivers type and all values of variables masked.

    Any variable of a station may be write-only, and the stations have different ones.
    """
    content = MessageToDict(action)
    mask_secrets(content, MASK)
    mask_key_codes(content, MASK)
    for entry in content.get("setVariables", {}).get("request", {}).get("setVariableData", ()):
        if "attributeValue" in entry:
            entry["attributeValue"] = MASK
    return ParseDict(content, pb.OperationAction())


def packed(action: pb.OperationAction) -> str:
    """Return an action as text."""
    return base64.b64encode(action.SerializeToString()).decode()


def unpacked(text: str) -> pb.OperationAction:
    """Return the action of a text that `packed` returned."""
    return pb.OperationAction.FromString(base64.b64decode(text))
