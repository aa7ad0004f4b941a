"""Interactive shells on a terminal, as people type into them."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Self

from tests.support.waiting import WAIT

__all__ = ["Shell", "is_installed"]

BIN = Path(sys.executable).parent
_CODES = re.compile(r"\x1b(\[[0-9;?>=]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[=>78]|\([A-Z0-9])")

_COMMANDS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "-i"),
}

# As docs/cli.md says; then a key that shows what stands on the line, Ctrl-X p.
_SETUP = {
    "bash": (
        'eval "$(citrine completion bash)"',
        r"""bind -x '"\C-xp": printf "<<%s>>\n" "$READLINE_LINE"'""",
    ),
    "zsh": (
        "autoload -U compinit; compinit -D -u",
        'eval "$(citrine completion zsh)"',
        'shown() { print -r -- "<<$BUFFER>>" }; zle -N shown; bindkey "^Xp" shown',
    ),
    "fish": (
        "citrine completion fish > ~/.config/fish/completions/citrine.fish; source ~/.config/fish/completions/*",
        r"""bind \cxp 'printf "<<%s>>\n" (commandline)'""",
    ),
}


def is_installed(shell: str) -> bool:
    """Return whether this machine has a shell."""
    return shutil.which(shell) is not None


class Shell:
    """A shell in which `citrine` can be completed, and the line that is typed into it."""

    def __init__(self, name: str, directory: Path, core: str, key: str) -> None:
        self._main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        (directory / ".config/fish/completions").mkdir(parents=True)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, *_COMMANDS[name]],
            cwd=directory,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            env={
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(directory),
                "TERM": "xterm",
                "LANG": "C.UTF-8",
                "PS1": "$ ",
                "CITRINE_CORE": core,
                "CITRINE_KEY": key,
                "CITRINE_TENANT": "default",
            },
        )
        os.close(other)
        self._raw = ""
        for line in (*_SETUP[name], 'echo rea""dy'):
            self._type(f"{line}\r")
        self._wait_for(r"(?m)^ready\s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(WAIT)
        os.close(self._main)

    def completed(self, typed: str, wanted: str) -> str:
        """Type something and the Tab key; return what the line is then, and take it away.

        Whoever wants another line presses the key again as long as nothing happens: a core that does not answer at once
        is not waited for.
        """
        self._type(typed)
        end, line = time.monotonic() + WAIT, typed
        while line == typed:
            self._raw = ""
            self._type("\t\x18p")
            line = self._wait_for(r"<<(.*?)>>")
            if wanted == typed or time.monotonic() > end:
                break
        self._type("\x15")
        return line

    def offers(self, typed: str, *words: str) -> None:
        """Type something and the Tab key twice, at last; wait until words that it may become are shown."""
        self._raw = ""
        self._type(f"{typed}\t\t")
        for word in words:
            self._wait_for(re.escape(word))

    def _type(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    def _wait_for(self, pattern: str) -> str:
        end = time.monotonic() + WAIT
        while not (found := re.search(pattern, self._text())):
            assert select.select([self._main], [], [], max(0.0, end - time.monotonic()))[0], self._text()
            self._raw += os.read(self._main, 65536).decode(errors="replace")
        return found[1] if found.groups() else found[0]

    def _text(self) -> str:
        return _CODES.sub("", self._raw).replace("\r", "")


_OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Has a shell control the terminal that it is on, without a fork of ours beside threads of gRPC."""
