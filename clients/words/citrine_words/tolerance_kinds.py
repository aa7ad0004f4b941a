"""The kinds of tolerance, refused messages and names of rules, in words."""

import hashlib
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


_MAX_NAME = 50
"""Characters of the name of a rule."""


def kind_words(kinds: Iterable[int]) -> str:
    """Return the words of kinds, with blanks between; "?" for what a newer core knows."""
    return " ".join(_WORDS.get(kind, "?") for kind in kinds)


def rule_name(hardware: ChargingStation, action: str, kinds: Iterable[int]) -> str:
    """Return a name for a rule that no other rule has: a rule that is set replaces the one of its name.

    Args:
        hardware: What the stations say that they are. Nothing: the name is empty, as the rule is for all stations.
        action: What they may do against the schema.
        kinds: And how.
    """
    if not hardware.vendor_name and not hardware.model:
        return ""
    words = (hardware.vendor_name, hardware.model, action, *kind_words(kinds).split())
    name = "-".join(filter(None, words)).lower()
    name = "".join(each if each.isalnum() and each.isascii() else "-" for each in name)
    if len(name) <= _MAX_NAME:
        return name
    # What is cut off tells rules apart, too.
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _MAX_NAME - 9]}-{digest}"


def refusal_words(refusal: Refusal) -> str:
    """Return the name of the refused messages: "TransactionEvent Ended"."""
    kind = f" {enum_word(refusal, 'event_type')}" if refusal.event_type else ""
    return f"{refusal.action or 'unreadable'}{kind}"
