"""Pages of lists: what a request asks for, and the headers that lead from one to the next."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.errors import InvalidParameters

__all__ = ["PageRequest", "next_link", "parse_time", "reply_page"]

MOST = 2**31
"""Offsets beyond are no page of anybody's."""

_LINK = re.compile(r"<([^>]*)>\s*((?:;[^,;]+)*)")
_NEXT = re.compile(r";\s*rel\s*=\s*\"?next\"?\s*(?:;|$)", re.IGNORECASE)


@dataclass(frozen=True)
class PageRequest:
    """Which part of a list is asked for."""

    limit: int
    """Objects on the page, at most those that we have on one."""
    offset: int = 0
    date_from: datetime | None = None
    """Only what changed then or later. None: from the beginning."""
    date_to: datetime | None = None
    """Only what changed before. None: up to now."""

    @classmethod
    def of(cls, query: Mapping[str, str], largest: int) -> "PageRequest":
        """Return what the parameters of a request ask for.

        Raises:
            InvalidParameters: When one is none.
        """
        limit = _number(query, "limit", largest)
        if limit == 0:
            raise InvalidParameters("limit: expected a number above 0")
        times = [_time(query, name) for name in ("date_from", "date_to")]
        return cls(min(limit, largest), _number(query, "offset", 0), *times)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text) <= MOST):
        raise InvalidParameters(f"{name}: expected a number")
    return int(text)


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    # Who does not encode the + of a zone sends a blank.
    text = query.get(name, "").replace(" ", "+")
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise InvalidParameters(f"{name}: expected a date and time, as 2026-01-31T12:00:00Z") from None


def parse_time(text: str) -> datetime:
    """Return a time as OCPI writes it. Without a zone it is UTC.

    Raises:
        ValueError: When it is none.
    """
    if "T" not in text.upper():
        raise ValueError(f"{text!r} is no date and time")
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def reply_page(
    items: Sequence[object], total: int, request: PageRequest, url: str, query: Mapping[str, str], largest: int
) -> Reply:
    """Return the answer with a page of a list.

    Args:
        items: Objects of the page.
        total: How many there are on all pages.
        request: What was asked for.
        url: Of the endpoint, as the partner knows it.
        query: Parameters of the request, which those of the next page repeat.
        largest: Objects that we have on a page at most.
    """
    headers = {"X-Total-Count": str(total), "X-Limit": str(largest)}
    after = request.offset + len(items)
    if items and after < total:
        others = {name: value for name, value in query.items() if name not in ("offset", "limit")}
        parameters = urlencode({**others, "offset": after, "limit": request.limit})
        headers["Link"] = f'<{url}?{parameters}>; rel="next"'
    return Reply([*items], headers=headers)


def next_link(header: str) -> str:
    """Return the URL of the next page by the header `Link` of an answer. Empty: it was the last page."""
    return next((url for url, parameters in _LINK.findall(header) if _NEXT.search(parameters)), "")
