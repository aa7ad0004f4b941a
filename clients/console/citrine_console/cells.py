"""Typed values as HTML, and what is made of them: tables, facts and links. All text is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from urllib.parse import quote

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from markupsafe import Markup

from citrine_console import formats
from citrine_console.texts import _
from citrine_words.cells import Figure, State

__all__ = [
    "Ago",
    "Button",
    "Card",
    "Code",
    "Figure",
    "State",
    "ago_element",
    "badge",
    "evse_words",
    "facts",
    "link",
    "muted",
    "segment",
    "shown",
    "station_link",
    "table",
    "time_element",
    "transaction_link",
    "two_lines",
]


class Code(str):
    """Text that machines know: an id, a name of a variable, a value."""

    __slots__ = ()


@dataclass(frozen=True)
class Ago:
    """A time that is shown relative to now."""

    time: Timestamp | None


@dataclass(frozen=True)
class Button:
    """A link that looks like a button: it opens a dialog, or a page."""

    path: str
    text: str
    is_page: bool = False

    def __html__(self) -> str:
        kind = Markup("") if self.is_page else Markup(" data-dialog")
        return Markup('<a class="button" href="{}"{}>{}</a>').format(self.path, kind, self.text)


@dataclass(frozen=True)
class Card:
    """A part of a page with a title, shown by the template parts/cards.html."""

    title: str
    body: Markup
    buttons: Sequence[Button] = ()
    note: str = ""
    """Said above the body, as what must not be overlooked."""
    hint: str = ""
    """Said above the body, quietly."""
    pages: Mapping[str, object] = field(default_factory=dict)
    """Links to the other pages of its list, as `paging` returns them."""


def segment(text: str) -> str:
    """Return text as a part of a path."""
    return quote(text, safe="")


def time_element(value: Timestamp | datetime | None, zone: tzinfo) -> Markup | str:
    """Return a time with day and zone."""
    if not formats.iso(value):
        return formats.NOTHING
    return Markup('<time datetime="{}">{}</time>').format(formats.iso(value), formats.day_time(value, zone))


def ago_element(value: Timestamp | datetime | None, zone: tzinfo) -> Markup | str:
    """Return a time that the browser shows relative to now, with the whole of it at hand."""
    if not formats.iso(value):
        return formats.NOTHING
    text = formats.day_time(value, zone)
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(formats.iso(value), text, text)


def shown(value: object, zone: tzinfo) -> Markup | str:
    """Return a value as it is shown; what is not there is a dash."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Timestamp):
        return time_element(value, zone)
    if isinstance(value, Ago):
        return ago_element(value.time, zone)
    if isinstance(value, Duration):
        return formats.duration(value)
    if isinstance(value, Button):
        return Markup(value.__html__())
    if isinstance(value, (list, tuple)):
        if any(value) and all(isinstance(one, Button) for one in value if one):
            return Markup('<div class="buttons">{}</div>').format(Markup("").join(one for one in value if one))
        return Markup(" ").join(shown(one, zone) for one in value if one) if any(value) else formats.NOTHING
    if value is None or value == "":
        return formats.NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, (int, float)):
        return formats.number(value)
    if isinstance(value, State):
        return badge(value, formats.tone(value))
    if isinstance(value, Code):
        return Markup("<code>{}</code>").format(Markup(",<wbr>").join(value.split(",")))
    return str(value)


def table(
    zone: tzinfo, caption: str, heads: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = ""
) -> Markup:
    """Return a table. The first value of a row names it; a head that is a `Figure` is of a column of numbers.

    Args:
        zone: Time zone of its times.
        caption: What it is of, for readers of screens.
        heads: Titles of the columns; one that is empty is of buttons.
        rows: Values of the cells.
        empty: What is said where there are no rows.
    """
    if not rows:
        return Markup('<p class="empty">{}</p>').format(empty or _("None."))
    titles = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(
            _FIGURE if isinstance(head, Figure) else "",
            head or Markup('<span class="hidden">{}</span>').format(_("Actions")),
        )
        for head in heads
    )
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            shown(row[0], zone),
            Markup("").join(
                Markup("<td{}>{}</td>").format(_FIGURE if isinstance(head, Figure) else "", shown(cell, zone))
                for head, cell in zip(heads[1:], row[1:], strict=True)
            ),
        )
        for row in rows
    )
    return _TABLE.format(label=caption, caption=caption, heads=titles, body=body)


_FIGURE = Markup(' class="figure"')

_TABLE = Markup(
    '<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="table">'
    '<caption class="hidden">{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
)


def facts(zone: tzinfo, pairs: Sequence[tuple[str, object]]) -> Markup:
    """Return names with their values, without those of which there is none."""
    return Markup('<dl class="facts">{}</dl>').format(
        Markup("").join(
            Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, shown(value, zone))
            for name, value in pairs
            if shown(value, zone) != formats.NOTHING
        )
    )


def link(path: str, text: str) -> Markup:
    """Return a link to a page."""
    return Markup('<a href="{}">{}</a>').format(path, text)


def station_link(station_id: str, tab: str = "") -> Markup:
    """Return a link to the page of a station, or to one of its tabs."""
    return link(f"/stations/{segment(station_id)}{f'/{tab}' if tab else ''}", station_id)


def transaction_link(station_id: str, transaction_id: str) -> Markup | str:
    """Return a link to a transaction. Empty: there is none."""
    if not transaction_id:
        return ""
    short = transaction_id if len(transaction_id) <= 14 else f"{transaction_id[:13]}…"
    path = f"/stations/{segment(station_id)}/transactions/{segment(transaction_id)}"
    return Markup('<a href="{}"><code>{}</code></a>').format(path, short)


def badge(text: str, tone: str = "plain") -> Markup:
    """Return a word for a state that is ours, with its tone: good, warn, bad or plain."""
    return Markup('<span class="state {}">{}</span>').format(tone, text)


def muted(text: object) -> Markup:
    """Return text that is not the first to be read."""
    return Markup('<span class="muted">{}</span>').format(text) if text else Markup("")


def two_lines(first: object, second: object, zone: tzinfo) -> Markup:
    """Return a value with another one below it, which is not the first to be read."""
    below = Markup('<br><span class="muted">{}</span>').format(shown(second, zone)) if second else Markup("")
    return Markup("{}{}").format(shown(first, zone), below)


def evse_words(evse_id: int, connector_id: int | None = None) -> str:
    """Return an EVSE, or a connector of it; of 0 it is the whole station."""
    if not evse_id:
        return _("whole station")
    return f"EVSE {evse_id}" + (f" · {connector_id}" if connector_id else "")
