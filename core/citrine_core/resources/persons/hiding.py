"""Hides other people in what is given out of a person: entries of lists that are of others, and ids of their tokens."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from citrine_core.resources.persons.fields import GROUP_KEYS, GROUP_OBJECTS, TOKEN, TOKEN_KEYS, kind_of_key
from citrine_core.resources.persons.messages import change_json
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["without_others"]

HIDDEN = "********"
"""Stands for the id of somebody else."""

_COLUMNS = frozenset({"stop_id_token", "id_token_lookup", "lookup", "surrogate"})
"""Columns with ids of tokens that have names of their own."""

_OF_A_TOKEN = frozenset({"id_token", "idToken", "idTag"}) | _COLUMNS
"""Keys of the ids of tokens themselves: what stands beside that of the person is theirs."""


def without_others(row: Mapping[str, Any], person: Person) -> dict[str, Any]:
    """Return a row, as JSON, without what it says of other people than a person.

    Of a list, only entries that name the person, or nobody, are left. Groups of tokens are nobody.
    """
    is_own = _has_own_id(row, person)
    return {key: _of_row(key, value, _type_beside(key, row), person, is_own=is_own) for key, value in row.items()}


def _of_row(key: str, value: Any, type_name: str, person: Person, *, is_own: bool) -> Any:
    if key in _COLUMNS:
        return value if not value or person.has_id(value, TOKEN, type_name) else HIDDEN
    if isinstance(value, str) and value[:1] in ("{", "["):
        # It was cut, or it would be an object.
        return change_json(value, lambda keys, one, beside: _shown_id(keys, one, _type_beside(key, beside), person))
    return _pruned(value, (key,), type_name, person, is_own=is_own)


def _pruned(value: Any, keys: tuple[str, ...], type_name: str, person: Person, *, is_own: bool = False) -> Any:
    if isinstance(value, Mapping):
        if keys[-1] in GROUP_OBJECTS:
            return value
        owns = _has_own_id(value, person)
        if owns and keys[-1] in _OF_A_TOKEN:
            # A token of the person, with its further ids.
            return value
        return {
            key: _pruned(one, (*keys, key), _type_beside(key, value), person, is_own=owns) for key, one in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_pruned(one, keys, "", person) for one in value if _is_shown(one, keys, person)]
    if isinstance(value, str) and not (is_own and keys[-1] not in _OF_A_TOKEN):
        return _shown_id(keys, value, type_name, person)
    return value


def _shown_id(keys: Sequence[str], value: str, type_name: str, person: Person) -> str:
    kind = kind_of_key(keys)
    is_of_token = kind is not None and keys[-1] not in GROUP_KEYS
    return HIDDEN if value and is_of_token and not person.has_id(value, kind or TOKEN, type_name) else value


def _is_shown(entry: Any, keys: tuple[str, ...], person: Person) -> bool:
    named = list(_ids_in(entry, keys))
    return not named or any(person.has_id(*one) for one in named)


def _ids_in(value: Any, keys: tuple[str, ...], type_name: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the ids of tokens and groups in a value, each with its kind and type."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _ids_in(one, (*keys, key), _type_beside(key, value))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            yield from _ids_in(one, keys)
    elif isinstance(value, str) and value and (kind := kind_of_key(keys)) is not None:
        yield value, kind, type_name


def _has_own_id(value: Mapping[str, Any], person: Person) -> bool:
    ids = ((key, one) for key, one in value.items() if key in TOKEN_KEYS or key in _COLUMNS or key == "uid")
    return any(
        isinstance(one, str) and person.has_id(one, kind_of_key([key]) or TOKEN, _type_beside(key, value))
        for key, one in ids
    )


def _type_beside(key: str, value: Mapping[str, Any]) -> str:
    """Return the type of the token whose id is at a key; empty: nothing says so."""
    for name in (f"{key}_type", "id_token_type", "type"):
        if isinstance(found := value.get(name), str):
            return found
    return ""
