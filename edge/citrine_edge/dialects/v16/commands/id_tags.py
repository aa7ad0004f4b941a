"""Tokens in commands of OCPP 1.6: the idTag of a token, and the idTagInfo that a station is to store for it."""

from collections.abc import Mapping
from typing import Any

from citrine.ocpp.id_tags import id_tag_of
from citrine_edge.dialects.v16.commands.dialogue import Json
from citrine_edge.dialects.v16.commands.fields import Fields

__all__ = ["STATUSES", "tag_info", "tag_of", "take_tag"]

STATUSES: Mapping[str, str] = {
    "Accepted": "Accepted",
    "Blocked": "Blocked",
    "ConcurrentTx": "ConcurrentTx",
    "Expired": "Expired",
    "Invalid": "Invalid",
    "NoCredit": "Blocked",
    "NotAllowedTypeEVSE": "Blocked",
    "NotAtThisLocation": "Blocked",
    "NotAtThisTime": "Blocked",
    "Unknown": "Invalid",
}
"""Authorization statuses of 2.x and 1.6. None that forbids charging becomes one that allows it."""


def take_tag(said: Fields, name: str) -> str:
    """Remove a token and return its idTag: its id, or a surrogate where that is too long.

    Raises:
        UnsupportedAction: When there is no token, as with type NoAuthorization.
    """
    token = said.take(name)
    if not token["idToken"]:
        raise said.refuse(name, "OCPP 1.6 starts and reserves nothing without a token")
    return tag_of(token)


def tag_of(token: Mapping[str, Any]) -> str:
    """Return the idTag of an IdToken. OCPP 1.6 has no additionalInfo: a token is its id."""
    return id_tag_of(token["idToken"], token.get("type", ""))


def tag_info(info: Mapping[str, Any]) -> Json:
    """Return the idTagInfo of an IdTokenInfo. Languages, priorities and messages are nothing that a list stores."""
    found: Json = {"status": STATUSES[info["status"]]}
    if "cacheExpiryDateTime" in info:
        found["expiryDate"] = info["cacheExpiryDateTime"]
    if "groupIdToken" in info:
        found["parentIdTag"] = tag_of(info["groupIdToken"])
    return found
