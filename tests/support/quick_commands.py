"""A `citrine` for tests that type many commands: each is a fork of one process that has imported everything.

It is a process of its own as ever, with its own arguments, variables, directory, input, output and exit code, and takes
signals. What it saves is to import the same again, nine tenths of what a short command costs.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["commands"]

_ROOT = Path(__file__).parents[2]

# Without `site` and what tests have installed, such a process starts in a hundredth of a second. It hands on its three
# files, its arguments, its place and its variables, and waits; what goes on for long is started as it is.
_PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys
arguments = sys.argv[1:]
if not arguments or arguments[0] in ("core", "edge", "simulate", "db") or arguments == ["up"]:
    os.execv({citrine!r}, [{citrine!r}, *arguments])
begun = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: begun and os.kill(begun[0], number))
said = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
socket.send_fds(server, [len(said).to_bytes(8, "big")], [0, 1, 2])
server.sendall(said)
answers = server.makefile("rb")
begun.append(int(answers.readline()))
sys.exit(int(answers.readline() or b"137"))
"""


@pytest.fixture(scope="session")
def commands() -> Iterator[Path]:
    """A folder with such a `citrine`."""
    with tempfile.TemporaryDirectory(prefix="citrine-commands-") as name:
        folder = Path(name)
        address = str(folder / "socket")
        program = folder / "citrine"
        citrine = str(Path(sys.executable).parent / "citrine")
        program.write_text(_PROGRAM.format(python=sys.executable, citrine=citrine, address=address))
        program.chmod(0o755)
        # It ends with this process, however that ends.
        server = subprocess.Popen(
            [sys.executable, "-m", __name__, address], cwd=_ROOT, stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 60
            while not os.path.exists(address):
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield folder
        finally:
            server.communicate()


def _serve(address: str) -> None:
    from citrine_cli import app
    from citrine_cli.lazy_group import Deferred
    from citrine_cli.nouns import GROUPS
    from citrine_sdk import methods

    assert app
    for word, noun in GROUPS.items():
        Deferred(word, noun, is_group=True).load()
    list(methods())
    # Nobody waits for those that are begun: they say themselves how they end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        # Found by who waits for it only once it listens.
        listening.bind(f"{address}.new")
        listening.listen(64)
        os.rename(f"{address}.new", address)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            connection, _ = listening.accept()
            with connection:
                if os.fork() == 0:
                    listening.close()
                    _run(connection)


def _run(connection: socket.socket) -> None:
    """Be the command that is asked for, and end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        size, files, _, _ = socket.recv_fds(connection, 8, 3)
        said = bytearray()
        while len(said) < int.from_bytes(size, "big"):
            said += connection.recv(65536)
        arguments, directory, variables = json.loads(said)
        for ours, theirs in enumerate(files):
            os.dup2(theirs, ours)
            os.close(theirs)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(variables)
        time.tzset()
        sys.argv = ["citrine", *arguments]
        connection.sendall(f"{os.getpid()}\n".encode())
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        code = _main()
    finally:
        connection.sendall(f"{code}\n".encode())
        os._exit(0)


def _end_with(connection: socket.socket) -> None:
    """End at once when who waits for this command is killed."""
    connection.recv(1)
    os._exit(1)


def _main() -> int:
    from citrine_cli.main import main

    try:
        code = main()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BrokenPipeError:
        code = 120
    return code


if __name__ == "__main__":
    _serve(sys.argv[1])
