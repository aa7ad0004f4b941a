"""URLs of files that stations download or upload, checked before a station is sent there."""

import re
from urllib.parse import urlsplit

from citrine_core.errors import InvalidArgument
from citrine_core.rpc import check_length

__all__ = ["LONGEST_URL", "check_file_url"]

LONGEST_URL = 2000
"""Most characters of a URL in OCPP 2.1; 512 in 2.0.1, which the schema of the station's version checks."""

SCHEMES = ("https", "sftp", "ftps", "http", "ftp")
"""Protocols of FileTransferProtocols in the standard device model."""

_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
"""Characters of a URI (RFC 3986)."""


def check_file_url(field: str, url: str) -> None:
    """Refuse what is no URL of a file: private addresses are allowed, because the station may be in that network.

    Raises:
        InvalidArgument: With the field, but without the URL, which may hold a password.
    """
    check_length(field, url, LONGEST_URL, 1)
    if not _CHARACTERS.fullmatch(url):
        raise InvalidArgument(field, "must have no blanks, and other characters only percent-encoded (RFC 3986)")
    try:
        parts = urlsplit(url)
        has_host, _ = bool(parts.hostname), parts.port
    except ValueError:
        raise InvalidArgument(
            field, 'must be a URL such as "https://host/path"; its host or port is malformed'
        ) from None
    if parts.scheme not in SCHEMES or not has_host:
        raise InvalidArgument(field, f'must be a URL such as "https://host/path", of {", ".join(SCHEMES)}')
    if parts.netloc.count("@") > 1:
        raise InvalidArgument(field, "must have @ in its user and password percent-encoded")
    if parts.fragment:
        raise InvalidArgument(field, "must have no fragment: nobody sends what follows # to a server")
