"""The idTag of OCPP 1.6 by which a token goes to a station: the token itself, or a surrogate where it is too long."""

import base64
import hashlib

__all__ = ["MAX_ID_TAG", "SURROGATE_PREFIX", "id_tag_of", "is_surrogate", "surrogate_of"]

MAX_ID_TAG = 20
"""Characters of an idTag (CiString20Type)."""

SURROGATE_PREFIX = "~"
"""First character of every surrogate. The rest is 19 characters of base32: letters and digits, without case."""


def id_tag_of(id_token: str, token_type: str) -> str:
    """Return the idTag of a token."""
    return id_token if len(id_token) <= MAX_ID_TAG else surrogate_of(id_token, token_type)


def surrogate_of(id_token: str, token_type: str) -> str:
    """Return the surrogate of a token: always the same for its id and type, whatever their case."""
    content = f"{token_type}\0{id_token}".casefold().encode()
    digest = hashlib.sha256(content).digest()
    return SURROGATE_PREFIX + base64.b32encode(digest)[: MAX_ID_TAG - 1].decode()


def is_surrogate(id_tag: str) -> bool:
    """Return whether an idTag has the form of a surrogate."""
    return len(id_tag) == MAX_ID_TAG and id_tag.startswith(SURROGATE_PREFIX)
