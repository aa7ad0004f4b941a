"""The types of id tokens, what an id of each looks like, and which spellings of an id are the same."""

import re
from collections.abc import Mapping

__all__ = ["NO_AUTHORIZATION", "TYPES", "format_problem", "lookup_of", "lookups_of", "same_spelling", "type_of"]

NO_AUTHORIZATION = "NoAuthorization"
"""Type of what a start button sends: there is no token behind it (C02)."""

TYPES = (
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "eMAID",
    "Central",
    "MacAddress",
    NO_AUTHORIZATION,
    "EVCCID",
    "VIN",
    "DirectPayment",
)
"""Types of tokens in the spelling of OCPP."""

_TYPES: Mapping[str, str] = {name.lower(): name for name in TYPES}

_SEPARATED = frozenset({"ISO14443", "ISO15693", "MacAddress"})
"""Types whose ids are bytes, which readers write with and without something between them."""

_READ = _SEPARATED - {"MacAddress"}
"""Types whose ids come from a card reader, which separates as it likes."""

_NO_SEPARATORS = str.maketrans("", "", ":-. ")

_MAC = r"[0-9A-F]{12}|[0-9A-F]{2}(?::[0-9A-F]{2}){5}|[0-9A-F]{2}(?:-[0-9A-F]{2}){5}"

_FORMATS: Mapping[str, tuple[str, str]] = {
    # UIDs of one, two and three sizes: 4, 7 and 10 bytes.
    "ISO14443": (
        r"[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20}",
        "8, 14 or 20 hexadecimal digits, with separators or without",
    ),
    "ISO15693": (r"[0-9A-F]{16}", "16 hexadecimal digits, with separators or without"),
    # ISO 15118 with and without check digit, and DIN SPEC 91286, each with and without separators.
    "eMAID": (
        r"[A-Z]{2}([-*]?)[A-Z0-9]{3}\1(?:[A-Z0-9]{9}(?:\1[A-Z0-9])?|[A-Z0-9]{6}(?:\1[A-Z0-9])?)",
        "a country (2 letters), a provider (3 characters), an id (9 or 6) and perhaps a check digit",
    ),
    "MacAddress": (_MAC, "12 hexadecimal digits, in pairs or not"),
    "EVCCID": (r"[A-Z0-9]{12,255}|" + _MAC, "at least 12 letters and digits"),
    "VIN": (r"[A-HJ-NPR-Z0-9]{17}", "17 letters and digits without I, O and Q"),
}
"""Types whose ids have a form, and the form in words. KeyCode, Local, Central and DirectPayment are any text."""

_PATTERNS = {name: re.compile(pattern, re.IGNORECASE | re.ASCII) for name, (pattern, _) in _FORMATS.items()}


def lookup_of(id_token: str, type_name: str) -> str:
    """Return what is the same for all spellings of an id of a type.

    Only ASCII letters have a case in identifierString. Other characters stay as they are, so that no letter that
    looks alike, as the Kelvin sign does, becomes the letter of somebody's token. Where an id is bytes, what stands
    between them does not count: 20:69:C0:21 is 2069c021.

    Args:
        id_token: The id.
        type_name: Its type, in any case. Empty: not known, and nothing but case is disregarded.
    """
    folded = id_token.lower() if id_token.isascii() else id_token
    # An id of separators alone is no bytes.
    return (folded.translate(_NO_SEPARATORS) or folded) if type_of(type_name) in _SEPARATED else folded


def lookups_of(id_token: str) -> set[str]:
    """Return what lookup_of returns for an id, whatever its type is."""
    return {lookup_of(id_token, ""), lookup_of(id_token, "ISO14443")}


def same_spelling(one: str, other: str) -> bool:
    """Return whether two ids differ in case at most."""
    return lookup_of(one, "") == lookup_of(other, "")


def type_of(text: str) -> str:
    """Return the type in the spelling of OCPP; one that OCPP does not name stays as it is."""
    return _TYPES.get(text.lower(), text) if text.isascii() else text


def format_problem(id_token: str, type_name: str) -> str:
    """Return what an id of this type must be and is not, in words after "must be "; empty where it is right.

    Args:
        id_token: The id.
        type_name: Its type, in any case. One that OCPP does not name takes any id.
    """
    kind = type_of(type_name)
    pattern = _PATTERNS.get(kind)
    if kind in _READ:
        id_token = id_token.translate(_NO_SEPARATORS)
    if pattern is not None and not pattern.fullmatch(id_token):
        return _FORMATS[kind][1]
    if kind == NO_AUTHORIZATION and id_token:
        return "empty"
    if kind != NO_AUTHORIZATION and not id_token:
        return "at least one character"
    return ""
