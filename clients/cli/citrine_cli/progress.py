"""How far long work is: on a terminal a line on stderr that is drawn anew, elsewhere nothing."""

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
"""Things that are done before a bar for them could be read."""


REPEAT_AFTER = 30.0
"""Seconds without a failed try after which the next one is another loss. Tries are 10 seconds apart at most."""


class ProgressLine:
    """A line that says how far something is that has no known end."""

    def __init__(self, *, is_shown: bool) -> None:
        self.is_shown = is_shown
        """False: nobody sees it, so that whoever writes it may say the same elsewhere."""

    def show(self, text: str) -> None:
        """Have the line say something else."""
        if self.is_shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()


def is_seen() -> bool:
    """Return whether somebody sees a line that is drawn anew."""
    return sys.stderr.isatty() and sys.stdout.isatty()


@contextmanager
def progress_line(*, is_wanted: bool = True) -> Iterator[ProgressLine]:
    """Provide a line that is wiped out at the end.

    Args:
        is_wanted: False: not even on a terminal, as with `--json`.
    """
    line = ProgressLine(is_shown=is_wanted and is_seen())
    try:
        yield line
    finally:
        line.show("")


def with_progress(things: Sequence[_Thing], label: str) -> Iterator[_Thing]:
    """Yield things one by one, with a bar where they are many."""
    if len(things) < FEW or not sys.stderr.isatty():
        yield from things
        return
    with typer.progressbar(things, label=label, file=sys.stderr) as bar:
        yield from bar


class SayDisconnected:
    """Says on a terminal that the core is lost, and waited for: once a while, however often that is tried again."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, reason: str) -> None:
        """Say it."""
        if time.monotonic() >= self._next:
            say_waiting(f"no core answers ({reason}); waiting for one")
        # Tries that go on without a break are one loss.
        self._next = time.monotonic() + REPEAT_AFTER


def say_waiting(text: str) -> None:
    """Say on stderr, where it is a terminal, what a command waits for that may print nothing for long."""
    if sys.stderr.isatty():
        write_line(sys.stderr, text)
