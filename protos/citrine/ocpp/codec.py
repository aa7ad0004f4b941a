"""OCPP JSON to messages of citrine.ocpp.v2 and back, compiled from the descriptors at first use.

The codec checks what a message cannot hold: wrong types, unknown properties and enum values, numbers out of
range, text that is not Unicode, times that are not RFC 3339. What only the schema knows, as lengths, bounds and
which properties must be there, is for the schema validation before or after it.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, lru_cache
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.v2 import options_pb2

__all__ = ["MAX_DEPTH", "CodecError", "ErrorKind", "decode", "encode", "format_datetime", "parse_datetime"]

M = TypeVar("M", bound=Message)

ErrorKind: TypeAlias = Literal["type", "property", "occurrence"]
"""Which constraint was violated, as OCPP-J words it: TypeConstraint, PropertyConstraint, OccurrenceConstraint."""

MAX_DEPTH = 24
"""Levels of objects and arrays in vendor data. Protobuf reads at most 100 levels, of which each takes three."""

NAMED_VALUES = 10
"""Values of an enum that an error names at most."""

_Values: TypeAlias = dict[str, Any]
_Decoder: TypeAlias = Callable[[Any], Any]
_Encoder: TypeAlias = Callable[[Any], Any]

_CUSTOM_DATA = "citrine.ocpp.v2.CustomData"
_TIMESTAMP = "google.protobuf.Timestamp"
_VALUE = "google.protobuf.Value"

_LARGEST_WHOLE = 2.0**53
"""Up to here a double holds every integer."""


class CodecError(ValueError):
    """A payload or a message that has no counterpart on the other side."""

    def __init__(self, path: str, kind: ErrorKind, problem: str) -> None:
        super().__init__(path, kind, problem)
        self.path = path
        self.kind: ErrorKind = kind
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path or '/'}: {self.problem}"


def decode(message_class: type[M], payload: Mapping[str, Any]) -> M:
    """Return the message that an OCPP payload says.

    Null stands for absent, except in data that may be anything.

    Raises:
        CodecError: When the payload has what the message cannot hold.
    """
    descriptor: Any = message_class.DESCRIPTOR
    try:
        return message_class(**_decoder(descriptor)(payload))
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        # The way that every message goes knows no paths, so that it is short; this one finds the place.
        _explain_message(descriptor, payload, "")
        raise CodecError("", "type", "is not a message of this kind") from error


def encode(message: Message, *, exact: bool = True, complete: bool = False) -> dict[str, Any]:
    """Return a message as OCPP payload, of plain types that every JSON writer takes.

    Args:
        message: What to say.
        exact: With all digits that the message has. Otherwise as OCPP limits them on the wire: times have at most 3
            decimals of a second, which are cut, decimals 6 places (Part 2, 2.1 and 3.1). Vendor data is always exact.
        complete: Refuse a message that lacks an enum which must be there. An event of OCPP 1.6 has no triggerReason.

    Raises:
        CodecError: When a value has no OCPP spelling, or is missing.
    """
    payload: dict[str, Any] = _encoder(message.DESCRIPTOR, exact, complete)(message)
    return payload


# Times


_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))?", re.ASCII)
_MINUTE = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d)", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST = (date(1, 1, 1).toordinal() - _EPOCH) * 86400
_LAST = (date(9999, 12, 31).toordinal() - _EPOCH) * 86400 + 86399
_SECONDS = {f":{second:02d}Z": second for second in range(60)}
_SECONDS_OF_MILLIS = {f":{second:02d}.": second for second in range(60)}
_MILLIS = {f"{millis:03d}Z": millis * 1_000_000 for millis in range(1000)}


def parse_datetime(text: str) -> Timestamp:
    """Return the instant that an RFC 3339 date-time names, cut to the nanosecond; without an offset it is UTC.

    Raises:
        CodecError: When the text is no date-time, or its instant is not of the years 1 to 9999.
    """
    return Timestamp(**_parse_datetime(text))


def format_datetime(timestamp: Timestamp) -> str:
    """Return an instant as RFC 3339 date-time in UTC, with 0, 3, 6 or 9 fractional digits.

    Raises:
        CodecError: When the instant is not of the years 1 to 9999.
    """
    return _format_datetime(timestamp)


def _parse_datetime(text: str) -> dict[str, int]:
    # Nearly every station sends one of these two forms.
    if len(text) == 20 and (second := _SECONDS.get(text[16:])) is not None:
        seconds, nanos = _minute(text[:16]) + second, 0
    elif (
        len(text) == 24
        and (second := _SECONDS_OF_MILLIS.get(text[16:20])) is not None
        and (millis := _MILLIS.get(text[20:])) is not None
    ):
        seconds, nanos = _minute(text[:16]) + second, millis
    else:
        seconds, nanos = _parse_any_datetime(text)
    if not _FIRST <= seconds <= _LAST:
        raise CodecError("", "property", "is not in the years 1 to 9999")
    return {"seconds": seconds, "nanos": nanos}


def _parse_any_datetime(text: str) -> tuple[int, int]:
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        _refuse_datetime()
    minute, second, fraction, sign, hours, minutes = found.groups()
    seconds, nanos = int(second), int(fraction[:9].ljust(9, "0")) if fraction else 0
    if seconds == 60:
        # A leap second has no place of its own: it is the last moment before the next minute.
        seconds, nanos = 59, 999_999_999
    elif seconds > 60:
        _refuse_datetime()
    seconds += _minute(minute)
    if sign:
        if hours > "23" or minutes > "59":
            _refuse_datetime()
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
    return seconds, nanos


# Messages that arrive together are of few different minutes.
@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """Return the seconds from 1970 to a minute like 2025-01-31T23:59."""
    found = _MINUTE.fullmatch(text)
    if found is None:
        _refuse_datetime()
    year, month, day, hour, minute = map(int, found.groups())
    if hour > 23 or minute > 59:
        _refuse_datetime()
    try:
        # The calendar repeats every 400 years; so the year 0 counts too, whose last hours may be of year 1 in UTC.
        days = date(year % 400 + 400, month, day).toordinal() + (year // 400 - 1) * 146_097
    except ValueError:
        _refuse_datetime()
    return (days - _EPOCH) * 86400 + hour * 3600 + minute * 60


def _refuse_datetime() -> NoReturn:
    raise CodecError("", "property", "is not an RFC 3339 date-time")


@lru_cache(maxsize=4096)
def _minute_text(minutes: int) -> str:
    """Return the minute that begins so many minutes after 1970."""
    days, minute = divmod(minutes, 1440)
    return f"{date.fromordinal(days + _EPOCH).isoformat()}T{minute // 60:02d}:{minute % 60:02d}:"


def _format_datetime(timestamp: Timestamp) -> str:
    seconds, nanos = timestamp.seconds, timestamp.nanos
    if not _FIRST <= seconds <= _LAST or not 0 <= nanos <= 999_999_999:
        raise CodecError("", "property", "is not in the years 1 to 9999")
    text = f"{_minute_text(seconds // 60)}{seconds % 60:02d}"
    if not nanos:
        return f"{text}Z"
    if not nanos % 1_000_000:
        return f"{text}.{nanos // 1_000_000:03d}Z"
    if not nanos % 1_000:
        return f"{text}.{nanos // 1_000:06d}Z"
    return f"{text}.{nanos:09d}Z"


def _format_millis(timestamp: Timestamp) -> str:
    seconds, millis = timestamp.seconds, timestamp.nanos // 1_000_000
    if not _FIRST <= seconds <= _LAST or not 0 <= millis <= 999:
        raise CodecError("", "property", "is not in the years 1 to 9999")
    text = f"{_minute_text(seconds // 60)}{seconds % 60:02d}"
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


# From JSON


@cache
def _decoder(descriptor: Descriptor) -> _Decoder:
    """Return the function from a JSON object to the arguments of a message's constructor.

    It raises some built-in exception where the object does not fit, or leaves that to the constructor; which one, and
    where, is found by _explain_message.
    """
    if descriptor.full_name == _CUSTOM_DATA:
        return _decode_custom_data
    # For each JSON property: the argument, the type that needs no conversion, and the conversion of others.
    table = {each.json_name: (each.name, *_decode_field(each)) for each in descriptor.fields}

    def decode_message(payload: Any) -> _Values:
        values = {}
        for key, value in payload.items():
            name, plain, convert = table[key]
            if type(value) is plain:
                values[name] = value
            elif value is not None or convert is _decode_value:
                values[name] = convert(value)
            elif name in required:
                raise TypeError
        return values

    required = {each.name for each in descriptor.fields if _always_present(each)}
    return decode_message


def _decode_field(field: FieldDescriptor) -> tuple[type | None, _Decoder]:
    plain, convert = _decode_single(field)
    if not field.is_repeated:
        return plain, convert

    def decode_item(value: Any) -> Any:
        return value if type(value) is plain else convert(value)

    item = decode_item if plain else convert

    def decode_list(values: Any) -> list[Any]:
        if type(values) is not list:
            raise TypeError
        return [item(value) for value in values]

    return None, decode_list


def _decode_single(field: FieldDescriptor) -> tuple[type | None, _Decoder]:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return str, _refuse
        case FieldDescriptor.TYPE_BOOL:
            return bool, _refuse
        case FieldDescriptor.TYPE_INT32:
            return int, _decode_whole
        case FieldDescriptor.TYPE_DOUBLE:
            return None, _decode_number
        case FieldDescriptor.TYPE_ENUM:
            return None, _spellings(_enum_type(field)).__getitem__
        case FieldDescriptor.TYPE_MESSAGE:
            return None, _DECODERS.get(_message_type(field).full_name) or _decoder(_message_type(field))
    raise NotImplementedError(field.full_name)


def _refuse(_value: Any) -> NoReturn:
    raise TypeError


def _decode_whole(value: Any) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    raise TypeError


def _decode_number(value: Any) -> float:
    if type(value) is float:
        if value - value == 0.0:
            return value
    elif type(value) is int:
        return float(value)
    raise TypeError


def _decode_custom_data(payload: Any) -> _Values:
    data = dict(payload)
    vendor = data.pop("vendorId")
    if type(vendor) is not str:
        raise TypeError
    if not data:
        return {"vendor_id": vendor}
    _check_json(data, "", 1)
    return {"vendor_id": vendor, "data": data}


def _decode_value(value: Any) -> _Values:
    _check_json(value, "", 1)
    return {_VALUE_KINDS[type(value)]: 0 if value is None else value}


_VALUE_KINDS: Mapping[type, str] = {
    type(None): "null_value",
    bool: "bool_value",
    int: "number_value",
    float: "number_value",
    str: "string_value",
    dict: "struct_value",
    list: "list_value",
}

_DECODERS: Mapping[str, _Decoder] = {
    _TIMESTAMP: _parse_datetime,
    _VALUE: _decode_value,
}


def _check_json(value: Any, path: str, depth: int) -> None:
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value, path)
        case int() | float():
            _explain_number(value, path)
        case list() | dict() if depth > MAX_DEPTH:
            raise CodecError(path, "property", f"is nested deeper than {MAX_DEPTH} levels")
        case list():
            for index, item in enumerate(value):
                _check_json(item, f"{path}/{index}", depth + 1)
        case dict():
            for key, item in value.items():
                if type(key) is not str:
                    raise CodecError(path, "type", "has a name that is not a string")
                _check_text(key, path)
                _check_json(item, f"{path}/{_escape(key)}", depth + 1)
        case _:
            raise CodecError(path, "type", "is not JSON")


@cache
def _spellings(enum: EnumDescriptor) -> dict[str, int]:
    """Return the number of each spelling of an enum."""
    spelling = options_pb2.spelling
    return {text: value.number for value in enum.values if (text := value.GetOptions().Extensions[spelling])}


def _values_of(enum: EnumDescriptor) -> str:
    """Return in words which values an enum has, of many the first."""
    *others, last = list(_spellings(enum))
    if len(others) >= NAMED_VALUES:
        return f"{', '.join(others[:NAMED_VALUES])} or one of {len(others) + 1 - NAMED_VALUES} more"
    return f"{', '.join(others)} or {last}" if others else last


def _message_type(field: FieldDescriptor) -> Descriptor:
    assert field.message_type is not None
    return field.message_type


def _enum_type(field: FieldDescriptor) -> EnumDescriptor:
    assert field.enum_type is not None
    return field.enum_type


def _always_present(field: FieldDescriptor) -> bool:
    return not field.has_presence and not field.is_repeated


# Why a payload was refused


def _explain_message(descriptor: Descriptor, payload: Any, path: str) -> None:
    if not isinstance(payload, dict):
        raise CodecError(path, "type", "is not an object")
    if descriptor.full_name == _CUSTOM_DATA:
        if "vendorId" not in payload:
            raise CodecError(path, "occurrence", "lacks vendorId")
        _explain_text(payload["vendorId"], f"{path}/vendorId")
        _check_json({key: value for key, value in payload.items() if key != "vendorId"}, path, 1)
        return
    fields = {each.json_name: each for each in descriptor.fields}
    for key, value in payload.items():
        if key not in fields:
            raise CodecError(f"{path}/{_escape(str(key))}", "occurrence", f"is no property of {descriptor.name}")
        field, here = fields[key], f"{path}/{key}"
        if value is None and not _always_present(field):
            continue
        if not field.is_repeated:
            _explain_single(field, value, here)
        elif not isinstance(value, list):
            raise CodecError(here, "type", "is not an array")
        else:
            for index, item in enumerate(value):
                _explain_single(field, item, f"{here}/{index}")


def _explain_single(field: FieldDescriptor, value: Any, path: str) -> None:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            _explain_text(value, path)
        case FieldDescriptor.TYPE_BOOL:
            if type(value) is not bool:
                raise CodecError(path, "type", "is not a boolean")
        case FieldDescriptor.TYPE_INT32:
            if type(value) is not int and not (type(value) is float and value.is_integer()):
                raise CodecError(path, "type", "is not an integer")
            if not -(2**31) <= value < 2**31:
                raise CodecError(path, "property", "is not an integer of 32 bits")
        case FieldDescriptor.TYPE_DOUBLE:
            _explain_number(value, path)
        case FieldDescriptor.TYPE_ENUM:
            if type(value) is not str:
                raise CodecError(path, "type", "is not a string")
            if value not in _spellings(enum := _enum_type(field)):
                raise CodecError(path, "property", f"is no value of {enum.name}: expected {_values_of(enum)}")
        case _ if _message_type(field).full_name == _TIMESTAMP:
            _explain_text(value, path)
            try:
                _parse_datetime(value)
            except CodecError as error:
                raise CodecError(path, error.kind, error.problem) from None
        case _ if _message_type(field).full_name == _VALUE:
            _check_json(value, path, 1)
        case _:
            _explain_message(_message_type(field), value, path)


def _explain_text(value: Any, path: str) -> None:
    if type(value) is not str:
        raise CodecError(path, "type", "is not a string")
    _check_text(value, path)


def _explain_number(value: Any, path: str) -> None:
    if type(value) is not int and type(value) is not float:
        raise CodecError(path, "type", "is not a number")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise CodecError(path, "property", "is not a number that a double holds")


def _check_text(value: str, path: str) -> None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise CodecError(path, "property", "has half of a surrogate pair") from None


def _escape(key: str) -> str:
    """Return a property's name as a JSON pointer has it, without what no error message could carry."""
    return key.replace("~", "~0").replace("/", "~1").encode(errors="backslashreplace").decode()


# To JSON


@cache
def _encoder(descriptor: Descriptor, exact: bool, complete: bool) -> _Encoder:
    """Return the function from a message to a JSON object."""
    if descriptor.full_name == _CUSTOM_DATA:
        return _encode_custom_data
    # ListFields leaves out what is zero and has no presence.
    zeros = {
        each.json_name: each.default_value
        for each in descriptor.fields
        if _always_present(each) and each.enum_type is None
    }
    enums = {each.json_name: each.enum_type for each in descriptor.fields if _always_present(each) and each.enum_type}
    table = {each.number: (each.json_name, _encode_field(each, exact, complete)) for each in descriptor.fields}

    def encode_message(message: Message) -> dict[str, Any]:
        payload = zeros.copy()
        for field, value in message.ListFields():
            key, convert = table[field.number]
            if convert is None:
                payload[key] = value
                continue
            try:
                encoded = convert(value)
            except CodecError as error:
                raise CodecError(f"/{key}{error.path}", error.kind, error.problem) from None
            if encoded is not None or field.message_type is not None:
                payload[key] = encoded
        for key, enum in enums.items():
            if complete and key not in payload:
                raise CodecError(f"/{key}", "occurrence", f"is missing: expected {_values_of(enum)}")
        return payload

    return encode_message


def _encode_field(field: FieldDescriptor, exact: bool, complete: bool) -> _Encoder | None:
    convert = _encode_single(field, exact, complete)
    if not field.is_repeated:
        return convert
    if convert is None:
        return list
    enum = field.enum_type

    def encode_list(values: Any) -> list[Any]:
        items: list[Any] = []
        try:
            for value in values:
                item = convert(value)
                if item is None and enum is not None:
                    raise CodecError("", "occurrence", f"is missing: expected {_values_of(enum)}")
                items.append(item)
        except CodecError as error:
            raise CodecError(f"/{len(items)}{error.path}", error.kind, error.problem) from None
        return items

    return encode_list


def _encode_single(field: FieldDescriptor, exact: bool, complete: bool) -> _Encoder | None:
    match field.type:
        case FieldDescriptor.TYPE_STRING | FieldDescriptor.TYPE_BOOL | FieldDescriptor.TYPE_INT32:
            return None
        case FieldDescriptor.TYPE_DOUBLE:
            return _encode_number if exact else _encode_decimal
        case FieldDescriptor.TYPE_ENUM:
            return _encode_enum(_enum_type(field))
        case FieldDescriptor.TYPE_MESSAGE:
            message_type = _message_type(field)
            encoders = _ENCODERS if exact else _WIRE_ENCODERS
            return encoders.get(message_type.full_name) or _encoder(message_type, exact, complete)
    raise NotImplementedError(field.full_name)


def _encode_number(value: float) -> float:
    if value - value != 0.0:
        raise CodecError("", "property", "is not a number that JSON has")
    return value


def _encode_decimal(value: float) -> float:
    # Part 2, 2.1: at most 6 decimal places.
    return round(_encode_number(value), 6)


def _encode_enum(enum: EnumDescriptor) -> _Encoder:
    spellings: dict[int, str | None] = {number: text for text, number in _spellings(enum).items()}
    spellings[0] = None

    def encode_enum(value: int) -> str | None:
        try:
            return spellings[value]
        except KeyError:
            raise CodecError("", "property", f"{value} is no value of {enum.name}") from None

    return encode_enum


def _encode_custom_data(message: Any) -> dict[str, Any]:
    data = _encode_struct(message.data) if message.HasField("data") else {}
    return {**data, "vendorId": message.vendor_id}


def _encode_struct(message: Any) -> dict[str, Any]:
    return {key: _encode_value(value) for key, value in message.fields.items()}


def _encode_value(message: Any) -> Any:
    match message.WhichOneof("kind"):
        case "number_value":
            number: float = _encode_number(message.number_value)
            # A Value has no integers; whoever sent 1 does not want to get 1.0 back.
            return int(number) if number.is_integer() and abs(number) <= _LARGEST_WHOLE else number
        case "string_value":
            return message.string_value
        case "bool_value":
            return message.bool_value
        case "struct_value":
            return _encode_struct(message.struct_value)
        case "list_value":
            return [_encode_value(item) for item in message.list_value.values]
    return None


_ENCODERS: Mapping[str, _Encoder] = {
    _TIMESTAMP: _format_datetime,
    _VALUE: _encode_value,
}

_WIRE_ENCODERS: Mapping[str, _Encoder] = {**_ENCODERS, _TIMESTAMP: _format_millis}
