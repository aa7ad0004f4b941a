"""Which fields of messages, and which keys of JSON, have the id of a token, contract or group, and nothing else.

In these an id is found whatever it looks like; anywhere else, 1250 may be an amount and fleet a group of stations.
"""

from collections.abc import Sequence

from google.protobuf.descriptor import FieldDescriptor

__all__ = ["GROUP_KEYS", "TOKEN_KEYS", "is_id_field", "is_id_key"]

_TOKENS = frozenset(
    {
        *("id_token", "id_tokens", "additional_id_token", "contract_id", "visual_number", "customer_identifier"),
        "prioritized_emaids",
    }
)
"""Fields with ids of tokens and contracts, in whatever message."""

_GROUPS = frozenset({"group_id", "group_ids", "master_pass_group_id"})
"""Fields with ids of groups of tokens."""

_PUBLISH_TOKEN = "citrine.api.v1.PublishToken"

_UID = "uid"
"""Field with the id of a token in PublishToken only: elsewhere it is that of an EVSE."""

_PUBLISHED = frozenset({"publish_allowed_to", "publishAllowedTo"})
"""Keys of the PublishTokens of a location."""

_OF_STATIONS = frozenset({"citrine.api.v1.StationCounts", "citrine.api.v1.SeriesPoint"})
"""Messages whose group_id is that of a group of stations."""


def _spelled(names: frozenset[str]) -> frozenset[str]:
    """Return names as the contract and as JSON spell them."""
    parts = (name.split("_") for name in names)
    return names | {first + "".join(map(str.capitalize, others)) for first, *others in parts}


TOKEN_KEYS = _spelled(_TOKENS) | {"prioritizedEMAIDs", "idTag"}
"""Keys of JSON with ids of tokens and contracts."""

GROUP_KEYS = _spelled(_GROUPS) | {"parentIdTag"}
"""Keys of JSON with ids of groups of tokens."""


def is_id_field(field: FieldDescriptor) -> bool:
    """Return whether a text field of a message has the id of a token, contract or group."""
    assert field.containing_type is not None
    message = field.containing_type.full_name
    if field.name == _UID:
        return message == _PUBLISH_TOKEN
    return (field.name in _TOKENS or field.name in _GROUPS) and message not in _OF_STATIONS


def is_id_key(keys: Sequence[str]) -> bool:
    """Return whether the value of a key of JSON has such an id.

    Args:
        keys: The keys that lead to it, the own one last. Elements of an array have the key of the array.
    """
    last = keys[-1] if keys else ""
    return last in TOKEN_KEYS or last in GROUP_KEYS or (last == _UID and not _PUBLISHED.isdisjoint(keys))
