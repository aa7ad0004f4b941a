"""Tokens in commands of OCPP 1.6: the idTag of a token, and the idTagInfo that a station is to store for it."""

from collections.abc import Mapping
from typing import Any

from citrine.ocpp.id_tags import id_tag_of
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_edge.dialects.v16.commands.dialogue import Json
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.tables import TOKEN_STATUSES

__all__ = ["pop_tag", "tag_info", "tag_of"]

_STATUS_NUMBERS = {spelling_of(AuthorizationStatusEnum, number): number for number in TOKEN_STATUSES}


def pop_tag(said: Fields, name: str) -> str:
    """Remove a token and return its idTag: its id, or a surrogate where that is too long.

    Raises:
        UnsupportedAction: When there is no token, as with type NoAuthorization.
    """
    token = said.pop(name)
    if not token["idToken"]:
        raise said.refuse(name, "OCPP 1.6 starts and reserves nothing without a token")
    return tag_of(token)


def tag_of(token: Mapping[str, Any]) -> str:
    """Return the idTag of an IdToken. OCPP 1.6 has no additionalInfo: a token is its id."""
    return id_tag_of(token["idToken"], token.get("type", ""))


def tag_info(info: Mapping[str, Any]) -> Json:
    """Return the idTagInfo of an IdTokenInfo. Languages, priorities and messages are nothing that a list stores."""
    found: Json = {"status": TOKEN_STATUSES[_STATUS_NUMBERS[info["status"]]]}
    if "cacheExpiryDateTime" in info:
        found["expiryDate"] = info["cacheExpiryDateTime"]
    if "groupIdToken" in info:
        found["parentIdTag"] = tag_of(info["groupIdToken"])
    return found
