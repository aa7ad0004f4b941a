"""Enum values of the contract, and how OCPP spells them."""

from functools import cache
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

from citrine.ocpp.v2.options_pb2 import spelling

__all__ = ["number_of", "spelling_of"]


def spelling_of(enum: Any, number: int) -> str:
    """Return how OCPP spells a value of an enum of `citrine.ocpp.v2`, e.g. "EmptyResultSet"; "" for an unknown one."""
    return _spellings(enum.DESCRIPTOR).get(number, "")


def number_of(enum: Any, text: str) -> int | None:
    """Return the value of an enum of `citrine.ocpp.v2` that OCPP spells so, whatever the case; None for no such one."""
    return _numbers(enum.DESCRIPTOR).get(text.lower())


@cache
def _spellings(enum: EnumDescriptor) -> dict[int, str]:
    return {value.number: value.GetOptions().Extensions[spelling] for value in enum.values if value.number}


@cache
def _numbers(enum: EnumDescriptor) -> dict[str, int]:
    return {text.lower(): number for number, text in _spellings(enum).items()}
