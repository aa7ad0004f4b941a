"""Which fields of messages, and which keys of JSON, have the id of a token, contract or group, and nothing else.

In these an id is found whatever it looks like; anywhere else, 1250 may be an amount and fleet a group of stations.
"""

from collections.abc import Mapping, Sequence

from google.protobuf.descriptor import FieldDescriptor

__all__ = [
    "ANY",
    "CONTRACT",
    "GROUP",
    "GROUP_KEYS",
    "GROUP_OBJECTS",
    "NUMBER",
    "TOKEN",
    "TOKEN_KEYS",
    "kind_of_field",
    "kind_of_key",
]

ANY, TOKEN, GROUP, CONTRACT, NUMBER = "any", "token", "group", "contract", "visual_number"
"""Kinds of ids; any: it may be one of each."""

_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("id_token", "id_tokens"), TOKEN),
    **dict.fromkeys(("group_id", "group_ids", "master_pass_group_id"), GROUP),
    **dict.fromkeys(("contract_id", "prioritized_emaids"), CONTRACT),
    **dict.fromkeys(("additional_id_token", "customer_identifier"), ANY),
    "visual_number": NUMBER,
}
"""Fields with ids of tokens, contracts and groups of tokens, in whatever message."""

GROUP_OBJECTS = frozenset({"group_id_token", "groupIdToken"})
"""Groups that have the form of a token."""

_PUBLISH_TOKEN = "citrine.api.v1.PublishToken"

_UID = "uid"
"""Field with the id of a token in PublishToken only: elsewhere it is that of an EVSE."""

_PUBLISHED = frozenset({"publish_allowed_to", "publishAllowedTo"})
"""Keys of the PublishTokens of a location."""


def _in_json(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


_KEYS: Mapping[str, str] = {
    **_KINDS,
    **{_in_json(name): kind for name, kind in _KINDS.items()},
    **{"prioritizedEMAIDs": CONTRACT, "idTag": TOKEN, "parentIdTag": GROUP},
}
"""Keys of JSON, as the contract, JSON and OCPP 1.6 spell them."""

TOKEN_KEYS = frozenset(name for name, kind in _KEYS.items() if kind != GROUP)
"""Keys of JSON with ids of tokens and contracts."""

GROUP_KEYS = frozenset(name for name, kind in _KEYS.items() if kind == GROUP)
"""Keys of JSON with ids of groups of tokens."""


def kind_of_field(field: FieldDescriptor) -> str | None:
    """Return of which kind the id in a text field of a message is; None: it has none."""
    assert field.containing_type is not None
    if field.name == _UID:
        return TOKEN if field.containing_type.full_name == _PUBLISH_TOKEN else None
    return _KINDS.get(field.name)


def kind_of_key(keys: Sequence[str]) -> str | None:
    """Return of which kind the id at a key of JSON is; None: there is none.

    Args:
        keys: The keys that lead to it, the own one last. Elements of an array have the key of the array.
    """
    last = keys[-1] if keys else ""
    if last == _UID:
        return None if _PUBLISHED.isdisjoint(keys) else TOKEN
    kind = _KEYS.get(last)
    return GROUP if kind == TOKEN and not GROUP_OBJECTS.isdisjoint(keys[:-1]) else kind
