"""A list of the core as a card: its table, what is said where it is empty, and the links to its other pages."""

from collections.abc import Sequence

from citrine_console.cells import Button, Card, table
from citrine_console.paging import paging
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["PAGE_SIZE", "list_card"]

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
