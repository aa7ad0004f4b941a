"""The header `Authorization: Token …`: base64 as the specification has it, or raw for partners who never learned."""

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256

__all__ = ["authorization_header", "fingerprint", "is_credentials_token", "presented_tokens"]

_SCHEME = "token"

LONGEST = 64
"""Characters of a credentials token."""


def is_credentials_token(text: str) -> bool:
    """Return whether a text can be a credentials token: 1 to 64 printable characters of ASCII without blanks."""
    return 1 <= len(text) <= LONGEST and all("!" <= char <= "~" for char in text)


def authorization_header(token: str, *, is_raw: bool) -> str:
    """Return the value of the header that presents a token."""
    return f"Token {token if is_raw else b64encode(token.encode('ascii')).decode('ascii')}"


def presented_tokens(header: str) -> dict[bool, str]:
    """Return the tokens that a header may present: by whether it is raw. Empty: none."""
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() != _SCHEME or not value.isascii():
        return {}
    found = {True: value} if is_credentials_token(value) else {}
    try:
        # Some leave the padding out.
        decoded = b64decode(value + "=" * (-len(value) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return found
    return {**found, False: decoded} if is_credentials_token(decoded) else found


def fingerprint(token: str) -> str:
    """Return what is stored of a token of ours. It is random and long, so a plain hash can't be guessed back."""
    return sha256(token.encode()).hexdigest()
