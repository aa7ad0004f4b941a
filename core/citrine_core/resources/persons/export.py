"""Reads each row in which a person is named, as an object."""

import base64
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct

from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest, TransactionEventResponse
from citrine.ocpp.v2.types_pb2 import IdTokenInfo
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.persons.places import places
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["export_rows"]

AT_ONCE = 500
"""Rows that are read at a time."""

_MESSAGES: Mapping[tuple[str, str], type[Message]] = {
    ("charge_records", "content"): ChargeRecord,
    ("local_list_entries", "held"): IdTokenInfo,
    ("local_list_entries", "wanted"): IdTokenInfo,
    ("outbox", "payload"): Event,
    ("reservations", "request"): ReserveNowRequest,
    ("transaction_events", "request"): TransactionEventRequest,
    ("transaction_events", "response"): TransactionEventResponse,
}
"""Messages that are stored in columns, where an export shows them."""


async def export_rows(
    unit_of_work: UnitOfWorkFactory, tenant_id: str, person: Person
) -> AsyncIterator[tuple[str, Struct]]:
    """Yield the table and the content of each row in which a person is named."""
    for place in places():
        after, rows_left = "", True
        while rows_left:
            async with unit_of_work(read_only=True) as work:
                rows = await place.read(work.session, tenant_id, after, AT_ONCE, whole=True)
            for row in rows:
                if place.replaced(row, person):
                    columns = {column.name: getattr(row, column.name) for column in place.table.columns}
                    yield place.name, _shown(place.name, columns)
            rows_left = len(rows) == AT_ONCE
            after = place.key_of(rows[-1]) if rows else ""


def _shown(table: str, columns: Mapping[str, Any]) -> Struct:
    content = Struct()
    content.update({name: _plain(table, name, value) for name, value in columns.items() if value is not None})
    return content


def _plain(table: str, name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, bytes):
        # A number of JSON has 53 bits.
        return str(value) if isinstance(value, int) and abs(value) > 2**53 else value
    known = _MESSAGES.get((table, name))
    if known is not None:
        try:
            return MessageToDict(known.FromString(value), preserving_proto_field_name=True)
        except DecodeError:
            pass
    return base64.b64encode(value).decode()
