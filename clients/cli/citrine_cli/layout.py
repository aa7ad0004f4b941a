"""How wide the columns of a table are where they have no room side by side, and some hold sentences."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

__all__ = ["wrapped_widths"]

MOST_LINES = 4
"""Lines of a row at most: with more of them, it is read better as a paragraph."""


def wrapped_widths(columns: Mapping[str, Sequence[str]], sentences: set[str], width: int) -> dict[str, int]:
    """Return how wide each column is where those with sentences go on in the next line. Empty: it can't be done.

    Args:
        columns: Headings, and the values below each.
        sentences: Headings of those that may go on in the next line, at a blank.
        width: How wide all columns may be together.
    """
    widest = {name: max(map(cell_len, (name, *values))) for name, values in columns.items()}
    widths = {name: _longest_word(name, columns[name]) if name in sentences else widest[name] for name in columns}
    left = width - sum(widths.values())
    if left < 0 or not sentences:
        return {}
    # Who needs least is given first, so that what it leaves is for the others.
    order = sorted(sentences, key=lambda name: widest[name] - widths[name])
    for place, name in enumerate(order):
        more = min(widest[name] - widths[name], left // (len(order) - place))
        widths[name] += more
        left -= more
    if any(widest[name] > widths[name] * MOST_LINES for name in sentences):
        return {}
    return widths


def _longest_word(name: str, values: Sequence[str]) -> int:
    return max(cell_len(name), *(cell_len(word) for value in values for word in value.split()), 1)
