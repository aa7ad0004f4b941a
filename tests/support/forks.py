"""A process that has imported all of Citrine, and forks: each fork is a `citrine` that starts at once.

It is a process of its own as ever, with its own arguments, variables, directory, input, output and exit code, and takes
signals. What it saves is to import the same again, nine tenths of what a start or a short command costs.

Asked at a socket, as `ForkServer` in quick_commands.py does it: files by SCM_RIGHTS, then arguments, directory and
variables. It answers with the process id, and with the exit code once the fork has ended. Who closes the connection
first kills the fork, and the end of its input kills all of them.

It ends as the interpreter does: after its threads, and with a traceback of what nobody has caught. But what its modules
and the interpreter read of variables at their start (PYTHONDEVMODE, PYTHONWARNINGS, PYTHONASYNCIODEBUG, GRPC_VERBOSITY)
they have read before: a test that sets one of those starts the real `citrine`. So do those of a core, an edge, a
simulator and `db upgrade` in test_real_starts.py, and those of `citrine up` in clients/cli/up.
"""

import atexit
import contextlib
import gc
import importlib
import marshal
import os
import pkgutil
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

__all__ = ["serve"]

PROGRAM = "citrine"


def serve(address: str, python: str) -> None:
    """Fork for whoever asks at a socket of that path, until the input ends.

    Args:
        address: Path of the socket.
        python: What forks start other programs with.
    """
    _import_all()
    sys.executable = python
    gc.collect()
    gc.freeze()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    begun: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as listening:
        # Found by who waits for it only once it listens.
        listening.bind(f"{address}.new")
        listening.listen(64)
        os.rename(f"{address}.new", address)
        while True:
            ready = select.select([listening, sys.stdin, woken, *begun.values()], [], [])[0]
            if sys.stdin in ready:
                break
            for pid in [pid for pid, connection in begun.items() if connection in ready]:
                # Who asked for it does not wait any more.
                os.kill(pid, signal.SIGKILL)
                begun.pop(pid).close()
            if woken in ready:
                os.read(woken, 4096)
                _say_ends(begun)
            if listening in ready:
                connection, _ = listening.accept()
                said, files = _read(connection)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for other in (listening, connection, *begun.values()):
                        other.close()
                    _be(said, files)
                for descriptor in files:
                    os.close(descriptor)
                begun[pid] = connection
                # Who asked for it may have been killed since, and so is it at the next turn.
                with contextlib.suppress(OSError):
                    connection.sendall(f"{pid}\n".encode())
    for pid in begun:
        os.kill(pid, signal.SIGKILL)


def _say_ends(begun: dict[int, socket.socket]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in begun:
            with begun.pop(pid) as connection, contextlib.suppress(OSError):
                connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _import_all() -> None:
    """Import what commands and processes import when they start or run."""
    from citrine_cli import app
    from citrine_cli.lazy_group import Deferred
    from citrine_cli.nouns import GROUPS
    from citrine_sdk import methods

    assert app
    for word, noun in GROUPS.items():
        Deferred(word, noun, is_group=True).load()
    list(methods())
    for package in ("citrine_core", "citrine_edge", "citrine_simulator", "citrine_console", "citrine_ocpi"):
        _import_modules(importlib.import_module(package))
    for name in ("aiosqlite", "asyncpg", "uvloop", "sqlalchemy.dialects.sqlite.aiosqlite"):
        importlib.import_module(name)
    importlib.import_module("sqlalchemy.dialects.postgresql.asyncpg")


def _import_modules(package: ModuleType) -> None:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # Migrations are read by Alembic, and a main module runs when it is imported.
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _read(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Return what is asked for, and the input, output and errors that it is to have."""
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    said = bytearray()
    while len(said) < int.from_bytes(size, "big") and (more := connection.recv(65536)):
        said += more
    return bytes(said), files


def _be(said: bytes, files: Sequence[int]) -> NoReturn:
    """Be the command that is asked for, and end."""
    code = 1
    try:
        arguments, directory, variables = marshal.loads(said)
        for ours, theirs in enumerate(files):
            os.dup2(theirs, ours)
            os.close(theirs)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(variables)
        time.tzset()
        is_unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", 1 if os.isatty(1) or is_unbuffered else -1, closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
        sys.argv = [PROGRAM, *arguments]
        code = _end(_main())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _main() -> int:
    """Return the exit code that `sys.exit(main())` gives."""
    try:
        from citrine_cli.main import main

        return main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    return 1


def _end(code: int) -> int:
    """Do what the interpreter does at its end, in its order, and return the exit code."""
    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]  # waits for threads
        try:
            step()
        except BaseException:
            traceback.print_exc()
    try:
        sys.stdout.flush()
    except OSError:
        # Nobody reads it any more.
        return 120
    return code


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
