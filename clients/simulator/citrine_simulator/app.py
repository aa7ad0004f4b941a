"""The simulator as a program: `citrine simulate`."""

import asyncio
import contextlib
import random
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from citrine_simulator.arguments import Options, parse
from citrine_simulator.config import StationConfig
from citrine_simulator.errors import SimulatorError, UsageError
from citrine_simulator.events import Event, Listener
from citrine_simulator.journal import Journal
from citrine_simulator.load import PacedFleet, boot_storm, hold_idle, saturate
from citrine_simulator.output import Output
from citrine_simulator.scenarios import ChargePlan, charge, drain, lose_connections
from citrine_simulator.schemas import Schemas
from citrine_simulator.station import Station
from citrine_simulator.store import Store
from citrine_simulator.trouble import FirstSteps, Trouble

__all__ = ["main"]

DONE, FAILED, USAGE = 0, 1, 2
"""Exit codes: success; failure; wrong usage, nothing was run."""

LOAD_DURATION = 10.0
"""Default seconds of load."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator and return its exit code: 0 done, 1 failed, 2 wrong usage.

    SIGINT and SIGTERM end a scenario in order: stations finish their messages in flight. A second signal ends the
    draining of a fleet.
    """
    try:
        options = parse(argv)
        _allow_files(len(options.fleet.stations))
        for station_id in options.fleet.stations:
            # The files are checked before anything runs.
            options.fleet.tls.context(options.fleet.url, station_id)
        return _run(_main(options))
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else USAGE
    except ValidationError as invalid:
        first = invalid.errors()[0]
        return _fail(USAGE, f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}")
    except UsageError as problem:
        return _fail(USAGE, str(problem))
    except (SimulatorError, OSError, sqlite3.Error) as problem:
        return _fail(FAILED, str(problem))


async def _main(options: Options) -> int:
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            hurry.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        # Signal handlers can only be set in the main thread.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(number, end)
    output = Output(options.events, options.json, stop.set)
    if options.fleet_file is not None:
        return await _fleet(options, output, stop, hurry)
    return await _SCENARIOS[options.scenario](options, output, stop)


async def _fleet(options: Options, output: Output, stop: asyncio.Event, hurry: asyncio.Event) -> int:
    """Run the stations of a fleet file and write their report."""
    # Imported only here, because it takes long to load.
    from citrine_simulator.fleets import FleetRun, read_fleet, run_fleet

    assert options.fleet_file is not None
    file = read_fleet(options.fleet_file)
    _allow_files(sum(len(group.station_ids) for group in file.stations))
    run = FleetRun(
        path=options.fleet_file,
        file=file,
        duration=options.duration,
        drain=options.drain,
        fail_on=options.fail_on,
        url=options.given.url,
        tenant=options.given.tenant,
        password=options.given.password,
        passwords=options.given.passwords,
        state_dir=options.state_dir,
        journal=options.journal,
    )
    report = await run_fleet(run, stop, hurry, output.event, progress=not options.events)
    if options.report is not None:
        report.write(options.report)
    output.fleet(report)
    return DONE if report.verdict.passed else FAILED


async def _load(options: Options, output: Output, stop: asyncio.Event) -> int:
    duration = LOAD_DURATION if options.duration is None else options.duration
    result = await saturate(
        options.fleet,
        duration,
        options.warm_up,
        lambda: output.milestone("window_opened"),
        lambda: output.milestone("window_closed"),
        stop,
    )
    output.result(result)
    return FAILED if result.errors or not result.answered else DONE


async def _paced(options: Options, output: Output, stop: asyncio.Event) -> int:
    duration = LOAD_DURATION if options.duration is None else options.duration
    async with PacedFleet.connected(options.fleet) as fleet:
        result = await fleet.run(
            options.say,
            options.rate,
            duration,
            options.warm_up,
            lambda: output.milestone("window_opened"),
            lambda: output.milestone("window_closed"),
            stop,
        )
    output.result(result)
    return FAILED if result.errors or result.unanswered or not result.answered else DONE


async def _boot_storm(options: Options, output: Output, stop: asyncio.Event) -> int:
    result = await boot_storm(options.fleet, *([] if options.duration is None else [options.duration]))
    output.result(result)
    return DONE if result.done == result.stations else FAILED


async def _idle(options: Options, output: Output, stop: asyncio.Event) -> int:
    _stop_after(options.duration, stop)
    stations = len(options.fleet.stations)
    result = await hold_idle(options.fleet, stop, lambda: output.milestone("ready", stations=stations))
    output.result(result)
    return DONE if result.still_connected == result.stations else FAILED


async def _charging(options: Options, output: Output, stop: asyncio.Event) -> int:
    """Run the scenarios charge and faults."""
    rng = random.Random()
    faults = options.scenario == "faults"
    plan = ChargePlan(options.session, 0.0 if faults else options.pause)
    connected: set[str] = set()
    url, problem = options.fleet.url, ""
    # With a duration, the result reports problems at the end.
    trouble = Trouble(url, options.fleet.tenant) if options.duration is None else None
    steps = None if options.events or options.json else FirstSteps(len(options.fleet.stations))

    def on_event(event: Event) -> None:
        nonlocal problem
        if event.name == "connected":
            connected.add(event.station_id)
        elif event.name == "unreachable":
            problem = f": {event.fields['problem']}"
        elif event.name == "refused":
            problem = f": it refuses them with HTTP status {event.fields['status']}"
        for watching in (trouble, steps, output):
            if watching is not None:
                watching.event(event)

    async with contextlib.AsyncExitStack() as cleanup:
        store, journal = Store(options.state_dir), Journal(options.journal)
        cleanup.callback(store.close)
        cleanup.callback(journal.close)
        stations = _stations(options, on_event, store, journal)
        _stop_after(options.duration, stop)
        work: list[Coroutine[Any, Any, None]] = []
        for number, station in enumerate(stations):
            await station.start()
            if number == 0 and steps is not None and options.duration is None:
                steps.begin(url)
            cleanup.push_async_callback(station.stop)
            work.append(charge(station, options.fleet.token(number), plan, rng, stop))
        if options.drop_every is not None:
            work.append(lose_connections(stations, options.drop_every, rng, stop))
        await _until_stopped(work, stop)
        result = await drain(stations, journal, options.drain if faults else SHORT_DRAIN)
    output.result(result)
    if options.duration is not None and not connected:
        return _fail(FAILED, f"no station has connected to {url}{problem}")
    return DONE if result.complete or not faults else FAILED


SHORT_DRAIN = 3.0
"""Seconds that the stations of a demonstration have to deliver their last messages."""

_SCENARIOS: dict[str, Callable[[Options, Output, asyncio.Event], Coroutine[Any, Any, int]]] = {
    "charge": _charging,
    "faults": _charging,
    "load": _load,
    "paced": _paced,
    "boot-storm": _boot_storm,
    "idle": _idle,
}


def _stations(options: Options, listener: Listener, store: Store, journal: Journal) -> list[Station]:
    fleet = options.fleet
    schemas = {version: Schemas(version) for version in fleet.versions}
    return [
        Station(
            StationConfig.model_validate(
                {
                    "station_id": station_id,
                    "url": fleet.url,
                    "tenant": fleet.tenant,
                    "password": password,
                    "version": fleet.version(number),
                    "speed": options.speed,
                    "evses": options.evses,
                    "variables": options.variables,
                    "valid_tokens": frozenset(fleet.id_tokens),
                    "serial_number": f"{number + 1:07}",
                    "order_url": fleet.order_url,
                    **fleet.tls.of(station_id),
                }
            ),
            store=store,
            journal=journal,
            schemas=schemas[fleet.version(number)],
            listener=listener,
        )
        for number, (station_id, password) in enumerate(fleet.stations.items())
    ]


async def _until_stopped(work: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run all work until `stop` is set or one fails, then wait SHORT_DRAIN seconds and cancel the rest."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_EXCEPTION)
        stopping.cancel()
        done, _ = await asyncio.wait(tasks, timeout=SHORT_DRAIN)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _stop_after(duration: float | None, stop: asyncio.Event) -> None:
    if duration is not None:
        asyncio.get_running_loop().call_later(duration, stop.set)


def _run(work: Coroutine[Any, Any, int]) -> int:
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def _allow_files(stations: int) -> None:
    """Raise the limit of open files if this number of stations needs it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = stations + 100
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _fail(code: int, problem: str) -> int:
    sys.stderr.write(f"citrine simulate: {problem}\n")
    return code
