"""What the opening handshake of a station says: who it claims to be, and with which password. No input or output."""

import base64
import binascii
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

__all__ = ["Credentials", "Identity", "InvalidCredentials", "read_authorization", "read_path"]

MAX_STATION = 48
"""Characters of a station's identity (part 4, 3.1.1)."""

MAX_TENANT = 64


class InvalidCredentials(Exception):
    """An Authorization header that is none of Basic authentication."""

    def __str__(self) -> str:
        return "the Authorization header is malformed"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the URL says it is; the tenant is empty where the URL has none."""

    tenant_id: str
    station_id: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password of Basic authentication; the password may be any bytes."""

    username: str
    password: bytes


def read_path(path: str) -> Identity | None:
    """Return the identity in ``/{station}`` or ``/{tenant}/{station}``, or None for any other path.

    Slashes that follow each other are one, and one at the end is none: stations append their id to the URL that they
    were given, with or without a slash. Each segment is percent-decoded once, after the path is split.
    """
    root, *parts = path.partition("?")[0].split("/")
    segments = [each for each in parts if each]
    if root or not 1 <= len(segments) <= 2:
        return None
    try:
        *tenant, station = [unquote_to_bytes(each).decode() for each in segments]
    except UnicodeDecodeError:
        return None
    if not _is_name(station, MAX_STATION) or not all(_is_name(each, MAX_TENANT) for each in tenant):
        return None
    return Identity(tenant[0] if tenant else "", station)


def read_authorization(headers: Sequence[str]) -> Credentials | None:
    """Return the credentials of Basic authentication (RFC 7617), or None where there is no such header.

    Raises:
        InvalidCredentials: When there are several, of another scheme, or it can't be decoded.
    """
    if not headers:
        return None
    scheme, _, token = headers[0].strip().partition(" ")
    if len(headers) > 1 or scheme.lower() != "basic":
        raise InvalidCredentials
    try:
        username, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
        if not colon:
            raise InvalidCredentials
        return Credentials(username.decode(), password)
    except (binascii.Error, ValueError):
        raise InvalidCredentials from None


def _is_name(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and not any(unicodedata.category(each).startswith("C") for each in text)
