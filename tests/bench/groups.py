"""The groups of measurements: what each is called, how long it takes, and how it is made."""

import argparse
import contextlib
import fnmatch
import functools
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.base_reports import base_reports
from tests.bench.console import consoles
from tests.bench.errors import BenchError
from tests.bench.late_events import late_events
from tests.bench.loads import curve, few
from tests.bench.measure import Measured
from tests.bench.profiling import Profiles
from tests.bench.roaming import roaming
from tests.bench.scale import Scale, scale
from tests.bench.scenarios import (
    Storm,
    Sut,
    commands,
    floor,
    idle,
    restart_core,
    running,
    storm,
    transaction_events,
)
from tests.bench.starts import seconds_until_answered, starts, starts_of_core
from tests.bench.tls import HANDSHAKES, handshakes, tls_of

__all__ = ["DATABASES", "GROUPS", "SCALE_GROUPS", "Bench", "Group", "chosen"]

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
"""Their names as people write them."""

FOUR = 4
"""Cores of a system of several."""

WINDOW = 4.0
"""Seconds of each point of a curve."""

SCALE_WINDOW = 20.0
"""Seconds of each point of --scale: of a ratio the noise of both counts."""


@dataclass
class Bench:
    """What all groups of a run have in common."""

    options: argparse.Namespace
    directory: Path
    """For what is measured; each group has one of its own in it."""
    say: Callable[[str], None]
    profiles: Path | None = None
    """Where profiles are to be written; None: nowhere."""

    def running(
        self, group: str, kind: str, stations: int, cores: int = 1, *, with_tls: bool = False, **more: Any
    ) -> contextlib.AbstractAsyncContextManager[Sut]:
        """Run a system of a group, with more settings than those that all have."""
        profiles = None if self.profiles is None else Profiles(self.profiles, group)
        folder = self.directory / group
        tls = tls_of(folder) if with_tls else None
        return running(kind, folder, stations, cores=cores, profiles=profiles, say=self.say, tls=tls, **more)


@dataclass(frozen=True)
class Group:
    """Measurements that are made together."""

    name: str
    about: str
    seconds: float
    """How long it takes, about, on two cores."""
    run: Callable[[Bench], Coroutine[Any, Any, Mapping[str, Any]]]


def chosen(patterns: Sequence[str], *, full: bool = False) -> list[Group]:
    """Return the groups whose names match one of these patterns, or all where there are none.

    Args:
        patterns: Patterns of names.
        full: Choose among those that fill databases, and not among the others.

    Raises:
        BenchError: When a pattern matches none.
    """
    groups = SCALE_GROUPS if full else GROUPS
    for pattern in patterns:
        if not any(fnmatch.fnmatch(group.name, pattern) for group in groups):
            raise BenchError(f"no group is called {pattern}; --list names all of them")
    return [
        group for group in groups if not patterns or any(fnmatch.fnmatch(group.name, pattern) for pattern in patterns)
    ]


async def _floor(bench: Bench) -> Mapping[str, Any]:
    options = bench.options
    bare = await floor(bench.directory / "floor", options.stations, options.seconds)
    quick = await floor(bench.directory / "floor-uvloop", options.stations, options.seconds, "--uvloop")
    return {"asyncio": _load(bare), "uvloop": _load(quick)}


async def _starts(bench: Bench) -> Mapping[str, Any]:
    async with bench.running("starts", "sqlite", 10) as sut:
        found, answered = await starts(sut), {"sqlite": await seconds_until_answered(sut)}
    async with bench.running("starts-postgresql", "postgresql", 10) as sut:
        found += await starts_of_core(sut, "PostgreSQL")
        answered["postgresql"] = await seconds_until_answered(sut)
    return {"starts": [asdict(start) for start in found], "answered": answered}


async def _basics(bench: Bench, kind: str) -> Mapping[str, Any]:
    options = bench.options
    async with bench.running(f"{kind}-basics", kind, max(options.storm, options.idle)) as sut:
        bench.say("memory of idle connections")
        held = await idle(sut, options.idle)
        bench.say("commands")
        trips = await commands(sut, options.commands)
        bench.say("boot storms")
        await restart_core(sut)
        checked = await storm(sut, options.storm)
        await sut.choose_passwords(options.storm)
        return {
            "idle": asdict(held),
            "commands": asdict(trips),
            "checked": _storm(checked),
            "chosen": _storm(await storm(sut, options.storm)),
            "remembered": _storm(await storm(sut, options.storm)),
        }


async def _late(bench: Bench, kind: str) -> Mapping[str, Any]:
    # Each event waits for the answer of the one before, and ten thousand would wait 25 ms each for company.
    async with bench.running(f"{kind}-late", kind, 2, edge_gather_time="0s") as sut:
        return asdict(await late_events(sut))


async def _saturated(bench: Bench, kind: str) -> Mapping[str, Any]:
    options = bench.options
    async with bench.running(f"{kind}-saturated", kind, options.stations) as sut:
        plain = _load(await transaction_events(sut, options.stations, options.seconds))
        older = _load(await transaction_events(sut, options.stations, options.seconds, "1.6"))
        await sut.price()
        priced = _load(await transaction_events(sut, options.stations, options.seconds))
        return {"plain": plain, "of_1_6": older, "priced": priced}


async def _reports(bench: Bench, kind: str) -> Mapping[str, Any]:
    async with bench.running(f"{kind}-reports", kind, bench.options.reports) as sut:
        run = await base_reports(sut, bench.options.reports)
        cpu = {role: run.cpu_per_part(role) for role in run.cpu}
        return {**asdict(run), "cpu": cpu, "parts": run.parts, "variables": run.variables}


async def _few(bench: Bench, kind: str) -> Mapping[str, Any]:
    async with bench.running(f"{kind}-few", kind, 0) as sut:
        return {"points": [one.as_json() for one in await few(sut, bench.options.window or WINDOW)]}


async def _curve(bench: Bench, kind: str, name: str, cores: int) -> Mapping[str, Any]:
    async with bench.running(name, kind, 0, cores) as sut:
        points = await curve(sut, bench.options.fleet, bench.options.window or WINDOW, others=cores == 1)
        return {"points": [one.as_json() for one in points], "stations": bench.options.fleet}


async def _tls(bench: Bench) -> Mapping[str, Any]:
    options = bench.options
    found: dict[str, Any] = {"handshakes": {}}
    stations = max(options.storm, options.idle, options.stations)
    # Systems of their own: what one gave back of its memory the other would use.
    for name in ("plain", "tls"):
        async with bench.running(f"tls-{name}", "sqlite", stations, with_tls=name == "tls") as sut:
            bench.say(f"{name}: memory of idle connections, a boot storm, messages")
            held = await idle(sut, options.idle)
            storming = await storm(sut, options.storm)
            loaded = await transaction_events(sut, options.stations, options.seconds)
            found[name] = {"idle": asdict(held), "storm": _storm(storming), "messages": _load(loaded)}
            for kind in HANDSHAKES if name == "tls" else ():
                bench.say(f"TLS handshakes, {HANDSHAKES[kind]}")
                found["handshakes"][kind] = asdict(await handshakes(sut, kind, options.window or WINDOW))
    return found


async def _console(bench: Bench) -> Mapping[str, Any]:
    async with bench.running("console", "sqlite", 0) as sut:
        return asdict(await consoles(sut, 2 * (bench.options.window or WINDOW)))


async def _ocpi(bench: Bench, kind: str) -> Mapping[str, Any]:
    async with bench.running(f"{kind}-ocpi", kind, 0) as sut:
        return asdict(await roaming(sut, 2 * (bench.options.window or WINDOW)))


async def _scale(bench: Bench, kind: str) -> Mapping[str, Any]:
    options = bench.options
    sizes = options.scale_stations, options.scale_transactions, options.scale_connected
    async with bench.running(f"{kind}-scale", kind, 0) as sut:
        return await scale(sut, Scale(*sizes, options.window or SCALE_WINDOW, options.scale_lists))


def _load(run: Measured) -> Mapping[str, Any]:
    latency = run.result.latency_ms
    return {
        "per_second": run.result.messages_per_second,
        "cpu": {role: run.cpu_per_message(role) for role in run.cpu},
        "latency_ms": asdict(latency),
    }


def _storm(one: Storm) -> Mapping[str, Any]:
    done = max(1, one.result.done)
    return {"done": one.result.done, "seconds": one.result.seconds, "cpu_ms": 1000 * one.cost.total / done}


def _groups() -> Iterator[Group]:
    yield Group("floor", "a bare websocket server, to compare with", 25, _floor)
    yield Group("starts", "what a start costs", 40, _starts)
    yield Group("tls", "what TLS costs: handshakes, idle connections, a boot storm, messages", 75, _tls)
    yield Group("console", "200 consoles in browsers, 50 events a second", 45, _console)
    for kind, name in DATABASES.items():

        def of(
            run: Callable[..., Coroutine[Any, Any, Mapping[str, Any]]], *more: Any, kind: str = kind
        ) -> Callable[[Bench], Coroutine[Any, Any, Mapping[str, Any]]]:
            return lambda bench: run(bench, kind, *more)

        several = f"{kind}-four-cores"
        yield Group(f"{kind}-basics", f"idle connections, commands, boot storms on {name}", 40, of(_basics))
        yield Group(
            f"{kind}-saturated",
            f"as much as goes, by OCPP 2.0.1 and 1.6, without and with a tariff, on {name}",
            50,
            of(_saturated),
        )
        yield Group(f"{kind}-few", f"one station alone, and fifty, on {name}", 50, of(_few))
        yield Group(
            f"{kind}-curve", f"a fleet from silence to saturation on {name}", 120, of(_curve, f"{kind}-curve", 1)
        )
        yield Group(several, f"the same with {FOUR} cores on {name}", 100, of(_curve, several, FOUR))
        yield Group(f"{kind}-late", f"events that come late on {name}", 95, of(_late))
        yield Group(f"{kind}-reports", f"base reports of many stations at once on {name}", 20, of(_reports))
        yield Group(f"{kind}-ocpi", f"1000 sessions of five partners, one of them dead, on {name}", 120, of(_ocpi))


GROUPS = tuple(_groups())
"""All that are run without further ado, in the order in which they are run."""

SCALE_GROUPS = tuple(
    Group(f"{kind}-scale", f"a full database beside an empty one on {name}", 1800, functools.partial(_scale, kind=kind))
    for kind, name in DATABASES.items()
)
"""Those of --scale, which fill databases."""
