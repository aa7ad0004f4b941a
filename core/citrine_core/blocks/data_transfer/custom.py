"""Messages of stations with customData: found in any element, and stored as a whole."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from citrine.ocpp.actions import action_of
from citrine.ocpp.codec import encode
from citrine.ocpp.secrets import mask_secrets
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine.ocpp.v2.diagnostics_pb2 import NotifyCustomerInformationRequest, NotifyMonitoringReportRequest
from citrine.ocpp.v2.display_message_pb2 import NotifyDisplayMessagesRequest
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.provisioning_pb2 import NotifyReportRequest
from citrine.ocpp.v2.smart_charging_pb2 import ReportChargingProfilesRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import CustomData
from citrine_core.blocks.data_transfer.repository import CustomMessageRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, content_key
from citrine_core.resources.commands.secrets import MASK
from citrine_core.services import Services

__all__ = ["FORGET_INTERVAL", "CustomDataRecorder", "bears_custom_data"]

FORGET_INTERVAL = timedelta(hours=1)
"""Interval between removals of messages that are too old."""

MAX_ROWS = 2000
"""Most messages that are removed in one transaction."""

_STORED_WHOLE = frozenset(
    {
        # Stored with their transaction, as samples, or as parts of a report.
        TransactionEventRequest,
        MeterValuesRequest,
        DataTransferRequest,
        NotifyReportRequest,
        NotifyMonitoringReportRequest,
        NotifyCustomerInformationRequest,
        NotifyDisplayMessagesRequest,
        ReportChargingProfilesRequest,
    }
)
"""Messages that their own block stores unchanged, with customData."""

_CUSTOM_DATA = CustomData.DESCRIPTOR.full_name
_OF_OCPP = CustomData.DESCRIPTOR.file.package

Finder = Callable[[Any], bool]


class CustomDataRecorder:
    """Stores every message with customData whose block does not store it as a whole."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._retention = services.settings.custom_data_retention

    async def observe(self, work: UnitOfWork, calls: Sequence[Call[Any]]) -> None:
        """Store messages of one action that have customData, in the transaction that handles them."""
        message = type(calls[0].message)
        if message in _STORED_WHOLE:
            return
        finder = _finder(message.DESCRIPTOR)
        found = [call for call in calls if finder(call.message)]
        if found:
            await CustomMessageRepository(work.session).put_all([self._row(call) for call in found])

    async def forget(self) -> None:
        """Remove messages that are older than the retention, in short transactions that don't delay stations."""
        if self._retention is None:
            return
        before, removed = self._clock() - self._retention, MAX_ROWS
        while removed == MAX_ROWS:
            async with self._unit_of_work() as work:
                removed = await CustomMessageRepository(work.session).remove_before(before, MAX_ROWS)
                await work.commit()

    def _row(self, call: Call[Any]) -> dict[str, Any]:
        payload = encode(call.message)
        mask_secrets(payload, MASK)
        return {
            "tenant_id": call.tenant_id,
            "station_id": call.station_id,
            "action": action_of(call.message).name,
            "content_key": content_key(call.message),
            "payload": orjson.dumps(payload).decode(),
            "receive_time": call.receive_time,
            "create_time": self._clock(),
        }


def bears_custom_data(message: Message) -> bool:
    """Return whether any element of an OCPP message has customData."""
    return _finder(message.DESCRIPTOR)(message)


@cache
def _finder(descriptor: Descriptor) -> Finder:
    """Return a function that finds customData in messages of a type; it checks only fields that may have it."""
    own = [field.name for field in descriptor.fields if _type_of(field) == _CUSTOM_DATA]
    below = [
        (field.name, field.is_repeated, _finder(field.message_type))
        for field in descriptor.fields
        if field.message_type is not None
        and field.message_type.file.package == _OF_OCPP
        and _type_of(field) != _CUSTOM_DATA
    ]

    def finds(message: Any) -> bool:
        for name in own:
            if message.HasField(name):
                return True
        for name, is_repeated, finder in below:
            if is_repeated:
                if any(finder(each) for each in getattr(message, name)):
                    return True
            elif message.HasField(name) and finder(getattr(message, name)):
                return True
        return False

    return finds


def _type_of(field: Any) -> str:
    return field.message_type.full_name if field.message_type is not None else ""
