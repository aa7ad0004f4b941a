"""Two cores and two edges with a proxy between every two of them, on a database that can be harmed."""

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.databases import administrate
from tests.support.deployment import (
    START_TIMEOUT,
    Deployment,
    Process,
    add_core,
    add_edge,
    stopped_at_the_end,
    upgrade_database,
)
from tests.support.load import Fleet, charging_fleet, register
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy, proxied

__all__ = ["Disk", "Site", "open_site", "postgres_on", "small_disk"]

CORES, EDGES = 2, 2

PAUSE = 0.5
"""Seconds between a transaction's events: stations must have delivered soon what a long outage left in their queues."""

VERSIONS = ("2.0.1", "2.0.1", "1.6")
"""What stations speak, in turn."""

DATABASE = "citrine"
"""In PostgreSQL."""

DISK_MB = 256
"""Of the disk that a database is put on where disks can be made: enough for a run of half an hour."""


@dataclass
class Disk:
    """A file system of its own, small enough to be filled."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Take all of its room."""
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            # In pages at the end: what a database may still write is less than one.
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size):
                        pass

    def clear(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk() -> Iterator[Disk | None]:
    """Make a disk for the time of a block; None where this process may not."""
    # Not among the test's own files: the user that PostgreSQL runs as must get there.
    folder = Path(tempfile.mkdtemp(prefix="citrine-disk-"))
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        folder.rmdir()
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        # Lazily: whoever still has a file open there does not keep it.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@contextlib.asynccontextmanager
async def postgres_on(disk: Disk | None) -> AsyncIterator[PostgresServer]:
    """Run a PostgreSQL server for the time of a block, with an empty database, on a disk where there is one.

    Its log of changes is elsewhere: where that can't be written the server ends, which is another fault.
    """
    server = PostgresServer()
    try:
        server.start()
        where = ""
        if disk is not None:
            tables = disk.folder / "tables"
            tables.mkdir()
            shutil.chown(tables, server.data_owner)
            await administrate(server, f"CREATE TABLESPACE small LOCATION '{tables}'")
            where = " TABLESPACE small"
        await administrate(server, f"CREATE DATABASE {DATABASE}{where}")
        yield server
    finally:
        server.remove()


@dataclass
class Site:
    """All that can be harmed, by what it is."""

    deployment: Deployment
    station_ids: list[str]
    to_edges: list[Proxy]
    """Between stations and each edge."""
    to_cores: list[Proxy]
    """Between each edge and each core."""
    to_database: list[Proxy]
    """Between each core and PostgreSQL; empty on SQLite."""
    postgres: PostgresServer | None
    sqlite: Path | None
    disk: Disk | None
    frozen: list[int] = field(default_factory=list)
    """Processes that stand still now."""

    @property
    def proxies(self) -> list[Proxy]:
        return [*self.to_edges, *self.to_cores, *self.to_database]

    def stations_of(self, edge: int) -> list[str]:
        """Return the stations of an edge, by its number."""
        return self.station_ids[edge :: len(self.to_edges)]

    def stations_behind(self, proxy: Proxy) -> list[str]:
        """Return the stations that reach nobody without a proxy."""
        return self.stations_of(self.to_edges.index(proxy)) if proxy in self.to_edges else []

    def freeze(self, process: Process) -> None:
        """Have a process stand still (SIGSTOP)."""
        self._freeze([process.pid])

    def freeze_database(self) -> None:
        """Have PostgreSQL stand still, all of it."""
        assert self.postgres is not None
        main = psutil.Process(self.postgres.pid)
        # The main process first: it starts no more.
        self._freeze([main.pid, *(child.pid for child in main.children(recursive=True))])

    def thaw(self) -> None:
        """Have everything go on (SIGCONT)."""
        for pid in reversed(self.frozen):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.frozen.clear()

    async def all_running(self) -> None:
        """Wait until all processes are ready, and start again what ended meanwhile, as a supervisor does.

        Raises:
            RuntimeError: When one is not within START_TIMEOUT.
        """
        for process in self.deployment.processes:
            deadline = time.monotonic() + START_TIMEOUT
            while True:
                try:
                    await process.ready()
                except RuntimeError:
                    if time.monotonic() > deadline:
                        raise
                    process.start()
                else:
                    break

    def heal(self) -> None:
        """End whatever harms, save that processes which are not there stay away."""
        self.thaw()
        for proxy in self.proxies:
            proxy.heal()
        if self.disk is not None:
            self.disk.clear()

    def charging(self) -> AbstractAsyncContextManager[Fleet]:
        """Have the stations charge for the time of a block; at its end they deliver what they have."""
        urls = [f"ws://{proxy.address}" for proxy in self.to_edges]
        return charging_fleet(self.deployment, self.station_ids, self.deployment.directory, urls, PAUSE, VERSIONS)

    def _freeze(self, pids: list[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self.frozen.append(pid)


@contextlib.asynccontextmanager
async def open_site(
    directory: Path, *, postgres: PostgresServer | None, disk: Disk | None, stations: int
) -> AsyncIterator[Site]:
    """Run a site on PostgreSQL, or on SQLite where there is none.

    Args:
        directory: Where everything is kept that is written.
        postgres: A server that runs, with the database of `postgres_on`.
        disk: On which the database is, where it can be filled.
        stations: How many there are.
    """
    directory.mkdir(parents=True, exist_ok=True)
    station_ids = [f"SIM-{number:02}" for number in range(stations)]
    sqlite = None if postgres is not None else (disk.folder if disk is not None else directory) / "citrine.db"
    url = f"sqlite+aiosqlite:///{sqlite}" if postgres is None else postgres.url(DATABASE)
    deployment = Deployment(url, directory / "citrine")
    deployment.directory.mkdir()
    await upgrade_database(url, deployment.directory)
    common = {"CITRINE_EDGE_CREDENTIAL": secrets.token_urlsafe(24), "CITRINE_LOG_LEVEL": "INFO"}
    async with contextlib.AsyncExitStack() as stack:
        to_database = []
        stack.enter_context(stopped_at_the_end(deployment))
        for number in range(CORES):
            own = url
            if postgres is not None:
                proxy = await stack.enter_async_context(proxied(f"127.0.0.1:{postgres.port}"))
                to_database.append(proxy)
                own = url.replace(f":{postgres.port}/", f":{proxy.port}/")
            add_core(deployment, number, common, database=own)
        for core in deployment.cores:
            await core.ready()
        links = [
            [await stack.enter_async_context(proxied(address)) for address in deployment.core_addresses]
            for _ in range(EDGES)
        ]
        for number, proxies in enumerate(links):
            add_edge(deployment, number, common, cores=[proxy.address for proxy in proxies])
        for edge in deployment.edges:
            await edge.serving()
        to_edges = [await stack.enter_async_context(proxied(address)) for address in deployment.edge_addresses]
        async with deployment.client() as citrine:
            await register(citrine, station_ids)
        site = Site(
            deployment, station_ids, to_edges, list(itertools.chain(*links)), to_database, postgres, sqlite, disk
        )
        try:
            yield site
        finally:
            site.heal()
