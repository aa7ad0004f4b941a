"""Pages of lists: by key, never by offset, with tokens that belong to one request."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from google.protobuf.message import Message

from citrine_core.errors import InvalidArgument

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_PAGE_SIZE", "Page", "open_page"]

DEFAULT_PAGE_SIZE = 100
"""Elements of a page where the caller does not say."""

MAX_PAGE_SIZE = 1000
"""Elements of a page at most."""

KeyValue = str | int | datetime

Row = TypeVar("Row")

_ONE_WRONG = "is not a next_page_token of this request"


class Page:
    """One page of a list.

    The repository is asked for `size + 1` rows behind `after`, in the order of the key; the row too many only
    tells that there is a next page.
    """

    def __init__(self, size: int, after: tuple[KeyValue, ...] | None, digest: str) -> None:
        self.size = size
        """Elements to show at most."""
        # Any: the values have the types of the key that the servicer chose itself.
        self.after: tuple[Any, ...] | None = after
        """Key of the last element of the page before. None on the first page."""
        self._digest = digest

    def close(self, rows: Sequence[Row], key: Callable[[Row], tuple[KeyValue, ...]]) -> tuple[Sequence[Row], str]:
        """Return the rows to show and next_page_token, which is empty on the last page.

        Args:
            rows: At most `size + 1` rows behind `after`.
            key: Returns the values by which the list is ordered and which tell two rows apart: text, integers
                or times.
        """
        if len(rows) <= self.size:
            return rows, ""
        shown = rows[: self.size]
        content = orjson.dumps([self._digest, *map(_pack, key(shown[-1]))])
        return shown, base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def open_page(request: Message) -> Page:
    """Return the page that a List request with `page_size` and `page_token` asks for.

    Raises:
        InvalidArgument: When the size is negative, or the token is not one that a request with the same
            other fields was given.
    """
    size: int = getattr(request, "page_size")  # noqa: B009  (a field of the requests of lists only)
    token: str = getattr(request, "page_token")  # noqa: B009
    if size < 0:
        raise InvalidArgument("page_size", "must not be negative")
    digest = _digest(request)
    after = _read(token, digest) if token else None
    return Page(min(size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE), after, digest)


def _digest(request: Message) -> str:
    """Return what is the same for all pages of a list: the request without size and token."""
    rest = type(request)()
    rest.CopyFrom(request)
    rest.ClearField("page_size")
    rest.ClearField("page_token")
    name = request.DESCRIPTOR.full_name.encode()
    return hashlib.blake2b(name + b"\n" + rest.SerializeToString(deterministic=True), digest_size=8).hexdigest()


def _read(token: str, digest: str) -> tuple[KeyValue, ...]:
    try:
        content = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        if not isinstance(content, list) or not content or content[0] != digest:
            raise InvalidArgument("page_token", _ONE_WRONG)
        return tuple(_unpack(value) for value in content[1:])
    except (ValueError, binascii.Error) as error:
        raise InvalidArgument("page_token", _ONE_WRONG) from error


def _pack(value: KeyValue) -> object:
    return {"time": value.astimezone(UTC).isoformat()} if isinstance(value, datetime) else value


def _unpack(value: object) -> KeyValue:
    match value:
        case str() if "\0" not in value:
            return value
        case bool():
            pass
        case int() if -(2**63) <= value < 2**63:
            return value
        case {"time": str(text)}:
            return datetime.fromisoformat(text).astimezone(UTC)
    raise ValueError("not a value of a key")
