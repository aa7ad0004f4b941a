"""Lines for people: wrapped between words on a terminal, and whole elsewhere, so that they can be searched."""

import os
import re
from typing import TextIO

__all__ = ["broken", "columns_of", "write_line"]

INDENT = "    "
"""Indent of continuation lines."""

LEAST = 24
"""Fewest columns of a terminal for which lines are wrapped here."""

_TOGETHER = re.compile(
    r"(?<=\d) (?=(?:k?Wh?|[AVs%]|ms|min|h|d|[A-Z]{3})(?![\w-]))|(?<=evse|EVSE|port) (?=\d)|(?<=connector) (?=\d)"
)
"""Blanks at which lines are not wrapped: between a number and its unit, a noun and its number."""

_NO_BREAK = "\N{NO-BREAK SPACE}"


def columns_of(stream: TextIO) -> int:
    """Return the columns of the terminal of a stream. 0: it is no terminal, or its width is unknown."""
    if not stream.isatty():
        return 0
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def broken(text: str, columns: int) -> list[str]:
    """Return a line, wrapped to the width of a terminal. Continuation lines are indented.

    Words, such as ids, and numbers with their units are never broken, even if they are wider than the terminal.

    Args:
        text: Printable text without line breaks.
        columns: Width of the terminal. 0: no terminal.
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
    """Write a line, wrapped if the stream is a narrower terminal."""
    stream.write("".join(f"{part}\n" for part in broken(text, columns_of(stream))))
    stream.flush()


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    # Imported here, because few lines need it.
    from rich.cells import cell_len

    return cell_len(text)
