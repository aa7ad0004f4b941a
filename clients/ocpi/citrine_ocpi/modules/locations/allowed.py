"""What a partner reads of a location: of `publish_allowed_to` the tokens of its own parties, and EVSEs that it sees."""

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


def shown_body(
    body: Mapping[str, Any],
    state: Mapping[str, Any],
    parties: Collection[Party],
    uids: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return a location without the tokens of others, and without EVSEs that the reader does not see.

    Args:
        body: As it is stored.
        state: What is remembered of it.
        parties: Of who reads it.
        uids: EVSEs that they see. None: all.
    """
    if uids is not None:
        evses = [one for one in body.get("evses", ()) if one["uid"] in uids]
        body = {name: evses if name == "evses" else value for name, value in body.items() if name != "evses" or evses}
    shown = [
        token
        for token, owners in zip(body.get(_FIELD, ()), state.get(_STATE, ()), strict=False)
        if any(Party(*one) in parties for one in owners)
    ]
    return {name: shown if name == _FIELD else value for name, value in body.items() if name != _FIELD or shown}
