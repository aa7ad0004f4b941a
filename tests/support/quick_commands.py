"""A `citrine` for tests that start many processes: each is a fork of one that has imported everything (forks.py)."""

import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.support import deployment

__all__ = ["Fork", "commands", "fork", "pytest_configure", "pytest_unconfigure", "quick_citrine"]

_ROOT = Path(__file__).parents[2]

# Without `site` and what tests have installed, and with modules that are built in, such a process starts in a hundredth
# of a second: `json`, `signal` and `socket` take two more. It hands on its three files, its arguments, place and
# variables, and waits. As `python` it is what a fork of `citrine up` starts its children with, which end with it
# (citrine_cli/up/child.py).
_PROGRAM = """#!{python} -IS
import _signal, _socket, array, marshal, os, sys
arguments = sys.argv[1:]
_signal.signal(_signal.SIGINT, _signal.SIG_DFL)
if sys.argv[0].endswith("/python"):
    if arguments[:2] != ["-m", "citrine_cli.up.child"]:
        os.execv({python!r}, [{python!r}, *arguments])
    if sys.platform == "linux":
        import ctypes
        ctypes.CDLL(None).prctl(1, _signal.SIGTERM)
        if os.getppid() != int(arguments[2]):
            sys.exit(1)
    del arguments[:3]
said = marshal.dumps([arguments, os.getcwd(), dict(os.environ)])
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({address!r})
files = array.array("i", [0, 1, 2])
server.sendmsg([len(said).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
server.sendall(said)
answers = open(server.detach(), "rb")
pid = int(answers.readline())
for number in (_signal.SIGINT, _signal.SIGTERM):
    _signal.signal(number, lambda number, _: os.kill(pid, number))
code = int(answers.readline() or b"-9")
if code < 0:
    # It ends as the other one has ended.
    _signal.signal(-code, _signal.SIG_DFL) if -code != _signal.SIGKILL else None
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


class Fork:
    """A `citrine` that was forked; it is used as a `subprocess.Popen` is.

    Args:
        connection: To the process that it is a fork of.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection.detach()
        # Whoever forgets it ends it.
        weakref.finalize(self, os.close, self._connection)
        self._lock = threading.Lock()
        self.pid = int(self._line())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code if it has ended, negative if a signal has ended it."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return the exit code.

        Raises:
            subprocess.TimeoutExpired: When it takes longer than so many seconds.
        """
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("citrine", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._connection, select.POLLIN)
            if waiting.poll(None if timeout is None else timeout * 1000):
                # Several threads may have waited.
                with self._lock:
                    if self.returncode is None:
                        # What it is a fork of may have ended, and all forks with it.
                        self.returncode = int(self._line() or -signal.SIGKILL)
        return self.returncode

    def _line(self) -> bytes:
        said = b""
        while not said.endswith(b"\n") and (more := os.read(self._connection, 1)):
            said += more
        return said


class _ForkServer:
    """The process that is forked, and a folder with a `citrine` that asks it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="citrine-commands-")
        self.citrine = Path(self._folder.name) / "citrine"
        self._address = str(self.citrine.with_name("socket"))
        python = self.citrine.with_name("python")
        for program in (self.citrine, python):
            program.write_text(_PROGRAM.format(python=sys.executable, address=self._address))
            program.chmod(0o755)
        # It ends with this process, however that ends.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forks", self._address, python],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while not os.path.exists(self._address):
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def fork(
        self, arguments: Sequence[str], directory: Path, variables: Mapping[str, str], files: Sequence[int]
    ) -> Fork:
        said = marshal.dumps([[str(one) for one in arguments], str(directory), dict(variables)])
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        socket.send_fds(connection, [len(said).to_bytes(8, "big")], files)
        connection.sendall(said)
        return Fork(connection)

    def stop(self) -> None:
        self._process.communicate()
        self._folder.cleanup()


@cache
def _server() -> _ForkServer:
    return _ForkServer()


def fork(arguments: Sequence[str], directory: Path, variables: Mapping[str, str], output: int) -> Fork:
    """Start `citrine` with these arguments, in a directory, with variables and without input.

    Args:
        arguments: What stands behind `citrine`.
        directory: Where it runs.
        variables: Its environment.
        output: The descriptor that it writes to, errors too.
    """
    with open(os.devnull) as nothing:
        return _server().fork(arguments, directory, variables, [nothing.fileno(), output, output])


def quick_citrine() -> Path:
    """Return a `citrine` that starts at once; to others it looks as the other one does."""
    return _server().citrine


@pytest.fixture(scope="session")
def commands() -> Path:
    """A folder with such a `citrine`."""
    return quick_citrine().parent


def pytest_configure() -> None:
    """Have cores and edges of deployments be forks; without pytest, for measurements, they are started as ever."""
    deployment.start = fork


def pytest_unconfigure() -> None:
    """End the process that is forked, if one was."""
    if _server.cache_info().currsize:
        _server().stop()
        _server.cache_clear()
