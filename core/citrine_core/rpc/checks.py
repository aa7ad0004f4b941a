"""Checks that apply to every field of every request, made by a walk over the message."""

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine_core.errors import InvalidArgument

__all__ = ["check_request"]

_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
"""0001-01-01 and 9999-12-31: the range of google.protobuf.Timestamp and of the databases."""

_LONGEST_DURATION = 315_576_000_000
"""Seconds; the range of google.protobuf.Duration in either direction."""

_NANOS = 1_000_000_000


def check_request(request: Message) -> None:
    """Refuse a request with a value that is valid in no field.

    Such values are: a NUL in text, which PostgreSQL can't store; a number that is not finite, which JSON can't express;
    a time or duration out of its range; an enum value that the contract does not define.

    Raises:
        InvalidArgument: When there is such a value; with the path of the first one.
    """
    for path, problem in _problems(request, ""):
        raise InvalidArgument(path, problem)


def _problems(message: Message, prefix: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        path = prefix + field.name
        descriptor = field.message_type
        if descriptor is None:
            check = _check_of(field)
            if check is None:
                continue
            for where, one in _each(field, path, value):
                problem = check(one)
                if problem:
                    yield where, problem
        elif descriptor.GetOptions().map_entry:
            yield from _of_map(descriptor, path, value)
        else:
            for where, one in _each(field, path, value):
                yield from _of_message(one, where)


def _of_map(entry: Descriptor, path: str, value: Any) -> Iterator[tuple[str, str]]:
    of_key = _check_of(entry.fields_by_name["key"])
    value_field = entry.fields_by_name["value"]
    of_value = _check_of(value_field)
    for key in value:
        where = f"{path}[{key!r}]"
        if of_key is not None and (problem := of_key(key)):
            yield path, problem
        elif value_field.message_type is not None:
            yield from _of_message(value[key], where)
        elif of_value is not None and (problem := of_value(value[key])):
            yield where, problem


def _of_message(message: Message, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(message, Timestamp):
        if not (_FIRST_SECOND <= message.seconds <= _LAST_SECOND and 0 <= message.nanos < _NANOS):
            yield path, "must be a time of the years 1 to 9999"
    elif isinstance(message, Duration):
        if abs(message.seconds) > _LONGEST_DURATION or abs(message.nanos) >= _NANOS:
            yield path, "must be a duration of at most 10000 years"
    else:
        yield from _problems(message, f"{path}.")


def _each(field: FieldDescriptor, path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not field.is_repeated:
        yield path, value
        return
    for position, one in enumerate(value):
        yield f"{path}[{position}]", one


@cache
def _check_of(field: FieldDescriptor) -> Callable[[Any], str | None] | None:
    if field.type == FieldDescriptor.TYPE_STRING:
        return lambda text: "must not contain NUL" if "\0" in text else None
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return lambda number: None if math.isfinite(number) else "must be a finite number"
    if field.enum_type is not None:
        numbers, name = frozenset(field.enum_type.values_by_number), field.enum_type.name
        return lambda number: None if number in numbers else f"is not a value of {name}"
    return None
