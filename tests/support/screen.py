"""A terminal as a program meets it: a pty of a size, and a screen that knows what a head that stays needs."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Terminal", "TerminalScreen"]

_PART = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|(\x1b.)|(.)", re.DOTALL)


class TerminalScreen:
    """Rows of text, a cursor and a scroll region."""

    def __init__(self, rows: int, columns: int) -> None:
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        """Begin anew in another size."""
        self.rows, self.columns = rows, columns
        self.text = [""] * rows
        self.top, self.bottom = 0, rows - 1
        self.row = self.column = 0

    def feed(self, said: str) -> None:
        """Take what a program writes."""
        for numbers, kind, back, down, other, char in _PART.findall(said):
            if kind:
                self._control([int(part) if part.isdigit() else 0 for part in numbers.split(";")], kind)
            elif back:
                self.column = 0
            elif down:
                self._down()
            elif not other:
                self._put(char)

    def _control(self, numbers: list[int], kind: str) -> None:
        first = numbers[0] if numbers else 0
        if kind == "r":
            self.top = max(first - 1, 0)
            self.bottom = (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1
            self.row = self.column = 0
        elif kind == "H":
            self.row = min(max(first - 1, 0), self.rows - 1)
            self.column = max((numbers[1] if len(numbers) > 1 else 1) - 1, 0)
        elif kind == "J":
            self.text = [""] * self.rows

    def _down(self) -> None:
        if self.row == self.bottom:
            del self.text[self.top]
            self.text.insert(self.bottom, "")
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def _put(self, char: str) -> None:
        if self.column >= self.columns:
            self.column = 0
            self._down()
        line = self.text[self.row].ljust(self.column)
        self.text[self.row] = line[: self.column] + char + line[self.column + 1 :]
        self.column += 1


class Terminal:
    """A program on a pty."""

    def __init__(
        self,
        command: Sequence[str | Path],
        directory: Path,
        rows: int,
        columns: int,
        environment: Mapping[str, str],
    ) -> None:
        self._main, other = pty.openpty()
        self.screen = TerminalScreen(rows, columns)
        self._set_size(rows, columns)
        self.process = subprocess.Popen(
            command, cwd=directory, stdin=other, stdout=other, stderr=other, env=dict(environment)
        )
        os.close(other)
        self.raw = ""

    def _set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows: int, columns: int) -> None:
        """Give it another size, as dragging its corner does."""
        self._set_size(rows, columns)
        self.screen.resize(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def wait_for(self, pattern: str, seconds: float = 60.0) -> str:
        """Read until the screen has a line that matches; return the screen."""
        deadline = time.monotonic() + seconds
        while not any(re.search(pattern, line) for line in self.screen.text):
            assert time.monotonic() < deadline, self.shown()
            if not self._read():
                raise AssertionError(self.shown())
        return self.shown()

    def _read(self) -> bool:
        if not select.select([self._main], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._main, 65536).decode(errors="replace")
        except OSError:
            # The program ended.
            return False
        self.raw += data
        self.screen.feed(data)
        return bool(data)

    def shown(self) -> str:
        """Return what the screen shows."""
        return "\n".join(line.rstrip() for line in self.screen.text)

    def end(self, number: signal.Signals) -> int:
        """Send it a signal, read to its end and return its exit code."""
        self.process.send_signal(number)
        while self._read():
            pass
        os.close(self._main)
        return self.process.wait(60)
