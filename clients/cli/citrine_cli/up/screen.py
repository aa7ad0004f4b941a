"""The screen of `citrine up`: plain lines or, on a terminal, lines below a fixed head.

The head stays because of the terminal's scroll region (DECSTBM), which all current terminals support. Dumb and small
terminals, and other outputs, get plain lines.
"""

import os
import sys
from collections import deque
from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len, chop_cells
from rich.console import Console

from citrine_cli.errors import printable
from citrine_cli.line_breaks import broken
from citrine_cli.up.introduction import Introduction

__all__ = ["Screen"]

LEAST_BELOW = 6
"""Fewest rows for events below a head."""

LEAST_COLUMNS = 50
"""Fewest columns of a terminal with a head."""

COMFORTABLE = 12
"""Fewest rows for events below the long introduction. With fewer, the head is the short one."""

REMEMBERED = 200
"""Most lines that are redrawn after a resize."""


class Screen:
    """Prints lines below the head.

    Args:
        out: The output stream.
    """

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        # rich recognises dumb terminals.
        self._can = out.isatty() and not Console(file=out).is_dumb_terminal
        self._said: Introduction | None = None
        self._lines: deque[str] = deque(maxlen=REMEMBERED)
        self._has_head = False

    def line(self, text: str) -> None:
        """Print a line. It may contain text from stations."""
        text = printable(text)
        if self._said is not None:
            self._lines.append(text)
        self._write_line(text)

    def introduce(self, said: Introduction) -> None:
        """Print the introduction, or make it the head."""
        self._said = said
        if self._draw():
            return
        for text in ("Citrine is up.", "", *said.whole, "", "Ctrl-C stops it. What happens:"):
            self._write_line(printable(text))

    def resized(self) -> None:
        """Redraw everything after a resize of the terminal."""
        if self._said is not None and self._can and not self._draw() and self._has_head:
            self._release()

    def close(self) -> None:
        """Reset the terminal, with the cursor below the printed lines."""
        if self._has_head:
            self._release()

    def _draw(self) -> bool:
        """Draw the head and the latest lines; return False if the terminal is too small for a head."""
        if not self._can or self._said is None:
            return False
        columns, rows = self._size()
        head = self._head(self._said, columns, rows)
        if head is None:
            return False
        if not self._has_head:
            # The previous content of the screen goes into the scrollback buffer.
            self._write("\n" * rows)
        below = rows - len(head)
        shown = [part for text in self._lines for part in _wrapped(text, columns)][-(below - 1) :]
        parts = ["\x1b[r\x1b[2J\x1b[H", "\r\n".join(head), f"\x1b[{len(head) + 1};{rows}r\x1b[{rows};1H"]
        # The cursor goes to the last row, so that new lines appear at the bottom.
        parts.append("".join(f"{text}\r\n" for text in shown))
        self._has_head = True
        self._write("".join(parts))
        return True

    def _head(self, said: Introduction, columns: int, rows: int) -> list[str] | None:
        if columns < LEAST_COLUMNS:
            return None
        whole = ["Citrine is up. Ctrl-C stops it.", "", *said.whole]
        for texts, least in ((whole, COMFORTABLE), (said.brief, LEAST_BELOW)):
            head = [part for text in texts for part in _wrapped(printable(text), columns)]
            head.append("─" * columns if self._can_draw_lines() else "-" * columns)
            if len(head) + least <= rows:
                return head
        return None

    def _can_draw_lines(self) -> bool:
        return "utf" in (self._out.encoding or "").lower()

    @property
    def columns(self) -> int:
        """Width of the terminal. 0: no terminal."""
        return self._size()[0] if self._out.isatty() else 0

    def _size(self) -> tuple[int, int]:
        try:
            return os.get_terminal_size(self._out.fileno())
        except (OSError, ValueError):
            return (0, 0)

    def _release(self) -> None:
        self._has_head = False
        _, rows = self._size()
        self._write(f"\x1b[r\x1b[{max(rows, 1)};1H")

    def _write_line(self, text: str) -> None:
        self._write("".join(f"{part}\n" for part in broken(text, self.columns)))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _wrapped(text: str, columns: int) -> Sequence[str]:
    """Return a line, wrapped to the terminal. Only words that are wider than the terminal are broken."""
    return [
        piece
        for part in broken(text, columns)
        for piece in ([part] if cell_len(part) <= columns else chop_cells(part, columns))
    ]
