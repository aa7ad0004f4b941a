"""The command line as a process on a terminal of its own: a pty of a given width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.quick_commands import quick_citrine

__all__ = ["OnTerminal", "on_terminal"]

LINES = 50
TIMEOUT = 60.0

_CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass(frozen=True)
class OnTerminal:
    """What a command left on a terminal."""

    code: int
    raw: str

    @property
    def text(self) -> str:
        """What people see, without the codes for how it looks."""
        return _CODES.sub("", self.raw)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def on_terminal(*arguments: str, columns: int = 80, directory: Path, **environment: str) -> OnTerminal:
    """Run a command, and return what it wrote to its terminal until it ended.

    Args:
        arguments: Behind `citrine`.
        columns: How wide the terminal is.
        directory: Where it runs.
        environment: Variables besides those that any process has.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    inherited: Mapping[str, str] = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CITRINE_") and name not in {"COLUMNS", "LINES", "NO_COLOR", "TERM", "TZ"}
    }
    settings = {**inherited, "TERM": "xterm-256color", "TZ": "UTC", **environment}
    process = subprocess.Popen(
        [quick_citrine(), *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=settings, cwd=directory
    )
    os.close(theirs)
    written = bytearray()
    try:
        while part := _read(ours):
            written += part
        code = process.wait(TIMEOUT)
    finally:
        process.kill()
        os.close(ours)
    return OnTerminal(code, written.decode().replace("\r\n", "\n"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Nobody has the other end open any more.
        return b""
