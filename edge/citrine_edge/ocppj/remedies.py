"""Which tolerance covers a defect of a payload, and how it is repaired; pure functions.

What is repaired says the same in another form, or is left out. Nothing is invented, and nothing changes that determines
who pays how much: a defect of that kind has no remedy.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from citrine_edge.ocppj.schemas import Path, Schema, Violation, remove, value_at
from citrine_edge.ocppj.times import readable_time

__all__ = ["METER_VALUES", "SAMPLED", "Remedy", "Tolerance", "apply", "empty_place", "remedy_of", "remedy_of_value"]

MOST_COPIED = 50
"""Characters of a vendorErrorCode."""

SAMPLED = "sampledValue"
METER_VALUES = "meterValue"
_DATA = "transactionData"


class Tolerance(StrEnum):
    """A defect that an operator may tolerate; the values are the words of the CLI."""

    EMPTY_VALUES = "empty-values"
    LONG_STRINGS = "long-strings"
    EXTRA_FIELDS = "extra-fields"
    JSON_TYPES = "json-types"
    TIMES = "times"
    UNKNOWN_VALUES = "unknown-values"
    MESSAGE_IDS = "message-ids"


class Remedy(NamedTuple):
    """What covers a defect, and what to do about it."""

    kind: Tolerance
    place: Path
    """What is changed or removed."""
    repair: Callable[[Any], Any] | None
    """From the value to the right one. None: it is removed."""
    stays: bool = False
    """Whether it stays as it is, although it violates the schema."""
    copied_to: str = ""
    """Name of the property beside it that gets the value that was, if there is none yet."""


_IDENTITIES = frozenset(
    {
        # A truncated value would name another transaction, token, currency, tariff or vendor.
        *("transactionid", "idtoken", "additionalidtoken", "type", "groupidtoken", "tariffid", "currency", "vendorid"),
        *("messageid", "validationchecksum", "certificate", "csr", "ocspresult", "exirequest", "unit"),
        *("issuernamehash", "issuerkeyhash", "serialnumber", "responderurl", "idtag", "parentidtag"),
    }
)
"""Names of texts that are never truncated, nor made of numbers, in lower case."""

_SIGNED = frozenset({"signedmeterdata", "publickey", "signingmethod", "encodingmethod"})
"""Names of texts that are never truncated, because a signature does not match truncated text."""

_SCALES = frozenset(
    {
        *("scale", "factor", "exponent", "divisor", "unitmultiplier", "format", "flow", "direction"),
        # What OCPP 2.x has and 1.6 lacks.
        *("multiplier", "unitofmeasure"),
    }
)
"""Names of properties that the version may lack, and that would change how to interpret a sampled value."""

_REGISTERS = frozenset({"meterStart", "meterStop"})
"""Readings that are whole numbers in OCPP 1.6; with decimals they say more."""

_OTHERS: Mapping[str, str] = {
    "errorCode": "OtherError",
    "reason": "Other",
    "stoppedReason": "Other",
    "context": "Other",
}
"""What OCPP calls a value that it does not know, of properties that nothing is billed by."""

_SAME_UNITS: Mapping[str, str] = {"hz": "Hertz", "%": "Percent", "°c": "Celsius", "c": "Celsius"}
"""Other spellings of units, in lower case."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def empty_place(payload: dict[str, Any], violation: Violation) -> Path | None:
    """Return the path of the sampled value, meter value or list of them that is empty, to be removed; else None."""
    path = violation.path
    value = None if violation.keyword in ("required", "additionalProperties") else value_at(payload, path)
    if value not in (None, [], "") and not (type(value) is str and not value.strip()):
        return None
    match path:
        case (*_, name, int()) if name == SAMPLED:
            return path
        case (*_, name, int(), "value") if name == SAMPLED:
            return path[:-1]
        case (*_, name, int(), inner) if name == METER_VALUES and inner == SAMPLED:
            return path[:-1]
        case (name,) if name == METER_VALUES and violation.keyword != "required":
            return path
        case _:
            return None


def remedy_of(schema: Schema, payload: dict[str, Any], violation: Violation) -> Remedy | None:
    """Return the remedy of a violation of the schema that is no empty sample; None if it can't be tolerated."""
    if violation.keyword == "required" or not violation.path:
        return None
    if violation.keyword == "additionalProperties":
        names = [each for each in violation.path if type(each) is str]
        return Remedy(Tolerance.EXTRA_FIELDS, violation.path, None) if _is_unknown(schema, names) else None
    value = value_at(payload, violation.path)
    match violation.keyword:
        case "maxLength":
            return _of_length(violation)
        case "type":
            return _of_type(violation, value)
        case "enum" if type(value) is str:
            return _of_enum(payload, violation, value)
    return None


def remedy_of_value(schema: Schema, payload: dict[str, Any], path: Path) -> Remedy | None:
    """Return the remedy of a value that the schema allows and the translation refuses: a time, or a number in text."""
    value = value_at(payload, path)
    if type(value) is not str:
        return None
    if len(path) > 2 and path[-1] == "value" and path[-3] == SAMPLED:
        is_signed = value_at(payload, path[:-1]).get("format") == "SignedData"
        has_digit = any(each.isdigit() for each in value)
        return None if is_signed or has_digit else Remedy(Tolerance.EMPTY_VALUES, path[:-1], None)
    if path[-1] not in schema.times:
        return None
    if not value.strip():
        return Remedy(Tolerance.EMPTY_VALUES, path, None)
    time = readable_time(value)
    return None if time is None or time == value else Remedy(Tolerance.TIMES, path, lambda _: time)


def _of_length(violation: Violation) -> Remedy | None:
    names = [each for each in violation.path if type(each) is str]
    name, limit = _plain(names[-1]), violation.value
    if type(violation.path[-1]) is not str:
        return None
    if name in _SIGNED:
        return Remedy(Tolerance.LONG_STRINGS, violation.path, None, stays=True)
    if SAMPLED in names or name in _IDENTITIES:
        return None
    return Remedy(Tolerance.LONG_STRINGS, violation.path, lambda value: value[:limit])


def _of_type(violation: Violation, value: Any) -> Remedy | None:
    """Return the remedy of a value of another type of JSON: what it says is the same."""
    path, wanted, kind = violation.path, str(violation.value).split(" or "), Tolerance.JSON_TYPES
    is_number = type(value) is int or type(value) is float
    if type(value) is str and _NUMBER.fullmatch(value) and ("integer" in wanted or "number" in wanted):
        is_whole = "." not in value
        if is_whole or "number" in wanted or path[-1] in _REGISTERS:
            return Remedy(kind, path, int if is_whole else float)
        return None
    if type(value) is float and "integer" in wanted and path[-1] in _REGISTERS:
        return Remedy(kind, path, None, stays=True)
    if is_number and "string" in wanted and _plain(path[-1]) not in _IDENTITIES:
        return Remedy(kind, path, lambda number: orjson.dumps(number).decode())
    if type(value) is dict and "array" in wanted:
        return Remedy(kind, path, lambda one: [one])
    if value in ("true", "false") and "boolean" in wanted:
        return Remedy(kind, path, lambda text: text == "true")
    return None


def _of_enum(payload: dict[str, Any], violation: Violation, value: str) -> Remedy | None:
    """Return the remedy of a value that OCPP does not have."""
    path, name, options = violation.path, violation.path[-1], violation.options
    sample = value_at(payload, path[:-1]) if len(path) > 2 and path[-3] == SAMPLED else None
    is_billed = sample is not None and _is_billed(sample, options if name == "measurand" else ())
    if not value.strip():
        may_be_absent = name not in ("unit", "measurand") or not is_billed
        return Remedy(Tolerance.EMPTY_VALUES, path, None) if may_be_absent else None
    same = [each for each in options if _plain(each) == _plain(value)]
    same += [each for each in options if name == "unit" and _SAME_UNITS.get(value.lower()) == each]
    if same:
        return Remedy(Tolerance.UNKNOWN_VALUES, path, lambda _: same[0])
    if (other := _OTHERS.get(str(name))) in options:
        copied_to = "vendorErrorCode" if name == "errorCode" else ""
        return Remedy(Tolerance.UNKNOWN_VALUES, path, lambda _: other, copied_to=copied_to)
    if sample is None or is_billed:
        return None
    return Remedy(Tolerance.UNKNOWN_VALUES, path[:-1], None)


def _is_billed(sample: Mapping[str, Any], measurands: Sequence[str]) -> bool:
    """Return whether a sample may be a reading that energy is billed by.

    ``measurands`` are those that OCPP has, if that of the sample is none of them.
    """
    measurand = sample.get("measurand", "")
    if type(measurand) is not str or not measurand.strip() or measurand.lower().startswith("energy"):
        return True
    return bool(difflib.get_close_matches(measurand, measurands, n=1, cutoff=0.8))


def _is_unknown(schema: Schema, names: Sequence[str]) -> bool:
    """Return whether OCPP has no such property, in no similar spelling and at no other place of the message."""
    name, known = _plain(names[-1]), {_plain(each) for each in schema.names}
    if name in known:
        return False
    if any(each in names[:-1] for each in (SAMPLED, METER_VALUES, _DATA)):
        # Such a property may change how to interpret the sampled value beside it.
        return name not in _SCALES and not difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return True


def apply(payload: Any, remedy: Remedy) -> None:
    """Repair a payload in place."""
    if remedy.stays:
        return
    if remedy.repair is None:
        remove(payload, remedy.place)
        return
    holder = value_at(payload, remedy.place[:-1]) if len(remedy.place) > 1 else payload
    value = holder[remedy.place[-1]]
    holder[remedy.place[-1]] = remedy.repair(value)
    if remedy.copied_to:
        holder.setdefault(remedy.copied_to, value[:MOST_COPIED])


def _plain(name: Any) -> str:
    """Return a name without case and separators."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())
