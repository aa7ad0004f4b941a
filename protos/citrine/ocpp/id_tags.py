"""The idTag of OCPP 1.6 by which a token goes to a station: the token itself, or a surrogate where it is too long.

A UID of 10 bytes is 20 hexadecimal digits, and is too long only as it was typed, with separators: it goes without them,
as a reader says it.
"""

import base64
import hashlib

__all__ = ["MAX_ID_TAG", "SURROGATE_PREFIX", "id_tag_of", "is_surrogate", "surrogate_of"]

MAX_ID_TAG = 20
"""Characters of an idTag (CiString20Type)."""

SURROGATE_PREFIX = "~"
"""First character of every surrogate. The rest is 19 characters of base32: letters and digits, without case."""


_UIDS = frozenset({"ISO14443", "ISO15693"})
"""Types whose ids are the bytes of a card."""

_NO_SEPARATORS = str.maketrans("", "", ":-. ")


def id_tag_of(id_token: str, token_type: str) -> str:
    """Return the idTag of a token."""
    if len(id_token) > MAX_ID_TAG and token_type in _UIDS:
        digits = id_token.translate(_NO_SEPARATORS)
        id_token = digits if len(digits) <= MAX_ID_TAG else id_token
    return id_token if len(id_token) <= MAX_ID_TAG else surrogate_of(id_token, token_type)


def surrogate_of(id_token: str, token_type: str) -> str:
    """Return the surrogate of a token: always the same for its id and type, whatever their case."""
    content = f"{token_type}\0{id_token}".casefold().encode()
    digest = hashlib.sha256(content).digest()
    return SURROGATE_PREFIX + base64.b32encode(digest)[: MAX_ID_TAG - 1].decode()


def is_surrogate(id_tag: str) -> bool:
    """Return whether an idTag has the form of a surrogate."""
    return len(id_tag) == MAX_ID_TAG and id_tag.startswith(SURROGATE_PREFIX)
