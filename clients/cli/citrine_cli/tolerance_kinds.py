"""The kinds of tolerance in the words of the command line, and which rule would let a refused message pass."""

import shlex
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

__all__ = ["KINDS", "kind_words", "remedy_hint", "rule_name"]

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


def remedy_hint(refusal: Refusal, hardware: ChargingStation) -> str:
    """Return the command that sets the rule by which a refused message would pass. Empty if none would.

    Args:
        refusal: What was refused.
        hardware: What the station named at its boot, which the rule is for; of a refused boot, nothing may be known.
    """
    if not refusal.remedies or not refusal.action:
        return ""
    options = [("--vendor", hardware.vendor_name), ("--model", hardware.model), ("--action", refusal.action)]
    options += [("--accept", word) for word in kind_words(refusal.remedies).split() if word != "?"]
    rule_id = rule_name(hardware) or "NAME"
    words = [word for option, value in options if value for word in (option, shlex.quote(value))]
    return f"citrine tolerance set {rule_id} {' '.join(words)}"


def rule_name(hardware: ChargingStation) -> str:
    """Return a name for a rule that is for such stations. Empty where nothing is known of them."""
    name = "-".join(filter(None, (hardware.vendor_name, hardware.model))).lower()
    return "".join(each if each.isalnum() and each.isascii() else "-" for each in name)[:50]
