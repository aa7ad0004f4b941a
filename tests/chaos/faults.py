"""What is done to a site, one fault at a time, each until it is healed."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.chaos.site import Site
from tests.support.deployment import Process
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy

__all__ = ["FAULTS", "Fault"]

Harmed = list[str]
"""Ids of the stations that can't be served meanwhile; all others must be, once it was found out."""

SOON, UNTIL_FOUND, SLOWLY = 2.8, 10.0, 10.0
"""Seconds until all others are answered: where the transport says that a core is gone, where only its silence does
(8 s, docs/life-of-a-message.md), and where everybody is served, slowly."""

UNTIL_OUTAGE = 7.0
"""As above, where a core finds out that its database gives no answer (5 s)."""

Harm = Callable[[Site, random.Random], AbstractAsyncContextManager[Harmed]]


@dataclass(frozen=True)
class Fault:
    """One way to fail."""

    name: str
    harm: Harm
    """Begins when the block does, and is healed at its end."""
    seconds: tuple[float, float] = (3.0, 15.0)
    """How long it lasts, from and to. Less than stations wait for an answer (20 s): then they count an attempt."""
    can: Callable[[Site], bool] = lambda site: True
    """Whether it can be done to a site."""
    others_wait: float = SOON
    """Seconds that stations which are not harmed may wait for an answer, at most."""
    is_of_stations: bool = False
    """Whether it is between stations and the cores that the others need: of an edge, or of connections to one."""


@contextlib.asynccontextmanager
async def _frozen(process: Process, site: Site, harmed: Harmed) -> AsyncIterator[Harmed]:
    site.freeze(process)
    try:
        yield harmed
    finally:
        site.thaw()


def _frozen_core(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    # On SQLite it may hold the file's only lock for writers, which nobody can take from a process that stands still.
    return _frozen(chance.choice(site.deployment.cores), site, [] if site.sqlite is None else site.station_ids)


def _frozen_edge(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    number = chance.randrange(len(site.deployment.edges))
    return _frozen(site.deployment.edges[number], site, site.stations_of(number))


@contextlib.asynccontextmanager
async def _frozen_database(site: Site, chance: random.Random) -> AsyncIterator[Harmed]:
    site.freeze_database()
    try:
        yield site.station_ids
    finally:
        site.thaw()


@contextlib.asynccontextmanager
async def _gone(process: Process, site: Site, harmed: Harmed, *, crash: bool) -> AsyncIterator[Harmed]:
    """End a process, and start it again unless another fault of the same process does."""
    ended = process.popen
    assert ended is not None
    if ended.poll() is not None:
        yield harmed
        return
    if crash:
        process.kill()
    else:
        process.terminate()
    try:
        yield harmed
    finally:
        if process.popen is ended:
            if not crash:
                # One that stands still can't stop in order.
                site.thaw()
                if (code := await asyncio.to_thread(process.wait)) != 0:
                    raise RuntimeError(f"{process.name} ended with code {code}:\n{process.log.read_text()[-2000:]}")
            # Whether it is ready, its site sees to when all is healed: it may be another fault that keeps it from it.
            process.start()


def _killed_core(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    return _gone(chance.choice(site.deployment.cores), site, [], crash=True)


def _stopped_core(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    return _gone(chance.choice(site.deployment.cores), site, [], crash=False)


def _killed_edge(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    number = chance.randrange(len(site.deployment.edges))
    return _gone(site.deployment.edges[number], site, site.stations_of(number), crash=True)


def _stopped_edge(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    number = chance.randrange(len(site.deployment.edges))
    return _gone(site.deployment.edges[number], site, site.stations_of(number), crash=False)


@contextlib.asynccontextmanager
async def _all_cores_killed(site: Site, chance: random.Random) -> AsyncIterator[Harmed]:
    async with contextlib.AsyncExitStack() as stack:
        for core in site.deployment.cores:
            await stack.enter_async_context(_gone(core, site, [], crash=True))
        yield site.station_ids


@contextlib.asynccontextmanager
async def _database_stopped(site: Site, stop: Callable[[PostgresServer], None]) -> AsyncIterator[Harmed]:
    assert site.postgres is not None
    # Beside the event loop, which the proxies need.
    await asyncio.to_thread(stop, site.postgres)
    try:
        yield site.station_ids
    finally:
        await asyncio.to_thread(site.postgres.start)


def _killed_database(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    return _database_stopped(site, PostgresServer.kill)


def _restarted_database(site: Site, chance: random.Random) -> AbstractAsyncContextManager[Harmed]:
    return _database_stopped(site, PostgresServer.stop)


HarmProxy = Callable[[Proxy, random.Random], None]


def _silence(proxy: Proxy, chance: random.Random) -> None:
    proxy.silence()


def _slow_down(proxy: Proxy, chance: random.Random) -> None:
    proxy.delay = chance.uniform(0.05, 0.5)


def _refuse(proxy: Proxy, chance: random.Random) -> None:
    proxy.refuse()


@contextlib.asynccontextmanager
async def _broken(
    site: Site, chance: random.Random, proxies: list[Proxy], harm: HarmProxy, *, cuts_off: bool
) -> AsyncIterator[Harmed]:
    proxy = chance.choice(proxies)
    harm(proxy, chance)
    try:
        yield site.stations_behind(proxy) if cuts_off else []
    finally:
        proxy.heal()


@contextlib.asynccontextmanager
async def _full_disk(site: Site, chance: random.Random) -> AsyncIterator[Harmed]:
    assert site.disk is not None
    site.disk.fill()
    try:
        yield site.station_ids
    finally:
        site.disk.clear()


@contextlib.asynccontextmanager
async def _locked_file(site: Site, chance: random.Random) -> AsyncIterator[Harmed]:
    """Somebody's tool has the SQLite file open, and a transaction in it that does not end."""
    connection = sqlite3.connect(site.sqlite or "", isolation_level=None, timeout=10, check_same_thread=False)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        yield site.station_ids
    finally:
        connection.close()


def _on_postgres(site: Site) -> bool:
    return site.postgres is not None


def _on_sqlite(site: Site) -> bool:
    return site.sqlite is not None


def _has_disk(site: Site) -> bool:
    return site.disk is not None


def _between(
    name: str,
    proxies_of: Callable[[Site], list[Proxy]],
    can: Callable[[Site], bool] = lambda site: True,
    *,
    is_of_stations: bool = False,
    found: float = UNTIL_FOUND,
) -> list[Fault]:
    """Return the faults of one kind of connection."""

    def fault(what: str, harm: HarmProxy, others_wait: float, *, cuts_off: bool = True) -> Fault:
        return Fault(
            f"{name}: {what}",
            lambda site, chance: _broken(site, chance, proxies_of(site), harm, cuts_off=cuts_off),
            can=can,
            others_wait=others_wait,
            is_of_stations=is_of_stations,
        )

    return [
        fault("nothing arrives", _silence, found),
        fault("slow", _slow_down, SLOWLY, cuts_off=False),
        fault("cut", _refuse, SOON),
    ]


FAULTS = [
    Fault("a core stands still", _frozen_core, others_wait=UNTIL_FOUND),
    Fault("a core crashes", _killed_core),
    Fault("a core stops in order", _stopped_core),
    Fault("all cores crash", _all_cores_killed, seconds=(0.0, 30.0)),
    Fault("an edge stands still", _frozen_edge, is_of_stations=True),
    Fault("an edge crashes", _killed_edge, is_of_stations=True),
    Fault("an edge stops in order", _stopped_edge, is_of_stations=True),
    *_between("stations to an edge", lambda site: site.to_edges, is_of_stations=True),
    *_between("an edge to a core", lambda site: site.to_cores),
    *_between("a core to the database", lambda site: site.to_database, can=_on_postgres, found=UNTIL_OUTAGE),
    Fault("the database stands still", _frozen_database, seconds=(3.0, 40.0), can=_on_postgres),
    Fault("the database crashes", _killed_database, seconds=(0.0, 40.0), can=_on_postgres),
    Fault("the database restarts", _restarted_database, seconds=(0.0, 5.0), can=_on_postgres),
    Fault("the disk is full", _full_disk, seconds=(3.0, 40.0), can=_has_disk),
    Fault("the file is locked", _locked_file, seconds=(3.0, 40.0), can=_on_sqlite),
]
"""All of them. What all cores need is gone for longer than edges hold messages (20 s), too: then sockets are closed."""
