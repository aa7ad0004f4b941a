"""Lists of the core: each as a card with its table and the links to its other pages, and as a page with its filters."""

from collections.abc import Callable, Collection, Sequence

from citrine_console.cells import Button, Card, table
from citrine_console.filter_forms import Filter, filters_region
from citrine_console.live import Page, Region
from citrine_console.live.regions import Load
from citrine_console.paging import paging
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["PAGE_SIZE", "list_card", "list_page"]

PAGE_SIZE = 50
"""Rows of a page of a list."""


def list_card(
    visit: Visit,
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    next_page_token: str,
    *,
    name: str = "",
    buttons: Sequence[Button] = (),
    hint: str = "",
    empty: str = "",
) -> Card:
    """Return the card of one page of a list.

    Args:
        visit: Who looks.
        title: Of the card, and of the table.
        heads: Titles of the columns.
        rows: Values of the cells.
        next_page_token: As the core answered it.
        name: As in `paging`: of a list that is not the only one of its page.
        buttons: Beside the title.
        hint: Said above the table.
        empty: What is said where there are no rows. Empty: that there are none, or none like this.
    """
    empty = empty or (_("None is like this.") if visit.query else _("There are none."))
    body = table(visit.zone, title, heads, rows, empty=empty)
    return Card(title, body, buttons, hint=hint, pages=paging(visit, next_page_token, name))


def list_page(
    path: str,
    title: Callable[[Visit], str],
    needs: str,
    load: Load,
    *,
    section: str = "",
    filters: Callable[[], Sequence[Filter]] | None = None,
    kinds: Collection[str] = (),
    every: float = 60.0,
    others: Sequence[Region] = (),
) -> Page:
    """Return a page of a list, with its filters above it.

    Args:
        path: Of the page; its last part is the name of the region with the list.
        title: Of the page.
        needs: The rpc that lists.
        load: Returns the cards of the list.
        section: Entry of the navigation. Empty: that of the path.
        filters: Fields of its form.
        kinds: Events after which it is read anew.
        every: Seconds after which it is read anew in any case.
        others: Regions below it.
    """
    name = path.rpartition("/")[2]
    listed = Region(name, "parts/cards.html", load, kinds=kinds, is_main=True, every=every)
    return Page(
        path=path,
        title=title,
        template="parts/page.html",
        section=section or name,
        needs=(needs,),
        regions=[*([filters_region(filters)] if filters is not None else []), listed, *others],
    )
