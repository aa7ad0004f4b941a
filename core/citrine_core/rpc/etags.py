"""Etags of what has no version: they say what it is, so that a change back is none."""

from hashlib import sha256

from google.protobuf.message import Message

from citrine_core.errors import Conflict

__all__ = ["check_etag", "etag_of"]


def etag_of(shown: Message, *hidden: str) -> str:
    """Return the etag of a resource.

    Args:
        shown: It as the API shows it, without an etag.
        hidden: What belongs to it and is never shown.
    """
    digest = sha256(shown.SerializeToString(deterministic=True))
    for text in hidden:
        digest.update(b"\0" + text.encode())
    return digest.hexdigest()[:16]


def check_etag(what: str, given: str, current: str) -> None:
    """Check the etag that an update gives.

    Raises:
        Conflict: When it is not the current one.
    """
    if given and given != current:
        raise Conflict(f"{what} changed in between")
