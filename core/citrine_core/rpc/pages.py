"""The page that a List request asks for."""

import hashlib

from google.protobuf.message import Message

from citrine_core.db import Page
from citrine_core.errors import InvalidArgument

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_PAGE_SIZE", "open_page"]

DEFAULT_PAGE_SIZE = 100
"""Elements of a page by default."""

MAX_PAGE_SIZE = 1000
"""Most elements of a page."""


def open_page(request: Message, *, most: int = MAX_PAGE_SIZE, default: int = DEFAULT_PAGE_SIZE) -> Page:
    """Return the page that a List request with `page_size` and `page_token` asks for.

    Args:
        request: The request.
        most: Most elements of a page.
        default: Elements of a page where the request does not say.

    Raises:
        InvalidArgument: When the size is negative, or the token was not returned to a request whose other fields are
            the same.
    """
    size: int = getattr(request, "page_size")  # noqa: B009  (a field of the requests of lists only)
    token: str = getattr(request, "page_token")  # noqa: B009
    if size < 0:
        raise InvalidArgument("page_size", "must not be negative")
    return Page.of_token(token, min(size or default, most), _digest(request))


def _digest(request: Message) -> str:
    """Return a digest of the request without size and token, which is the same for all pages of a list."""
    rest = type(request)()
    rest.CopyFrom(request)
    rest.ClearField("page_size")
    rest.ClearField("page_token")
    name = request.DESCRIPTOR.full_name.encode()
    return hashlib.blake2b(name + b"\n" + rest.SerializeToString(deterministic=True), digest_size=8).hexdigest()
