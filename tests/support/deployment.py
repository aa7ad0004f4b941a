"""A Citrine of real processes: cores and edges as `citrine core` and `citrine edge` start them."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from citrine_sdk import Citrine

__all__ = [
    "START_TIMEOUT",
    "Deployment",
    "Process",
    "add_core",
    "add_edge",
    "deploy",
    "free_port",
    "reserved_port",
    "stopped_at_the_end",
    "upgrade_database",
]

CITRINE = Path(sys.executable).parent / "citrine"

START_TIMEOUT = 60.0
"""Seconds that a process may take until it listens."""


def _is_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=START_TIMEOUT):
            return True
    except urllib.error.HTTPError:
        return False


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Reserve a port for a server of gRPC, for the time of a block: no connection gets it as its own meanwhile."""
    with socket.socket() as placeholder:
        # gRPC's servers share ports so, and a socket that does not listen gets no connection.
        placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        placeholder.bind(("127.0.0.1", 0))
        yield placeholder.getsockname()[1]


class Running(Protocol):
    """A process that was started, as `subprocess.Popen` is one."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def _start(arguments: Sequence[str], directory: Path, variables: Mapping[str, str], output: int) -> Running:
    return subprocess.Popen([str(CITRINE), *arguments], env=variables, cwd=directory, stdout=output, stderr=output)


start: Callable[[Sequence[str], Path, Mapping[str, str], int], Running] = _start
"""Starts `citrine` with arguments, in a directory and with variables, writing to a descriptor."""


@dataclass
class Process:
    """One core or edge process with the settings it is always started with."""

    name: str
    arguments: list[str]
    settings: dict[str, str]
    directory: Path
    popen: Running | None = None
    starts: int = 0

    @property
    def ready_file(self) -> Path:
        return self.directory / f"{self.name}.ready"

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    def start(self) -> None:
        """Start it; `ready` waits until it listens."""
        self.ready_file.unlink(missing_ok=True)
        self.starts += 1
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CITRINE_")}
        with self.log.open("ab") as log:
            variables = {**inherited, **self.settings, "CITRINE_READY_FILE": str(self.ready_file)}
            self.popen = start(self.arguments, self.directory, variables, log.fileno())

    async def ready(self) -> dict[str, str]:
        """Return the addresses once it listens.

        Raises:
            RuntimeError: When it ends first or takes too long, with the end of its log.
        """
        assert self.popen is not None
        deadline = time.monotonic() + START_TIMEOUT
        while not self.ready_file.exists():
            if self.popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-4000:]}")
            await asyncio.sleep(0.02)
        addresses: dict[str, str] = json.loads(self.ready_file.read_text())
        return addresses

    async def serving(self) -> None:
        """Wait until it says that it can serve: of an edge, that it is linked to a core.

        Raises:
            RuntimeError: When it takes too long, with the end of its log.
        """
        url = f"http://{(await self.ready())['http']}/readyz"
        deadline = time.monotonic() + START_TIMEOUT
        while not await asyncio.to_thread(_is_ok, url):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not serve:\n{self.log.read_text()[-4000:]}")
            await asyncio.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a crash would (kill -9)."""
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait()

    def terminate(self) -> None:
        """Ask it to end (SIGTERM), and do not wait."""
        assert self.popen is not None
        self.popen.terminate()

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        assert self.popen is not None
        if self.popen.poll() is None:
            self.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait until it ends, or end it, and return its exit code."""
        assert self.popen is not None
        try:
            return self.popen.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()

    def cpu_seconds(self) -> float:
        """Return the user and system time that it and its children have used so far."""
        process = psutil.Process(self.pid)
        times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
        return sum(t.user + t.system for t in times)

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        rss: int = psutil.Process(self.pid).memory_info().rss
        return rss


@dataclass
class Deployment:
    """Cores and edges on one database.

    With a tenant it is what one of several tests sees that share the processes: what a client or a station does without
    naming a tenant is done in that one.
    """

    database: str
    directory: Path
    cores: list[Process] = field(default_factory=list)
    edges: list[Process] = field(default_factory=list)
    core_addresses: list[str] = field(default_factory=list)
    edge_addresses: list[str] = field(default_factory=list)
    tenant: str | None = None

    @property
    def key(self) -> str:
        """The operator's key."""
        return (self.directory / "operator.key").read_text().strip()

    def url(self, edge: int = 0) -> str:
        """Return the websocket URL of an edge, without station."""
        return f"ws://{self.edge_addresses[edge]}" + ("" if self.tenant is None else f"/{self.tenant}")

    @contextlib.asynccontextmanager
    async def client(self, core: int | None = None, tenant: str | None = None) -> AsyncIterator[Citrine]:
        """Open a client of one core, or of all."""
        addresses = self.core_addresses if core is None else [self.core_addresses[core]]
        async with Citrine(addresses, key=self.key, tenant=tenant or self.tenant) as citrine:
            yield citrine

    @property
    def processes(self) -> list[Process]:
        return [*self.edges, *self.cores]

    def problems(self) -> str:
        """Return the ends of all logs, for the message of a failed test."""
        return "\n".join(f"--- {p.name}\n{p.log.read_text()[-3000:]}" for p in self.processes if p.log.exists())


@contextlib.contextmanager
def stopped_at_the_end(deployment: Deployment) -> Iterator[None]:
    """Stop the processes of a deployment, edges first, however the block ends."""
    try:
        yield
    finally:
        for process in deployment.processes:
            if process.popen is not None:
                process.stop()


@contextlib.asynccontextmanager
async def deploy(
    database: str,
    directory: Path,
    *,
    cores: int = 1,
    edges: int = 1,
    workers: int = 1,
    migrated: bool = False,
    **settings: str,
) -> AsyncIterator[Deployment]:
    """Run that many cores and edges on a database, on free ports of the loopback interface.

    Args:
        database: SQLAlchemy URL.
        directory: Where the processes keep what they write.
        cores: How many.
        edges: How many; each links to all cores.
        workers: Processes that each core and each edge consists of.
        migrated: The database has its tables; otherwise `citrine db upgrade` makes them.
        settings: Of all processes, by their names in lower case without prefix.
    """
    directory.mkdir(parents=True, exist_ok=True)
    deployment = Deployment(database, directory)
    common = {
        "CITRINE_EDGE_CREDENTIAL": secrets.token_urlsafe(24),
        "CITRINE_LOG_LEVEL": "INFO",
        **{f"CITRINE_{name.upper()}": value for name, value in settings.items()},
    }
    if not migrated:
        await upgrade_database(database, directory)
    with stopped_at_the_end(deployment):
        for number in range(cores):
            add_core(deployment, number, common, workers=workers)
        deployment.core_addresses = [(await core.ready())["grpc"] for core in deployment.cores]
        for number in range(edges):
            add_edge(deployment, number, common, workers=workers)
        deployment.edge_addresses = [(await edge.ready())["ocpp"] for edge in deployment.edges]
        for edge in deployment.edges:
            await edge.serving()
        yield deployment


async def upgrade_database(database: str, directory: Path) -> None:
    """Give a database its tables, by `citrine db upgrade` in a directory."""
    with (directory / "upgrade.log").open("ab") as log:
        upgrade = start(["db", "upgrade", "--database", database], directory, os.environ, log.fileno())
    if code := await asyncio.to_thread(upgrade.wait):
        raise RuntimeError(f"the upgrade ended with {code}:\n{(directory / 'upgrade.log').read_text()[-4000:]}")


def _address(workers: int) -> str:
    # Workers need free ports behind theirs, too, and find them.
    return f"127.0.0.1:{free_port() if workers == 1 else 0}"


def add_core(
    deployment: Deployment, number: int, common: dict[str, str], database: str | None = None, workers: int = 1
) -> None:
    """Start a core of a deployment, which may reach the database by a URL of its own."""
    address = _address(workers)
    core = Process(
        f"core-{number}",
        ["core", f"--workers={workers}"],
        {
            **common,
            "CITRINE_DATABASE": database or deployment.database,
            "CITRINE_GRPC_LISTEN": address,
            "CITRINE_CORE_HTTP_LISTEN": "127.0.0.1:0",
            "CITRINE_OPERATOR_KEY_FILE": str(deployment.directory / "operator.key"),
            "CITRINE_ENCRYPTION_KEY_FILE": str(deployment.directory / "encryption.keys"),
        },
        deployment.directory,
    )
    deployment.cores.append(core)
    deployment.core_addresses.append(address)
    core.start()


def add_edge(
    deployment: Deployment, number: int, common: dict[str, str], cores: Sequence[str] = (), workers: int = 1
) -> None:
    """Start an edge of a deployment, which links to all its cores, by addresses of its own or by theirs."""
    address = _address(workers)
    edge = Process(
        f"edge-{number}",
        ["edge", f"--workers={workers}"],
        {
            **common,
            "CITRINE_CORE": ",".join(cores or deployment.core_addresses),
            "CITRINE_OCPP_LISTEN": address,
            "CITRINE_EDGE_HTTP_LISTEN": "127.0.0.1:0",
        },
        deployment.directory,
    )
    deployment.edges.append(edge)
    deployment.edge_addresses.append(address)
    edge.start()
