"""Progress of long work: a redrawn line on stderr on a terminal, and nothing elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import typer

from citrine_cli.line_breaks import write_line

__all__ = ["ProgressLine", "SayDisconnected", "is_seen", "progress_line", "say_waiting", "with_progress"]

_Thing = TypeVar("_Thing")

FEW = 10
"""Fewest things for which a bar is shown. Fewer are done before it can be read."""


REPEAT_AFTER = 30.0
"""Seconds without a failed attempt after which the next one is a new outage. Attempts are at most 10 seconds apart."""


class ProgressLine:
    """A progress line for work without a known end."""

    def __init__(self, *, is_shown: bool) -> None:
        self.is_shown = is_shown
        """Whether the line is visible. If not, the caller may print the text elsewhere."""

    def show(self, text: str) -> None:
        """Replace the text of the line."""
        if self.is_shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()


def is_seen() -> bool:
    """Return whether a redrawn line would be visible."""
    return sys.stderr.isatty() and sys.stdout.isatty()


@contextmanager
def progress_line(*, is_wanted: bool = True) -> Iterator[ProgressLine]:
    """Provide a progress line, which is erased at the end.

    Args:
        is_wanted: False: show no line even on a terminal, as with `--json`.
    """
    line = ProgressLine(is_shown=is_wanted and is_seen())
    try:
        yield line
    finally:
        line.show("")


def with_progress(things: Sequence[_Thing], label: str) -> Iterator[_Thing]:
    """Yield things one by one, with a progress bar if there are many."""
    if len(things) < FEW or not sys.stderr.isatty():
        yield from things
        return
    with typer.progressbar(things, label=label, file=sys.stderr) as bar:
        yield from bar


class SayDisconnected:
    """Prints on a terminal that the connection to the core is lost: once per outage, not once per attempt."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, reason: str) -> None:
        """Print it, if this is the first attempt of an outage."""
        if time.monotonic() >= self._next:
            say_waiting(f"no core answers ({reason}); waiting for one")
        # Attempts without a break belong to one outage.
        self._next = time.monotonic() + REPEAT_AFTER


def say_waiting(text: str) -> None:
    """Print on stderr, if it is a terminal, what a command waits for."""
    if sys.stderr.isatty():
        write_line(sys.stderr, text)
