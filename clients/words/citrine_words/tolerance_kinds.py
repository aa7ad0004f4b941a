"""The kinds of tolerance, refused messages and names of rules, in words."""

from collections.abc import Iterable, Mapping

from citrine.api.v1.refusals_pb2 import (
    TOLERANCE_KIND_EMPTY_VALUES,
    TOLERANCE_KIND_EXTRA_FIELDS,
    TOLERANCE_KIND_JSON_TYPES,
    TOLERANCE_KIND_LONG_STRINGS,
    TOLERANCE_KIND_MESSAGE_IDS,
    TOLERANCE_KIND_TIMES,
    TOLERANCE_KIND_UNKNOWN_VALUES,
    Refusal,
    ToleranceKind,
)
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_words.words import enum_word

__all__ = ["KINDS", "kind_words", "refusal_words", "rule_name"]

KINDS: Mapping[str, "ToleranceKind.ValueType"] = {
    "empty-values": TOLERANCE_KIND_EMPTY_VALUES,
    "long-strings": TOLERANCE_KIND_LONG_STRINGS,
    "extra-fields": TOLERANCE_KIND_EXTRA_FIELDS,
    "json-types": TOLERANCE_KIND_JSON_TYPES,
    "times": TOLERANCE_KIND_TIMES,
    "unknown-values": TOLERANCE_KIND_UNKNOWN_VALUES,
    "message-ids": TOLERANCE_KIND_MESSAGE_IDS,
}
"""Each kind by its word."""

_WORDS: Mapping[int, str] = {number: word for word, number in KINDS.items()}


def kind_words(kinds: Iterable[int]) -> str:
    """Return the words of kinds, with blanks between; "?" for what a newer core knows."""
    return " ".join(_WORDS.get(kind, "?") for kind in kinds)


def rule_name(hardware: ChargingStation) -> str:
    """Return a name for a rule that is for such stations. Empty where nothing is known of them."""
    name = "-".join(filter(None, (hardware.vendor_name, hardware.model))).lower()
    return "".join(each if each.isalnum() and each.isascii() else "-" for each in name)[:50]


def refusal_words(refusal: Refusal) -> str:
    """Return the name of the refused messages: "TransactionEvent Ended"."""
    kind = f" {enum_word(refusal, 'event_type')}" if refusal.event_type else ""
    return f"{refusal.action or 'unreadable'}{kind}"
