"""Which tokens of `publish_allowed_to` a partner reads of a location: those of its own parties alone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from citrine_ocpi.transport import Party

__all__ = ["allowed_state", "shown_body"]

_FIELD = "publish_allowed_to"
_STATE = "allowed"


def allowed_state(owners: Sequence[Collection[Party]]) -> dict[str, Any]:
    """Return what is remembered of a location.

    Args:
        owners: The parties of each token in the list of the location, in its order.
    """
    named = [sorted([one.country_code, one.party_id] for one in parties) for parties in owners]
    return {_STATE: named} if named else {}


def shown_body(body: Mapping[str, Any], state: Mapping[str, Any], parties: Collection[Party]) -> dict[str, Any]:
    """Return a location without the tokens of others.

    Args:
        body: As it is stored.
        state: What is remembered of it.
        parties: Of who reads it.
    """
    shown = [
        token
        for token, owners in zip(body.get(_FIELD, ()), state.get(_STATE, ()), strict=False)
        if any(Party(*one) in parties for one in owners)
    ]
    return {name: shown if name == _FIELD else value for name, value in body.items() if name != _FIELD or shown}
