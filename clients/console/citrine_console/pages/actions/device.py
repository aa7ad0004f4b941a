"""What is done about a station as a device: reset, availability, messages, logs, lists, displays."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from citrine.api.v1 import authorization_pb2 as authorization
from citrine.api.v1 import availability_pb2 as availability
from citrine.api.v1 import data_transfer_pb2 as transfer
from citrine.api.v1 import diagnostics_pb2 as diagnostics
from citrine.api.v1 import display_message_pb2 as displays
from citrine.api.v1 import local_auth_list_pb2 as lists
from citrine.api.v1 import provisioning_pb2 as provisioning
from citrine.api.v1 import remote_control_pb2 as remote
from citrine.api.v1.stations_pb2 import Station
from citrine.ocpp.v2 import authorization_pb2 as ocpp_authorization
from citrine.ocpp.v2 import availability_pb2 as ocpp_availability
from citrine.ocpp.v2 import data_transfer_pb2 as ocpp_transfer
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp_diagnostics
from citrine.ocpp.v2 import display_message_pb2 as ocpp_displays
from citrine.ocpp.v2 import provisioning_pb2 as ocpp_provisioning
from citrine.ocpp.v2 import remote_control_pb2 as ocpp_remote
from citrine_console.forms import Choice, Field, Values
from citrine_console.pages.actions.station_action import StationAction, entered_time, ocpp, place, place_field
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS"]

TRIGGERS = (
    "BootNotification",
    "StatusNotification",
    "MeterValues",
    "TransactionEvent",
    "Heartbeat",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SignChargingStationCertificate",
    "SignV2GCertificate",
    "SignCombinedCertificate",
    "PublishFirmwareStatusNotification",
)


def _spelled(*words: str) -> list[Choice]:
    return [(word, word) for word in words]


def _evse(values: Values) -> dict[str, Any] | None:
    evse, connector = place(values)
    return {"id": evse, "connectorId": connector} if evse is not None else None


async def _reset_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    choices = [("OnIdle", _("When no transaction is under way")), ("Immediate", _("At once"))]
    return [Field("type", _("When"), "select", choices=choices), place_field(station)]


def _reset(values: Values) -> provisioning.ResetRequest:
    payload = {"type": values["type"] or "OnIdle", "evseId": place(values)[0]}
    return provisioning.ResetRequest(request=ocpp(ocpp_provisioning.ResetRequest, payload))


async def _availability_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    choices = [("Operative", _("In service")), ("Inoperative", _("Out of service"))]
    return [
        Field("operational_status", _("To be"), "select", choices=choices),
        place_field(station, connectors=True),
    ]


def _availability(values: Values) -> availability.ChangeAvailabilityRequest:
    payload = {"operationalStatus": values["operational_status"], "evse": _evse(values)}
    return availability.ChangeAvailabilityRequest(request=ocpp(ocpp_availability.ChangeAvailabilityRequest, payload))


async def _trigger_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [
        Field("requested_message", _("Message"), "select", choices=_spelled(*TRIGGERS)),
        place_field(station, connectors=True),
    ]


def _trigger(values: Values) -> remote.TriggerMessageRequest:
    payload = {"requestedMessage": values["requested_message"], "evse": _evse(values)}
    return remote.TriggerMessageRequest(request=ocpp(ocpp_remote.TriggerMessageRequest, payload))


async def _display_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    states = [("", _("Always")), *_spelled("Charging", "Faulted", "Idle", "Unavailable", "Suspended", "Discharging")]
    priorities = [
        ("NormalCycle", _("In turn with others")),
        ("InFront", _("In front of others")),
        ("AlwaysFront", _("Always in front")),
    ]
    return [
        Field("content", _("Text"), "textarea", required=True, attributes={"rows": "3"}),
        Field(
            "format", _("Format"), "select", value="UTF8", choices=_spelled("UTF8", "ASCII", "HTML", "URI", "QRCODE")
        ),
        Field("language", _("Language"), hint=_("as en or de-CH; optional"), attributes={"maxlength": "8"}),
        Field("priority", _("Priority"), "select", choices=priorities),
        Field("state", _("Shown while the station is"), "select", choices=states),
        Field("from", _("From"), "datetime", hint=_("empty: now; in {zone}").format(zone=visit.zone.key)),
        Field("to", _("To"), "datetime", hint=_("empty: until it is cleared")),
    ]


def _display(values: Values) -> displays.SetDisplayMessageRequest:
    content = {
        "format": values["format"] or "UTF8",
        "content": values["content"],
        "language": values["language"] or None,
    }
    message = {
        "id": 0,
        "priority": values["priority"] or "NormalCycle",
        "state": values["state"] or None,
        "startDateTime": entered_time(values, "from"),
        "endDateTime": entered_time(values, "to"),
        "message": content,
    }
    return displays.SetDisplayMessageRequest(request=ocpp(ocpp_displays.SetDisplayMessageRequest, {"message": message}))


async def _log_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    kinds = [
        ("DiagnosticsLog", _("Diagnostics")),
        ("SecurityLog", _("Security events")),
        ("DataCollectorLog", _("Data collector")),
    ]
    return [
        Field("log_type", _("Log"), "select", choices=kinds),
        Field("remote_location", _("Where it is uploaded to"), required=True, hint=_("a URL that the station reaches")),
        Field("oldest", _("From"), "datetime", hint=_("optional; in {zone}").format(zone=visit.zone.key)),
        Field("latest", _("To"), "datetime", hint=_("optional")),
    ]


def _log(values: Values) -> diagnostics.GetLogRequest:
    log = {
        "remoteLocation": values["remote_location"],
        "oldestTimestamp": entered_time(values, "oldest"),
        "latestTimestamp": entered_time(values, "latest"),
    }
    payload = {"log": log, "logType": values["log_type"] or "DiagnosticsLog", "requestId": 0}
    return diagnostics.GetLogRequest(request=ocpp(ocpp_diagnostics.GetLogRequest, payload))


def _clear_cache(values: Values) -> authorization.ClearCacheRequest:
    return authorization.ClearCacheRequest(request=ocpp_authorization.ClearCacheRequest())


async def _transfer_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [
        Field("vendor_id", _("Vendor"), required=True, attributes={"maxlength": "255"}),
        Field("message_id", _("Message"), hint=_("optional"), attributes={"maxlength": "50"}),
        Field("data", _("Data"), "textarea", hint=_("JSON, or else text; optional")),
    ]


def _transfer(values: Values) -> transfer.DataTransferRequest:
    data: Any = values["data"] or None
    if data is not None:
        with contextlib.suppress(ValueError):
            data = json.loads(data)
    payload = {"vendorId": values["vendor_id"], "messageId": values["message_id"] or None}
    if data is not None:
        payload["data"] = data
    return transfer.DataTransferRequest(request=ocpp(ocpp_transfer.DataTransferRequest, payload))


async def _sync_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [Field("full", _("Send the whole list, whatever the station holds"), "checkbox")]


def _sync(values: Values) -> lists.SyncLocalListRequest:
    return lists.SyncLocalListRequest(full=values.checked("full"))


ACTIONS = [
    StationAction(
        "reset",
        noop("Reset"),
        noop("Reset {station}"),
        "Reset",
        "provisioning",
        _reset,
        _reset_fields,
        words=noop("The station restarts. At once means that running transactions end."),
        hurts=True,
        operation="reset",
        many=noop("Reset {stations}"),
        is_frequent=True,
    ),
    StationAction(
        "availability",
        noop("Availability"),
        noop("Change availability of {station}"),
        "ChangeAvailability",
        "availability",
        _availability,
        _availability_fields,
        words=noop("Out of service, nobody can charge there; a transaction that is under way ends first."),
        hurts=True,
        operation="change_availability",
        many=noop("Change availability of {stations}"),
        is_frequent=True,
    ),
    StationAction(
        "trigger",
        noop("Ask for a message"),
        noop("Ask {station} for a message"),
        "TriggerMessage",
        "remote_control",
        _trigger,
        _trigger_fields,
        operation="trigger_message",
        many=noop("Ask {stations} for a message"),
    ),
    StationAction(
        "display-message",
        noop("Show a message"),
        noop("Show a message at {station}"),
        "SetDisplayMessage",
        "display_message",
        _display,
        _display_fields,
        operation="set_display_message",
        many=noop("Show a message at {stations}"),
    ),
    StationAction(
        "get-log",
        noop("Get a log"),
        noop("Get a log of {station}"),
        "GetLog",
        "diagnostics",
        _log,
        _log_fields,
        operation="get_log",
        many=noop("Get a log of {stations}"),
    ),
    StationAction(
        "clear-cache",
        noop("Clear authorization cache"),
        noop("Clear the authorization cache of {station}"),
        "ClearCache",
        "authorization",
        _clear_cache,
        words=noop("The station asks for each token anew. Without a connection it knows its local list only."),
        hurts=True,
    ),
    StationAction(
        "sync-local-list",
        noop("Synchronize local list"),
        noop("Synchronize the local list of {station}"),
        "SyncLocalList",
        "local_auth_list",
        _sync,
        _sync_fields,
        operation="sync_local_list",
        many=noop("Synchronize the local lists of {stations}"),
        waits=False,
    ),
    StationAction(
        "data-transfer",
        noop("Transfer data"),
        noop("Transfer data to {station}"),
        "DataTransfer",
        "data_transfer",
        _transfer,
        _transfer_fields,
    ),
]
