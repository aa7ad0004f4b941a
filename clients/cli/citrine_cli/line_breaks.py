"""Lines for people: on a terminal broken between words, elsewhere whole, so that who searches lines finds them."""

import os
import re
from typing import TextIO

__all__ = ["broken", "columns_of", "write_line"]

INDENT = "    "
"""Before what goes on from the line above."""

LEAST = 24
"""Columns below which a terminal breaks lines better itself."""

_TOGETHER = re.compile(
    r"(?<=\d) (?=(?:k?Wh?|[AVs%]|ms|min|h|d|[A-Z]{3})(?![\w-]))|(?<=evse|EVSE|port) (?=\d)|(?<=connector) (?=\d)"
)
"""Blanks at which nothing is broken: between a number and its unit, a kind of thing and its number."""

_NO_BREAK = "\N{NO-BREAK SPACE}"


def columns_of(stream: TextIO) -> int:
    """Return how wide the terminal is that a stream writes to. 0: it is none, or does not say."""
    if not stream.isatty():
        return 0
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def broken(text: str, columns: int) -> list[str]:
    """Return a line in parts that are no wider than a terminal, the later ones indented.

    Words, such as ids, and numbers with their units are whole: one that is wider than the terminal stays as it is.

    Args:
        text: Printable, without line breaks.
        columns: Of the terminal. 0: it is none.
    """
    if columns < LEAST or _width(text) <= columns:
        return [text]
    lead = text[: len(text) - len(text.lstrip(" "))]
    parts, line, width = [], lead, len(lead)
    gap = 0
    for word in re.findall(r" +|[^ ]+", _TOGETHER.sub(_NO_BREAK, text[len(lead) :])):
        if word[0] == " ":
            gap = len(word)
            continue
        word = word.replace(_NO_BREAK, " ")
        if gap and width + gap + _width(word) > columns:
            parts.append(line)
            line = lead + INDENT + word
        else:
            line += " " * gap + word
        width, gap = _width(line), 0
    return [*parts, line]


def write_line(stream: TextIO, text: str) -> None:
    """Write a line, as several where the stream is a terminal that has no place for it."""
    stream.write("".join(f"{part}\n" for part in broken(text, columns_of(stream))))
    stream.flush()


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    # Imported late, as what few lines need.
    from rich.cells import cell_len

    return cell_len(text)
