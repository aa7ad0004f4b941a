"""Pages of lists: forward by the token of the core, back by the tokens that led here."""

from collections.abc import Mapping

from citrine_console.visits import Visit

__all__ = ["paging"]

MOST_BEFORE = 20
"""Tokens of pages before that a URL has; further back is the first page."""


def paging(visit: Visit, next_page_token: str, name: str = "") -> Mapping[str, object]:
    """Return the links from a page of a list to its neighbours, which the template parts/paging.html shows.

    The query has the token of the page as `page`, and those of the pages before as `before`, divided by blanks.

    Args:
        visit: Who looks.
        next_page_token: As the core answered it.
        name: Of a list that is not the only one of its page: the id of its region, with which its part of the query
            begins (`NAME-page`).
    """
    token, tokens = (f"{name}-page", f"{name}-before") if name else ("page", "before")
    here = visit.query[token]
    before = [one for one in visit.query[tokens].split(" ") if one]

    def address(page: str, led_by: str) -> str:
        query = visit.query.with_(**{token: page, tokens: led_by})
        return f"{visit.path}{f'?{query}' if query else ''}{f'#{name}' if name else ''}"

    following = " ".join([*before, here or "-"][-MOST_BEFORE:])
    last = before[-1] if before else ""
    return {
        "next": address(next_page_token, following) if next_page_token else "",
        "back": address(last.strip("-"), " ".join(before[:-1])) if here else "",
        "first": address("", "") if here else "",
    }
