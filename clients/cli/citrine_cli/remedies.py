"""Which command would let a refused message pass."""

import shlex

from citrine.api.v1.refusals_pb2 import Refusal
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_words.tolerance_kinds import kind_words, rule_name

__all__ = ["remedy_hint"]


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
    rule_id = rule_name(hardware, refusal.action, refusal.remedies) or "NAME"
    words = [word for option, value in options if value for word in (option, shlex.quote(value))]
    return f"citrine tolerance set {rule_id} {' '.join(words)}"
