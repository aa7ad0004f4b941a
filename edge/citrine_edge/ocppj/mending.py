"""The valid part of answers that violate their schema."""

import copy
from typing import Any

from citrine_edge.ocppj.schemas import Path, Schema, Violation, remove, value_at

__all__ = ["valid_part"]

ROUNDS = 8
"""Most rounds of removal and validation: each round may reveal what the one before made invalid."""


def valid_part(schema: Schema, payload: dict[str, Any]) -> dict[str, Any] | None:
    """Return a payload without optional parts that violate its schema, or None if the rest is not valid either.

    An element of an array is never removed, because that would change the meaning of the others.
    """
    rest = copy.deepcopy(payload)
    for _ in range(ROUNDS):
        violations = schema.violations(rest)
        if not violations:
            return rest
        places = {_removable(each) for each in violations}
        # Innermost first, so that each path still exists when its value is removed.
        for place in sorted(places, key=len, reverse=True):
            if not place or type(place[-1]) is int:
                return None
            if _leads_somewhere(rest, place):
                remove(rest, place)
    return None


def _removable(violation: Violation) -> Path:
    """Return the path of what must be removed from an answer to resolve one violation."""
    if violation.keyword == "additionalProperties":
        return violation.path
    return violation.path[:-1] if violation.keyword == "required" else violation.path


def _leads_somewhere(document: Any, path: Path) -> bool:
    try:
        value_at(document, path)
    except LookupError:
        return False
    return True
