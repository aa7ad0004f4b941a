"""Payloads that are refused, repaired by the rules of operators."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from citrine_edge.ocppj.errors import RpcError
from citrine_edge.ocppj.remedies import Remedy, Tolerance, apply, empty_place, remedy_of, remedy_of_value
from citrine_edge.ocppj.schemas import Path, Schema, Violation, pointer_of, value_at

__all__ = ["Rule", "Use", "tolerated"]

T = TypeVar("T")

ROUNDS = 8
"""Most rounds of repair and validation: each round may reveal what the one before made invalid."""

MOST_REFUSALS = 10
"""Most times that a translation is tried again: each time, all values are repaired that are at like places."""


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
    kind: Tolerance


def tolerated(
    schema: Schema,
    action: str,
    payload: dict[str, Any],
    rules: Sequence[Rule],
    translate: Callable[[dict[str, Any]], T],
) -> tuple[T, list[Use]] | None:
    """Return what a payload says once it is repaired by the rules, and their uses; None if they do not suffice.

    Args:
        schema: Schema of the message.
        action: Action of the message.
        payload: The payload; it is not changed.
        rules: Rules for the station, in their order.
        translate: Reads a payload that is valid by the schema, save what stays as it is; raises RpcError with the path
            of a value that it can't read.
    """
    rules = [each for each in rules if action in each.actions]
    if not rules:
        return None
    repairs = _Repairs(schema, copy.deepcopy(payload), rules)
    if not repairs.make_valid():
        return None
    for _ in range(MOST_REFUSALS):
        try:
            return translate(repairs.payload), repairs.uses
        except RpcError as error:
            if not repairs.make_readable(error):
                return None
    return None


class _Repairs:
    """The repairs of one payload."""

    def __init__(self, schema: Schema, payload: dict[str, Any], rules: Sequence[Rule]) -> None:
        self.payload = payload
        self.uses: list[Use] = []
        self._schema = schema
        self._rules = rules
        self._staying: set[Path] = set()
        """What violates the schema, and stays as it is."""

    def make_valid(self) -> bool:
        """Repair all violations of the schema; return False if the rules do not suffice."""
        for _ in range(ROUNDS):
            violations = [each for each in self._schema.violations(self.payload) if each.path not in self._staying]
            if not violations:
                return True
            remedies = self._empty(violations) or self._others(violations)
            # The last element of an array first, so that the indexes of those before it stay valid.
            for violation, remedy in sorted(remedies, key=lambda each: _order(each[1].place), reverse=True):
                if not self._apply(violation.error(), remedy):
                    return False
            if not remedies:
                return False
        return False

    def make_readable(self, error: RpcError) -> bool:
        """Repair the value that a translation refused, and its like; return False if the rules do not suffice."""
        path = _path(self.payload, error.path)
        if path is None or remedy_of_value(self._schema, self.payload, path) is None:
            return False
        # The last one first, as elements of arrays may be removed.
        for place in sorted(_alike(self.payload, path), key=_order, reverse=True):
            remedy = remedy_of_value(self._schema, self.payload, place)
            if remedy is not None and not self._apply(_moved(error, place), remedy):
                return False
        # What was removed may have been required.
        return self.make_valid()

    def _empty(self, violations: Sequence[Violation]) -> list[tuple[Violation, Remedy]]:
        """Return the remedies of empty samples, which go first: nothing else matters of what is removed."""
        places: dict[Path, tuple[Violation, Remedy]] = {}
        for violation in violations:
            place = empty_place(self.payload, violation)
            if place is not None:
                stays = len(place) == 1 and place[0] in self._schema.required
                remedy = Remedy(Tolerance.EMPTY_VALUES, place, None, stays=stays)
                places.setdefault(place, (violation, remedy))
        return list(places.values())

    def _others(self, violations: Sequence[Violation]) -> list[tuple[Violation, Remedy]]:
        """Return the remedies of all violations, each place once; nothing if one of them has none."""
        places: dict[Path, tuple[Violation, Remedy]] = {}
        for violation in violations:
            remedy = remedy_of(self._schema, self.payload, violation)
            if remedy is None:
                return []
            places.setdefault(remedy.place, (violation, remedy))
        return list(places.values())

    def _apply(self, error: RpcError, remedy: Remedy) -> bool:
        rule = next((each for each in self._rules if remedy.kind in each.kinds), None)
        if rule is None:
            return False
        self.uses.append(Use(rule.rule_id, error, remedy.kind))
        if remedy.stays:
            self._staying.add(remedy.place)
        else:
            apply(self.payload, remedy)
        return True


def _path(payload: Any, pointer: str) -> Path | None:
    """Return the path that a JSON pointer names, if there is a value."""
    path: Path = ()
    holder = payload
    for part in pointer.split("/")[1:]:
        key: str | int = part.replace("~1", "/").replace("~0", "~")
        if type(holder) is list and part.isascii() and part.isdigit():
            key = int(part)
        try:
            holder = value_at(holder, (key,))
        except (LookupError, TypeError):
            return None
        path += (key,)
    return path or None


def _alike(payload: Any, path: Path) -> list[Path]:
    """Return the paths that are this one but for the indexes in arrays."""
    found: list[tuple[Path, Any]] = [((), payload)]
    for name in path:
        inner: list[tuple[Path, Any]] = []
        for place, holder in found:
            if type(name) is int and type(holder) is list:
                inner += [((*place, index), each) for index, each in enumerate(holder)]
            elif type(holder) is dict and name in holder:
                inner.append(((*place, name), holder[name]))
        found = inner
    return [place for place, _ in found]


def _moved(error: RpcError, place: Path) -> RpcError:
    """Return an error as it is at another place."""
    pointer = pointer_of(place)
    return RpcError(error.code, error.description.replace(error.path, pointer), path=pointer)


def _order(path: Path) -> tuple[tuple[int, int | str], ...]:
    return tuple((0, each) if type(each) is int else (1, each) for each in path)
