"""Random ids and credentials."""

import secrets
import uuid

__all__ = ["new_credentials_token", "new_id"]

TOKEN_BYTES = 32
"""Of a credentials token: 43 characters, OCPI allows 64."""


def new_id() -> str:
    """Return a new id of a request, a correlation or a process."""
    return str(uuid.uuid4())


def new_credentials_token() -> str:
    """Return a new credentials token, of printable characters of ASCII."""
    return secrets.token_urlsafe(TOKEN_BYTES)
