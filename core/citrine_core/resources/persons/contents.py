"""What the columns hold in which ids of persons may stand: an id, a text, JSON or a message of a known type.

A column that is not here is never looked at: amounts, currencies, keys, ids of other things, groups of stations.
"""

import base64
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol, TypeAlias

import orjson
from google.protobuf import descriptor_pool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from citrine.api.v1 import reports_pb2 as reports
from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine.edge.v1.link_pb2 import StationCall, StationSend
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.secrets import mask_secrets
from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest
from citrine_core.dispatch.poisoned import is_call
from citrine_core.events.older import read_event
from citrine_core.resources.persons.fields import CONTRACT, GROUP, NUMBER, TOKEN
from citrine_core.resources.persons.messages import replace_in_json, replace_in_message
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["Content", "content_of"]

_TypeOf: TypeAlias = Callable[[bytes, Any], type[Message]]
"""`type_of(value, kind)` returns the type of a message, given the value of the column that says its kind."""

_Read: TypeAlias = Callable[[bytes], Message]
"""`read(value)` returns the message of a value that older releases may have stored in another form."""

_MASK = "********"

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40}")
"""Where signed meter values may be, in which no id is seen."""


class Content(Protocol):
    """What a column holds."""

    by: str
    """The column that says of which kind it is. Empty: of one kind only."""

    def replaced(self, value: Any, kind: Any, person: Person) -> Any:
        """Return a value with the ids of a person replaced; what has none is returned as it is."""
        ...

    def shown(self, value: Any, kind: Any) -> Any:
        """Return a value in the types of JSON."""
        ...


class _Id:
    """The id of a token, contract or group, and nothing else.

    Args:
        kind: Which of them, as in `fields`.
        by: The column that says the type of the token, if it is of one.
        type_in: Returns the type, given the value of that column.
        without_separators: It has no separators, whatever the id has.
    """

    def __init__(
        self, kind: str, by: str = "", type_in: Callable[[Any], str] = str, *, without_separators: bool = False
    ) -> None:
        self.by = by
        self._kind = kind
        self._type_in = type_in
        self._without_separators = without_separators

    def replaced(self, value: Any, kind: Any, person: Person) -> Any:
        type_name = self._type_in(kind) if kind else ""
        return person.replace_id(value, self._kind, type_name, without_separators=self._without_separators)

    def shown(self, value: Any, kind: Any) -> Any:
        return value


class _Last:
    """A key of parts, of which the last is the id of a token, and the one before it its type."""

    by = ""

    def replaced(self, value: Any, kind: Any, person: Person) -> Any:
        *others, last = value.split("|", 3)
        return "|".join([*others, person.replace_id(last, TOKEN, others[-1] if others else "")])

    def shown(self, value: Any, kind: Any) -> Any:
        return value


class _Text:
    """What people and stations write."""

    by = ""

    def replaced(self, value: Any, kind: Any, person: Person) -> Any:
        return person.replace(value)

    def shown(self, value: Any, kind: Any) -> Any:
        return value


class _Json:
    """JSON, which may be cut."""

    by = ""

    def __init__(self, key: str = "") -> None:
        self._before = f'{{"{key}":' if key else ""

    def replaced(self, value: Any, kind: Any, person: Person) -> Any:
        if not person.may_be_in(value.encode()):
            return value
        return replace_in_json(self._before + value, person)[len(self._before) :]

    def shown(self, value: Any, kind: Any) -> Any:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value


class _Message:
    """A serialised message."""

    def __init__(self, type_of: _TypeOf, by: str = "", *, prefix: int = 0, read: _Read | None = None) -> None:
        self.by = by
        self.type_of = type_of
        self._prefix = prefix
        self._read = read

    def replaced(self, value: Any, kind: Any, person: Person) -> Any:
        if not person.may_be_in(value) and _BASE64.search(value) is None:
            return value
        try:
            message = self._message(value, kind)
        except (DecodeError, KeyError):
            # Of a release that nobody here knows: as a message, it has fields of bytes.
            return person.replace(value)
        is_changed = replace_in_message(message, person)
        return value[: self._prefix] + message.SerializeToString(deterministic=True) if is_changed else value

    def shown(self, value: Any, kind: Any) -> Any:
        try:
            message = self._message(value, kind)
        except (DecodeError, KeyError):
            return base64.b64encode(value).decode()
        content = MessageToDict(message)
        if mask_secrets(content, _MASK):
            message = ParseDict(content, type(message)())
        return MessageToDict(message, preserving_proto_field_name=True)

    def _message(self, value: bytes, kind: Any) -> Message:
        content = value[self._prefix :]
        return self._read(content) if self._read else self.type_of(content, kind).FromString(content)


@cache
def _class_of(name: str) -> type[Message]:
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def _of(name: str, *, prefix: int = 0) -> _Message:
    return _Message(lambda value, kind: _class_of(name), prefix=prefix)


def _ocpp(name: str) -> _Message:
    return _of(f"citrine.ocpp.v2.{name}")


def _of_kind(names: Mapping[int, str]) -> _Message:
    return _Message(lambda value, kind: _class_of(f"citrine.ocpp.v2.{names[kind]}"), "kind")


def _of_call(value: bytes, method: Any) -> type[Message]:
    service, _, name = str(method).strip("/").partition("/")
    found = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
    return GetMessageClass(found.output_type)


def _of_poison(value: bytes, kind: Any) -> type[Message]:
    return StationCall if is_call(value) else StationSend


_FIRMWARE_STATUSES = {1: "FirmwareStatusNotificationRequest", 2: "PublishFirmwareStatusNotificationRequest"}

_REPORTS: Mapping[int, str] = {
    reports.REPORT_KIND_DEVICE_MODEL: "NotifyReportRequest",
    reports.REPORT_KIND_MONITORING: "NotifyMonitoringReportRequest",
    reports.REPORT_KIND_CUSTOMER_INFORMATION: "NotifyCustomerInformationRequest",
    reports.REPORT_KIND_CHARGING_PROFILES: "ReportChargingProfilesRequest",
    reports.REPORT_KIND_DISPLAY_MESSAGES: "NotifyDisplayMessagesRequest",
    reports.REPORT_KIND_LOG: "LogStatusNotificationRequest",
}


def _reserved_type(request: bytes) -> str:
    return ReserveNowRequest.FromString(request).id_token.type


def _charged_type(content: bytes) -> str:
    return ChargeRecord.FromString(content).token.id_token.type


_TEXT, _JSON, _OF_TYPE = _Text(), _Json(), _Id(TOKEN, "type")

_BY_NAME: Mapping[str, Content] = {
    **dict.fromkeys(("id_token", "id_token_lookup"), _Id(TOKEN, "id_token_type")),
    **dict.fromkeys(("lookup", "surrogate"), _OF_TYPE),
    "stop_id_token": _Id(TOKEN, "stop_id_token_type"),
    "visual_number": _Id(NUMBER),
    **dict.fromkeys(("group_id", "group_id_token", "master_pass_group_id"), _Id(GROUP)),
    "contract_id": _Id(CONTRACT),
    "contract_lookup": _Id(CONTRACT, without_separators=True),
    **dict.fromkeys(("reason", "detail", "problem", "description", "error", "error_description", "note"), _TEXT),
    **dict.fromkeys(("acknowledge_note", "state_reason", "close_reason", "cause", "cause_text"), _TEXT),
}
"""Columns of these names, in any table."""

_BY_COLUMN: Mapping[str, Content] = {
    "alerts.event": _ocpp("EventData"),
    "answered_calls.answer": _of("citrine.edge.v1.Downstream"),
    "charge_records.id_token_lookup": _Id(TOKEN, "content", _charged_type),
    "charge_records.content": _of("citrine.api.v1.ChargeRecord"),
    "charging_limits.request": _ocpp("NotifyChargingLimitRequest"),
    "charging_negotiations.ev_schedule": _ocpp("NotifyEVChargingScheduleRequest"),
    "charging_negotiations.needs": _ocpp("NotifyEVChargingNeedsRequest"),
    "charging_profile_queries.request": _ocpp("GetChargingProfilesRequest"),
    "charging_profiles.profile": _ocpp("ChargingProfile"),
    "commands.payload": _JSON,
    "commands.response": _JSON,
    "configurations.content": _of("citrine.api.v1.Configuration"),
    "connectors.detail": _of("citrine.api.v1.ConnectorDetail"),
    "custom_messages.payload": _JSON,
    "data_transfers.request": _ocpp("DataTransferRequest"),
    "data_transfers.response": _ocpp("DataTransferResponse"),
    "display_messages.message": _ocpp("MessageInfo"),
    "firmware_publications.request": _ocpp("PublishFirmwareRequest"),
    "firmware_statuses.message": _of_kind(_FIRMWARE_STATUSES),
    "firmware_updates.request": _ocpp("UpdateFirmwareRequest"),
    "handled_messages.reply": _ocpp("Response"),
    "idempotency_keys.answer": _Message(_of_call, "method"),
    "idempotency_keys.failure": _TEXT,
    "local_list_entries.id_token": _OF_TYPE,
    "local_list_entries.held": _ocpp("IdTokenInfo"),
    "local_list_entries.wanted": _ocpp("IdTokenInfo"),
    "local_lists.group_ids": _Json("group_ids"),
    "locations.content": _of("citrine.api.v1.Location"),
    "operations.definition": _of("citrine.api.v1.Operation"),
    "operations.summary": _of("citrine.api.v1.Operation"),
    "outbox.payload": _Message(lambda value, kind: Event, read=read_event),
    "poisoned_messages.content": _Message(_of_poison),
    "provisionings.results": _of("citrine.api.v1.Provisioning"),
    "refusals.last_frame": _JSON,
    "report_parts.message": _of_kind(_REPORTS),
    "reservations.id_token_lookup": _Id(TOKEN, "request", _reserved_type),
    "reservations.request": _ocpp("ReserveNowRequest"),
    "reservations.status_update": _ocpp("ReservationStatusUpdateRequest"),
    # The first byte says whether the sample is signed.
    "samples.extra": _of("citrine.ocpp.v2.MeterValuesRequest", prefix=1),
    "security_events.request": _ocpp("SecurityEventNotificationRequest"),
    "station_events.event": _ocpp("EventData"),
    "tokens.id_token": _OF_TYPE,
    "tokens.message": _TEXT,
    "transaction_costs.subject": _Last(),
    "transactions.token_owner": _of("citrine.api.v1.ChargeRecordToken"),
    "transaction_events.request": _ocpp("TransactionEventRequest"),
    "transaction_events.response": _ocpp("TransactionEventResponse"),
    "unmatched_ends.request": _ocpp("TransactionEventRequest"),
    "variables.value": _TEXT,
}


def content_of(table: str, column: str) -> Content | None:
    """Return what a column holds; None if no id of a person may stand in it."""
    return _BY_COLUMN.get(f"{table}.{column}") or _BY_NAME.get(column)
