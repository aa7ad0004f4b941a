"""Pages of lists: forward by the token of the core, back by the tokens that led here."""

from collections.abc import Mapping

from citrine_console.visits import Visit

__all__ = ["paging"]

MOST_BEFORE = 20
"""Tokens of pages before that a URL has; further back is the first page."""


def paging(visit: Visit, next_page_token: str) -> Mapping[str, object]:
    """Return the links from a page of a list to its neighbours, as variables of the template parts/paging.html.

    The query has the token of the page as `page`, and those of the pages before as `before`, divided by blanks.
    """
    here = visit.query["page"]
    before = [token for token in visit.query["before"].split(" ") if token]
    path = visit.path
    following = " ".join([*before, here or "-"][-MOST_BEFORE:])
    last = before[-1] if before else ""
    previous = visit.query.with_(page=last.strip("-"), before=" ".join(before[:-1]))
    return {
        "page_next": f"{path}?{visit.query.with_(page=next_page_token, before=following)}" if next_page_token else "",
        "page_back": f"{path}?{previous}".removesuffix("?") if here else "",
        "page_first": f"{path}?{visit.query.with_(page=None, before=None)}".removesuffix("?") if here else "",
    }
