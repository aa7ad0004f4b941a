"""Takes drivers out of sessions and CDRs: a pseudonym stands for the token, what else leads to it is left out."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from citrine_ocpi.published.tables import PublishedRow

__all__ = ["erase", "lookup_of", "uid_of"]

LONGEST_UID = 36

_TOKEN = "cdr_token"

_PSEUDONYM = "erased-"

_LEADING_TO_IT = frozenset({"authorization_reference", "signed_data"})
"""What the owner or the operator calls the authorization; readings, which name the token and can't be changed."""


def lookup_of(uid: str) -> str:
    """Return by what objects of a token are found. Empty: by nothing, since it is erased."""
    return "" if uid.startswith(_PSEUDONYM) else uid[:LONGEST_UID].lower()


def uid_of(bodies: Mapping[str, Any]) -> str:
    """Return the uid of the token that an object is of. Empty: it is of none."""
    return next((str(body[_TOKEN]["uid"]) for body in bodies.values() if _TOKEN in body), "")


def erase(rows: Iterable[PublishedRow]) -> None:
    """Have objects of one token name a pseudonym, the same in all of them."""
    pseudonym = f"{_PSEUDONYM}{secrets.token_hex(8)}"
    for row in rows:
        row.bodies = {version: _erased(body, pseudonym) for version, body in row.bodies.items()}
        row.state = {**row.state, "reference": ""} if row.state.get("reference") else row.state
        row.token_lookup = None


def _erased(body: Mapping[str, Any], pseudonym: str) -> dict[str, Any]:
    token = {**body[_TOKEN], "uid": pseudonym, "contract_id": pseudonym}
    return {name: value for name, value in body.items() if name not in _LEADING_TO_IT} | {_TOKEN: token}
