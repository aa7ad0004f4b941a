"""Commands as the API shows them."""

from typing import Any

import orjson
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from citrine.api.v1 import common_pb2 as common

__all__ = ["from_struct", "json_to_struct", "to_proto"]

_LARGEST_WHOLE = 2.0**53
"""Largest range of whole numbers that a double represents exactly."""

_TIMES = ("create_time", "send_time", "finish_time", "expire_time")


def to_proto(row: Any) -> common.Command:
    """Return a row of the commands as the API shows it."""
    command = common.Command(
        command_id=row.command_id,
        tenant_id=row.tenant_id,
        station_id=row.station_id,
        action=row.action,
        state=row.state,
        request=json_to_struct(orjson.loads(row.payload)),
        error_code=row.error_code,
        error_description=row.error_description,
        requested_by=row.requested_by,
        reason=row.reason,
    )
    if row.response is not None:
        command.response.CopyFrom(json_to_struct(orjson.loads(row.response)))
    for name in _TIMES:
        time = getattr(row, name)
        if time is not None:
            getattr(command, name).FromDatetime(time)
    return command


def json_to_struct(payload: dict[str, Any]) -> Struct:
    """Return a JSON object as a Struct."""
    return ParseDict(payload, Struct())


def from_struct(struct: Struct) -> dict[str, Any]:
    """Return a JSON object with integers restored: a Struct has only doubles, and OCPP distinguishes them."""
    return {name: _plain(value) for name, value in struct.fields.items()}


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return _plain_list(value.list_value)
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) <= _LARGEST_WHOLE else number
    return None if kind in ("null_value", None) else getattr(value, kind)


def _plain_list(values: ListValue) -> list[Any]:
    return [_plain(value) for value in values.values]
