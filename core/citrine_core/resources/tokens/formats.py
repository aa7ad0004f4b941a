"""The types of id tokens, the format of their ids, and the equality of spellings of an id."""

import re
from collections.abc import Mapping

__all__ = [
    "NO_AUTHORIZATION",
    "SEPARATED",
    "TYPES",
    "contract_lookup_of",
    "format_problem",
    "lookup_of",
    "lookups_of",
    "same_spelling",
    "type_of",
]

NO_AUTHORIZATION = "NoAuthorization"
"""Type of the id token that a start button sends: there is no token (C02)."""

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

SEPARATED = frozenset({"ISO14443", "ISO15693", "MacAddress"})
"""Types whose ids are bytes, which readers write with or without separators."""

_READ = SEPARATED - {"MacAddress"}
"""Types whose ids come from a card reader, which may use any separator."""

_NO_SEPARATORS = str.maketrans("", "", ":-. ")

_NO_CONTRACT_SEPARATORS = str.maketrans("", "", "-* ")

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
"""Types whose ids have a format, and the format in words. KeyCode, Local, Central and DirectPayment are any text."""

_PATTERNS = {name: re.compile(pattern, re.IGNORECASE | re.ASCII) for name, (pattern, _) in _FORMATS.items()}


def lookup_of(id_token: str, type_name: str) -> str:
    """Return the lookup of an id: a normalised spelling, which is the same for all spellings of the id.

    Only ASCII letters have a case in identifierString. Other characters are unchanged, so that a letter that looks
    alike, such as the Kelvin sign, does not match the letter in another token. If an id is bytes, separators are
    removed: 20:69:C0:21 is 2069c021.

    Args:
        id_token: The id.
        type_name: Its type, in any case. Empty: not known, and only the case is normalised.
    """
    folded = id_token.lower() if id_token.isascii() else id_token
    # An id that consists of separators only is not bytes.
    return (folded.translate(_NO_SEPARATORS) or folded) if type_of(type_name) in SEPARATED else folded


def lookups_of(id_token: str) -> set[str]:
    """Return all results of `lookup_of` for an id, for any type."""
    return {lookup_of(id_token, ""), lookup_of(id_token, "ISO14443")}


def contract_lookup_of(contract_id: str) -> str:
    """Return the spelling of a contract id without case and separators: DE-ABC-C00000001-X is deabcc00000001x."""
    return contract_id.lower().translate(_NO_CONTRACT_SEPARATORS)


def same_spelling(one: str, other: str) -> bool:
    """Return whether two ids are equal, or differ only in case."""
    return lookup_of(one, "") == lookup_of(other, "")


def type_of(text: str) -> str:
    """Return the type in the spelling of OCPP; a type that OCPP does not define is unchanged."""
    return _TYPES.get(text.lower(), text) if text.isascii() else text


def format_problem(id_token: str, type_name: str) -> str:
    """Return the format that an id violates, in words to follow "must be "; empty if the id is valid.

    Args:
        id_token: The id.
        type_name: Its type, in any case. For a type that OCPP does not define, any id is valid.
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
