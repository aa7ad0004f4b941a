"""The types that fields of OCPI have: strings, URLs, times, numbers and enums, as they are read and written.

What partners send is read generously: fields and enum values that nobody knows are tolerated, times without a zone are
UTC, null is the same as absent. What is written is strict: times end with Z and have milliseconds at most, numbers are
JSON numbers of at most four decimals, strings have no control characters, and what has no value is left out.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Self, TypeVar, get_type_hints

from annotated_types import MaxLen
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    StringConstraints,
    create_model,
    model_serializer,
)
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "NOT_AVAILABLE",
    "CiString",
    "CiString2",
    "CiString3",
    "CiString5",
    "CiString36",
    "CiString39",
    "CiString48",
    "DateTime",
    "DisplayText",
    "Many",
    "Number",
    "OcpiModel",
    "OpenEnum",
    "Rate",
    "Some",
    "String",
    "Url",
    "shortened",
    "written_time",
]

NOT_AVAILABLE = "#NA"
"""What required ids of a session or CDR are where there is nothing to name."""

DECIMALS = 4
"""Of numbers, unless a field says otherwise."""

_T = TypeVar("_T")
_LARGEST = 10**15
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NOT_PRINTABLE_ASCII = re.compile(r"[^\x20-\x7e]")


class CiString(str):
    """A string of printable ASCII that is compared without regard to case, and retained as it was written.

    It equals any string that differs in case alone. Its hash is that of the small letters: a mapping or a set of these
    must not have other strings beside them.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.lower())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls._checked,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(_text),
        )

    @classmethod
    def _checked(cls, value: str) -> Self:
        if found := _NOT_PRINTABLE_ASCII.search(value):
            raise ValueError(f"{found[0]!r} is not printable ASCII")
        return cls(value)


def _text(value: str) -> str:
    return str.__str__(value)


def _printable(value: str) -> str:
    # Texts are shown to people: one with a line break is still of use, and goes on as one line.
    return _CONTROLS.sub(" ", value)


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _time_or_text(value: object) -> object:
    # A number is no time here, although it would be read as one.
    if not isinstance(value, str | datetime):
        raise ValueError("a time is a string of RFC 3339")
    return value


def written_time(time: datetime) -> str:
    """Return a time as OCPI writes it: in UTC with Z, and with milliseconds only where it has any."""
    text = _in_utc(time).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{text.removesuffix('.000')}Z"


def _json_number(value: Decimal, decimals: int) -> int | float:
    rounded = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


def _written_number(value: Decimal) -> int | float:
    return _json_number(value, DECIMALS)


def _written_rate(value: Decimal) -> int | float:
    return _json_number(value, 1)


def _none_as_empty(value: object) -> object:
    return () if value is None else value


def _not_empty(value: tuple[_T, ...]) -> tuple[_T, ...]:
    if not value:
        raise ValueError("at least one is required")
    return value


def shortened(text: str, length: int) -> str:
    """Return as much of a text as a field of a length can say; what is cut is seen by its ellipsis."""
    text = _printable(text).strip()
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


String = Annotated[str, AfterValidator(_printable)]
"""A string with regard to case. A field says its length beside it, as `MaxLen`."""

Url = Annotated[str, StringConstraints(max_length=255, pattern=r"(?i)^https?://\S+$", strip_whitespace=True)]

DateTime = Annotated[
    datetime, BeforeValidator(_time_or_text), AfterValidator(_in_utc), PlainSerializer(written_time, return_type=str)
]

Number = Annotated[Decimal, Field(gt=-_LARGEST, lt=_LARGEST), PlainSerializer(_written_number)]
"""A number of at most four decimals: more are rounded when it is written."""

Rate = Annotated[Decimal, Field(gt=-_LARGEST, lt=_LARGEST), PlainSerializer(_written_rate)]
"""A number of at most one decimal."""

CiString2 = Annotated[CiString, MaxLen(2)]
CiString3 = Annotated[CiString, MaxLen(3)]
CiString5 = Annotated[CiString, MaxLen(5)]
CiString36 = Annotated[CiString, MaxLen(36)]
CiString39 = Annotated[CiString, MaxLen(39)]
CiString48 = Annotated[CiString, MaxLen(48)]

Many = Annotated[tuple[_T, ...], BeforeValidator(_none_as_empty)]
"""A list that may be empty or absent: cardinality *."""

Some = Annotated[tuple[_T, ...], AfterValidator(_not_empty)]
"""A list of one at least: cardinality +."""


class OpenEnum(StrEnum):
    """An enum whose values the specification names, and that takes any other one as it came.

    Also of those that the specification closes: what a partner adds must not cost the object around it.
    """

    @classmethod
    def longest(cls) -> int:
        """Return how many characters a value may have that the specification does not name: it has to be stored."""
        return 255

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or len(value) > cls.longest() or not value.isprintable():
            return None
        other = str.__new__(cls, value)
        other._name_ = other._value_ = value
        return other

    @property
    def is_known(self) -> bool:
        """Whether the specification names it."""
        return self.value in type(self)._value2member_map_


class OcpiModel(BaseModel):
    """An object of OCPI, read from JSON by `model_validate` and written by `wire`."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)

    @model_serializer(mode="wrap")
    def _without_empty_lists(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        return {name: value for name, value in written.items() if value not in ((), [])}

    def wire(self) -> dict[str, Any]:
        """Return the object as JSON knows it: of strings, numbers, booleans, lists and dictionaries."""
        return self.model_dump(mode="json", exclude_none=True)

    def patched(self, changes: Mapping[str, Any]) -> Self:
        """Return the object with the fields of a PATCH in the place of its own; null removes one.

        Raises:
            pydantic.ValidationError: When a field is wrong, or a required one would be missing.
        """
        return self.model_validate({**self.wire(), **changes})

    @classmethod
    def checked_changes(cls, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a PATCH as `wire` would write them, without those that nobody knows.

        Raises:
            pydantic.ValidationError: When a field is wrong.
        """
        return _changes_of(cls).model_validate(changes).model_dump(mode="json", exclude_unset=True)


@cache
def _changes_of(model: type[OcpiModel]) -> type[BaseModel]:
    """Return the model of any fields of another one."""
    hints = get_type_hints(model, include_extras=True)
    fields: dict[str, Any] = {name: (hints[name] | None, None) for name in model.model_fields}
    config = ConfigDict(extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)
    return create_model(f"{model.__name__}Changes", __config__=config, **fields)


class DisplayText(OcpiModel):
    """A text for people, in one language."""

    language: Annotated[String, MaxLen(2)]
    text: Annotated[String, MaxLen(512)]
