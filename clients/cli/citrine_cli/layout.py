"""Column widths of a table that is wider than the terminal, and whose sentences can wrap."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

__all__ = ["wrapped_widths"]

MOST_LINES = 4
"""Most lines of a row. A longer row is better read as a paragraph."""


def wrapped_widths(columns: Mapping[str, Sequence[str]], sentences: set[str], width: int) -> dict[str, int]:
    """Return the width of each column if columns with sentences wrap. Empty: the table does not fit.

    Args:
        columns: Values by heading.
        sentences: Headings of the columns that may wrap at blanks.
        width: Largest width of all columns together.
    """
    widest = {name: max(map(cell_len, (name, *values))) for name, values in columns.items()}
    widths = {name: _longest_word(name, columns[name]) if name in sentences else widest[name] for name in columns}
    left = width - sum(widths.values())
    if left < 0 or not sentences:
        return {}
    # The columns that need least come first, so that the others share the rest.
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
