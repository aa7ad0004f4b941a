"""Repairs payloads that violate their schema: finds the valid part of an answer, and applies tolerance rules."""

import copy
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from citrine_edge.ocppj.errors import RpcError
from citrine_edge.ocppj.schemas import Path, Schema, Violation, remove, value_at

__all__ = ["Rule", "Tolerance", "Use", "tolerated", "valid_part"]

ROUNDS = 8
"""Most rounds of repair and validation: each round may reveal what the one before made invalid."""

_SAMPLED = "sampledValue"
_METER_VALUES = "meterValue"

_IDENTITIES = frozenset(
    {
        # A truncated value would name another transaction, token, currency, tariff or vendor.
        *("transactionid", "idtoken", "additionalidtoken", "type", "groupidtoken", "tariffid", "currency", "vendorid"),
        *("messageid", "validationchecksum", "certificate", "csr", "ocspresult", "exirequest", "unit"),
        *("issuernamehash", "issuerkeyhash", "serialnumber", "responderurl"),
    }
)
"""Names of texts that are never truncated, in lower case."""

_SIGNED = frozenset({"signedmeterdata", "publickey", "signingmethod", "encodingmethod"})
"""Names of texts that are never truncated, because a signature does not match truncated text."""

_SCALES = frozenset({"scale", "factor", "exponent", "divisor", "unitmultiplier", "format", "flow", "direction"})
"""Names of properties that OCPP does not have, and that would change how to interpret a sampled value."""


class Tolerance(Enum):
    """A defect that an operator may tolerate."""

    EMPTY_VALUES = "empty values"
    LONG_STRINGS = "long strings"
    EXTRA_FIELDS = "extra fields"


@dataclass(frozen=True, slots=True)
class Rule:
    """A tolerance that an operator configured, and the id of its rule."""

    rule_id: str
    actions: frozenset[str]
    kinds: frozenset[Tolerance]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a rule: a defect that was tolerated."""

    rule_id: str
    error: RpcError


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


def tolerated(
    schema: Schema, action: str, payload: dict[str, Any], rules: Sequence[Rule]
) -> tuple[dict[str, Any], list[Use]] | None:
    """Return a payload repaired by the rules, and the uses of the rules; None if the rules do not suffice.

    No value is invented, and no value changes that determines who pays how much.
    """
    rules = [each for each in rules if action in each.actions]
    if not rules:
        return None
    rest = copy.deepcopy(payload)
    uses: list[Use] = []
    for _ in range(ROUNDS):
        violations = schema.violations(rest)
        empty = _empty_places(rest, violations)
        if not empty:
            return _tolerate_others(schema, rest, violations, rules, uses)
        rule = _rule_for(rules, Tolerance.EMPTY_VALUES)
        if rule is None:
            return None
        # The last element of an array first, so that the indexes of those before it stay valid.
        for place, violation in sorted(empty.items(), key=lambda each: _order(each[0]), reverse=True):
            uses.append(Use(rule.rule_id, violation.error()))
            remove(rest, place)
    return None


def _tolerate_others(
    schema: Schema, rest: dict[str, Any], violations: Sequence[Violation], rules: Sequence[Rule], uses: list[Use]
) -> tuple[dict[str, Any], list[Use]] | None:
    whole: set[Path] = set()
    for violation in violations:
        kind = _kind(schema, violation)
        rule = None if kind is None else _rule_for(rules, kind)
        if rule is None:
            return None
        uses.append(Use(rule.rule_id, violation.error()))
        if kind is Tolerance.EXTRA_FIELDS:
            remove(rest, violation.path)
        elif _plain(violation.path[-1]) in _SIGNED:
            whole.add(violation.path)
        else:
            _cut(rest, violation)
    if any(each.path not in whole for each in schema.violations(rest)):
        return None
    return rest, uses


def _kind(schema: Schema, violation: Violation) -> Tolerance | None:
    """Return which tolerance covers a violation; None if it can't be tolerated."""
    names = [each for each in violation.path if type(each) is str]
    if violation.keyword == "maxLength" and type(violation.path[-1]) is str:
        name = _plain(names[-1])
        in_sample = _SAMPLED in names
        return Tolerance.LONG_STRINGS if name in _SIGNED or not (in_sample or name in _IDENTITIES) else None
    if violation.keyword == "additionalProperties":
        return Tolerance.EXTRA_FIELDS if _is_unknown(schema, names) else None
    return None


def _is_unknown(schema: Schema, names: Sequence[str]) -> bool:
    """Return whether OCPP has no such property, in no similar spelling and at no other place of the message."""
    name, known = _plain(names[-1]), {_plain(each) for each in schema.names}
    if name in known:
        return False
    if _SAMPLED in names[:-1] or _METER_VALUES in names[:-1]:
        # Such a property may change how to interpret the sampled value beside it.
        return name not in _SCALES and not difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return True


def _empty_places(payload: dict[str, Any], violations: Sequence[Violation]) -> dict[Path, Violation]:
    """Return the paths of empty meter values and sampled values, which are to be removed."""
    places: dict[Path, Violation] = {}
    for violation in violations:
        place = _empty_place(payload, violation)
        if place is not None:
            places.setdefault(place, violation)
    return places


def _empty_place(payload: dict[str, Any], violation: Violation) -> Path | None:
    path = violation.path
    value = None if violation.keyword in ("required", "additionalProperties") else value_at(payload, path)
    if value not in (None, [], "") and not (type(value) is str and not value.strip()):
        return None
    match path:
        case (*_, name, int()) if name == _SAMPLED:
            return path
        case (*_, name, int(), "value") if name == _SAMPLED:
            return path[:-1]
        case (*_, name, int(), inner) if name == _METER_VALUES and inner == _SAMPLED:
            return path[:-1]
        case (name,) if name == _METER_VALUES and violation.keyword != "required":
            return path
        case _:
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


def _cut(document: Any, violation: Violation) -> None:
    holder = document
    for each in violation.path[:-1]:
        holder = holder[each]
    holder[violation.path[-1]] = holder[violation.path[-1]][: violation.value]


def _rule_for(rules: Sequence[Rule], kind: Tolerance) -> Rule | None:
    return next((each for each in rules if kind in each.kinds), None)


def _order(path: Path) -> tuple[tuple[int, int | str], ...]:
    return tuple(_parts(path))


def _parts(path: Path) -> Iterator[tuple[int, int | str]]:
    for each in path:
        yield (0, each) if type(each) is int else (1, each)


def _plain(name: Any) -> str:
    """Return a name without case and separators."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())
