"""Judges JSON of OCPI by the tables of facts alone: types, lengths, cardinalities, enums, decimals, forms of times.

It is strict, as what the adapter sends has to be: a field that the tables do not have is a fault, so are null, a time
without Z, and a number of more decimals than it may have. JSON is best read with `parse_float=Decimal`, which retains
the decimals as they were written.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.clients.ocpi.tables import FieldFact, Tables, tables_of

__all__ = ["enum_faults", "faults", "received_faults"]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ASCII = re.compile(r"[\x20-\x7e]*")
_URL = re.compile(r"https?://[^\s/?#]+\S*")

_CLOCK, _DATE = r"([01]\d|2[0-3]):[0-5]\d", r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_FORMS = {
    ("GeoLocation", "latitude"): r"-?\d{1,2}\.\d{5,7}",
    ("GeoLocation", "longitude"): r"-?\d{1,3}\.\d{5,7}",
    ("AdditionalGeoLocation", "latitude"): r"-?\d{1,2}\.\d{5,7}",
    ("AdditionalGeoLocation", "longitude"): r"-?\d{1,3}\.\d{5,7}",
    ("RegularHours", "period_begin"): _CLOCK,
    ("RegularHours", "period_end"): _CLOCK,
    ("TariffRestrictions", "start_time"): _CLOCK,
    ("TariffRestrictions", "end_time"): _CLOCK,
    ("TariffRestrictions", "start_date"): _DATE,
    ("TariffRestrictions", "end_date"): _DATE,
    ("Credentials", "token"): r"[\x21-\x7e]+",
}
"""Texts whose form the specification gives."""


def faults(value: object, name: str, version: str, *, partial: bool = False, foreign_values: bool = False) -> list[str]:
    """Return what is wrong with an object, each with its place; none if it is as the specification has it.

    With `partial` it is the body of a PATCH, which may lack any field but `last_updated`. With `foreign_values` enums
    that are open may have values that the specification does not name.
    """
    return list(_Judge(tables_of(version), foreign_values).structure(value, name, name, partial))


def enum_faults(value: object, name: str, version: str) -> list[str]:
    """Return what is wrong with the value of an enum that stands for itself."""
    return list(_Judge(tables_of(version), False).enum(value, name, name))


class _Judge:
    """Walks through a value along the tables of one version."""

    def __init__(self, tables: Tables, foreign_values: bool) -> None:
        self._tables, self._foreign_values = tables, foreign_values

    def structure(self, value: object, name: str, place: str, partial: bool = False) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{place}: {value!r} is no object"
            return
        facts = self._tables.objects[name]
        yield from (f"{place}.{field}: {name} has no such field" for field in value.keys() - facts.keys())
        for field, fact in facts.items():
            if field in value:
                yield from self._field(value[field], fact, f"{place}.{field}")
            elif fact.cardinality in "1+" and (not partial or field == "last_updated"):
                yield f"{place}.{field}: is missing"

    def _field(self, value: object, fact: FieldFact, place: str) -> Iterator[str]:
        if fact.cardinality in "1?":
            yield from self._value(value, fact, place)
        elif not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
        else:
            if fact.cardinality == "+" and not value:
                yield f"{place}: is empty"
            for number, one in enumerate(value):
                yield from self._value(one, fact, f"{place}[{number}]")

    def _value(self, value: object, fact: FieldFact, place: str) -> Iterator[str]:
        if fact.type in self._tables.objects:
            yield from self.structure(value, fact.type, place)
        elif fact.type in self._tables.enums:
            yield from self.enum(value, fact.type, place)
        else:
            yield from (f"{place}: {value!r} {fault}" for fault in _SIMPLE[fact.type](value, fact))

    def enum(self, value: object, name: str, place: str) -> Iterator[str]:
        """Yield what is wrong with the value of an enum."""
        values = self._tables.enums[name]
        named = value in values.values or (self._foreign_values and values.is_open)
        if not isinstance(value, str) or not named:
            yield f"{place}: {value!r} is no {name}"


def _string(value: object, fact: FieldFact) -> Iterator[str]:
    if not isinstance(value, str):
        yield "is no string"
        return
    if fact.length and len(value) > int(fact.length):
        yield f"is longer than {fact.length}"
    if _CONTROLS.search(value):
        yield "has control characters"
    form = _FORMS.get((fact.object, fact.field))
    if form and not re.fullmatch(form, value):
        yield f"has not the form {form}"


def _ci_string(value: object, fact: FieldFact) -> Iterator[str]:
    yield from _string(value, fact)
    if isinstance(value, str) and not _ASCII.fullmatch(value):
        yield "is not printable ASCII"


def _url(value: object, fact: FieldFact) -> Iterator[str]:
    yield from _string(value, fact)
    if isinstance(value, str) and not _URL.fullmatch(value):
        yield "is no URL"


def _time(value: object, fact: FieldFact) -> Iterator[str]:
    yield from _string(value, fact)
    if isinstance(value, str) and not (_TIME.fullmatch(value) and _is_real(value)):
        yield "is no time in UTC with Z"


def _is_real(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _boolean(value: object, _: FieldFact) -> Iterator[str]:
    if not isinstance(value, bool):
        yield "is no boolean"


def _integer(value: object, fact: FieldFact) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield "is no integer"
    elif fact.length and len(str(abs(value))) > int(fact.length):
        yield f"has more than {fact.length} digits"


def _number(value: object, fact: FieldFact) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        yield "is no number"
        return
    exponent = Decimal(repr(value) if isinstance(value, float) else value).as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > int(fact.decimals):
        yield f"has more than {fact.decimals} decimals"


_SIMPLE: Mapping[str, Any] = {
    "string": _string,
    "CiString": _ci_string,
    "URL": _url,
    "DateTime": _time,
    "boolean": _boolean,
    "int": _integer,
    "number": _number,
}


_OBJECTS = {
    "credentials": ("Credentials",),
    "locations": ("Location", "EVSE", "Connector"),
    "tariffs": ("Tariff",),
    "sessions": ("Session",),
    "cdrs": ("CDR",),
    "tokens": ("Token",),
    "commands": ("CommandResult",),
    "hubclientinfo": ("ClientInfo",),
}
"""What modules receive: the object, and what is within it by one part of the path more each."""

_PROFILES = ("ActiveChargingProfile", "ActiveChargingProfileResult", "ChargingProfileResult", "ClearProfileResult")


def received_faults(version: str, module: str, path: str, value: object, *, partial: bool = False) -> list[str]:
    """Return what is wrong with what a partner receives at a path below a module's endpoint."""
    if module == "chargingprofiles":
        # Which of them it is, is known by the URL that the partner gave.
        return min((faults(value, name, version) for name in _PROFILES), key=len)
    names = _OBJECTS[module]
    deeper = max(0, len([part for part in path.split("/") if part]) - 3) if module == "locations" else 0
    return faults(value, names[min(deeper, len(names) - 1)], version, partial=partial)
