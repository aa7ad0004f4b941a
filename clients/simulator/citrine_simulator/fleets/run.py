"""The run of a fleet, from the first connection to the report."""

import asyncio
import contextlib
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from citrine_simulator.clock import SystemClock
from citrine_simulator.errors import SimulatorError
from citrine_simulator.events import Listener
from citrine_simulator.fleet import read_passwords
from citrine_simulator.fleets.behaviours import leave
from citrine_simulator.fleets.member import Member, pause
from citrine_simulator.fleets.model import FleetFile, StationGroup
from citrine_simulator.fleets.report import Report, Totals
from citrine_simulator.fleets.summary import station_report, totals, verdict
from citrine_simulator.journal import Journal, Kind
from citrine_simulator.schemas import Schemas
from citrine_simulator.store import Store
from citrine_simulator.tls import tls_context

__all__ = ["FleetRun", "progress_line", "run_fleet"]

LAST_WORDS = 5.0
"""Seconds that behaviours have to finish: EVs leave, transactions end."""

PROGRESS_EVERY = 1.0
PROGRESS_IN_FILES_EVERY = 15.0
"""Seconds between two lines of progress, on a terminal and elsewhere."""


@dataclass(frozen=True, slots=True)
class FleetRun:
    """The options of a run. Options that are None come from the file, or have no limit."""

    path: Path
    file: FleetFile
    duration: float | None
    drain: float
    fail_on: Collection[str]
    url: str | None = None
    tenant: str | None = None
    password: str | None = None
    passwords: Mapping[str, str] | None = None
    state_dir: Path | None = None
    journal: Path | None = None


async def run_fleet(
    run: FleetRun, stop: asyncio.Event, hurry: asyncio.Event, listener: Listener | None = None, progress: bool = True
) -> Report:
    """Run a fleet for its duration or until ``stop`` is set, then let the queues empty, and return the report.

    Args:
        run: The options.
        stop: Set to end the run in order.
        hurry: Set to stop waiting for the queues.
        listener: Called with every event of every station.
        progress: Whether to write progress lines to standard error.

    Raises:
        ValidationError: When the settings of a station are invalid.
        UsageError: When a file that the fleet names can't be used.
    """
    began = SystemClock().now()
    over = asyncio.Event()
    members = _members(run, over)
    by_id = {member.station_id: member for member in members}

    def journaled(kind: Kind, station_id: str, event: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        by_id[station_id].record.journaled(kind, event, more.get("transactionNumber"))

    async with contextlib.AsyncExitStack() as cleanup:
        store, journal = Store(run.state_dir), Journal(run.journal, journaled)
        cleanup.callback(store.close)
        cleanup.callback(journal.close)
        schemas = {version: Schemas(version) for version in {member.config.version for member in members}}
        for member in members:
            member.build(store, journal, schemas[member.config.version])
            if listener is not None:
                member.on_event.append(listener)
        ended_by = await _run(run, members, over, stop, hurry, cleanup, progress)
    return _report(run, members, began, ended_by)


def _members(run: FleetRun, over: asyncio.Event) -> list[Member]:
    members: list[Member] = []
    for group in run.file.stations:
        passwords = run.passwords
        if passwords is None and group.passwords_file is not None:
            passwords = read_passwords(run.path.parent / group.passwords_file)
        for number, station_id in enumerate(group.station_ids):
            settings = _settings(run, group, station_id, len(members) + 1) | {
                "password": (passwords or {}).get(station_id, _with_id(run.password or group.password, station_id))
            }
            member = Member(settings, group, run.file.seed, over)
            member.starts_in = group.start_over * number / len(group.station_ids)
            members.append(member)
    return members


def _settings(run: FleetRun, group: StationGroup, station_id: str, number: int) -> dict[str, Any]:
    """Return the fields of a station's StationConfig, without its password."""
    folder = run.path.parent
    csms = run.file.csms
    certificate, key = (
        None if one is None else folder / str(_with_id(str(one), station_id))
        for one in (group.certificate_file, group.key_file)
    )
    ca_file = None if csms.ca_file is None else folder / csms.ca_file
    url = run.url or csms.url
    if url.startswith("wss:"):
        # The files are checked before anything runs.
        tls_context(ca_file, certificate, key)
    same = ("version", "vendor", "model", "firmware_version", "evses", "connectors_per_evse", "power", "battery")
    return {
        "station_id": station_id,
        "url": url,
        "tenant": run.tenant or csms.tenant,
        "ca_file": ca_file,
        "certificate_file": certificate,
        "key_file": key,
        "serial_number": f"{number:07}",
        "speed": group.speed,
        "variables": group.variables,
        "valid_tokens": frozenset(group.tokens),
        **{name: getattr(group, name) for name in same},
    }


def _with_id(text: str | None, station_id: str) -> str | None:
    return None if text is None else text.replace("{id}", station_id)


async def _run(
    run: FleetRun,
    members: list[Member],
    over: asyncio.Event,
    stop: asyncio.Event,
    hurry: asyncio.Event,
    cleanup: contextlib.AsyncExitStack,
    progress: bool,
) -> Literal["time", "signal"]:
    behaviours = [asyncio.create_task(_live(member, cleanup), name=member.station_id) for member in members]
    show = asyncio.create_task(_show_progress(members) if progress else asyncio.sleep(0))
    try:
        await _until(run.duration, stop, behaviours)
        ended_by: Literal["time", "signal"] = "signal" if stop.is_set() else "time"
        over.set()
        for member in members:
            member.tap.calm = True
        await asyncio.wait(behaviours, timeout=LAST_WORDS)
        await _drain(members, behaviours, run.drain, hurry)
        for task in behaviours:
            task.cancel()
        for result in await asyncio.gather(*behaviours, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
    finally:
        show.cancel()
        for task in behaviours:
            task.cancel()
        await asyncio.gather(*behaviours, show, return_exceptions=True)
    return ended_by


async def _until(duration: float | None, stop: asyncio.Event, tasks: Collection[asyncio.Task[None]]) -> None:
    """Wait until the duration is over, `stop` is set, all tasks are done or one fails; raises the error of a task."""

    async def stopped() -> None:
        await stop.wait()
        raise _StoppedError

    stopping = asyncio.create_task(stopped())
    try:
        done, _ = await asyncio.wait([stopping, *tasks], timeout=duration, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stopping.cancel()
    for task in done:
        if task is not stopping:
            task.result()
        else:
            task.exception()


class _StoppedError(Exception):
    """Ends the wait while the tasks continue."""


async def _live(member: Member, cleanup: contextlib.AsyncExitStack) -> None:
    """Switch one station on and run its behaviour and faults until the end of the run."""
    await pause(member.starts_in, member.stop)
    if member.stop.is_set():
        return
    cleanup.push_async_callback(_switch_off, member)
    await member.switch_on()
    faults = [asyncio.create_task(one.run(member)) for one in member.faults if not one.comes_first]
    behaviour = asyncio.create_task(member.behaviour.run(member))
    try:
        await _until(None, member.stop, [behaviour, *faults])
        # Cancelled faults restore power and connection, so that leaving EVs are reported.
        await _cancel(faults)
        await behaviour
        # This ends the transactions that the CSMS started, and those whose EV a fault has separated.
        for evse_id in range(1, member.config.evses + 1):
            await leave(member, evse_id)
    finally:
        await _cancel([behaviour, *faults])


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _switch_off(member: Member) -> None:
    with contextlib.suppress(SimulatorError):
        await member.station.stop()


async def _drain(
    members: list[Member], behaviours: list[asyncio.Task[None]], seconds: float, hurry: asyncio.Event
) -> None:
    """Wait until all queues are empty, for at most the given seconds."""
    waiting: asyncio.Future[Any] = asyncio.gather(
        *(_emptied(member, behaviour, seconds) for member, behaviour in zip(members, behaviours, strict=True))
    )
    hurried: asyncio.Future[Any] = asyncio.create_task(hurry.wait())
    try:
        await asyncio.wait([waiting, hurried], return_when=asyncio.FIRST_COMPLETED)
    finally:
        hurried.cancel()
        waiting.cancel()
        await asyncio.gather(waiting, hurried, return_exceptions=True)


async def _emptied(member: Member, behaviour: asyncio.Task[None], seconds: float) -> None:
    def is_queued() -> bool:
        return any(one.open for one in member.record.transactions)

    with contextlib.suppress(SimulatorError, TimeoutError):
        async with asyncio.timeout(seconds):
            if is_queued():
                await member.station.reconnect()
            # EVs that are still leaving queue messages.
            await asyncio.wait([behaviour])
            if is_queued():
                await member.station.reconnect()
                await member.station.wait_for("queue_empty", seconds)


async def _show_progress(members: list[Member]) -> None:
    terminal = sys.stderr.isatty()
    began = asyncio.get_running_loop().time()
    while True:
        await asyncio.sleep(PROGRESS_EVERY if terminal else PROGRESS_IN_FILES_EVERY)
        line = progress_line(members, asyncio.get_running_loop().time() - began)
        sys.stderr.write(f"\r{line}\x1b[K" if terminal else f"{line}\n")
        sys.stderr.flush()


def progress_line(members: list[Member], seconds: float) -> str:
    """Return a line with the current counts."""
    records = [member.record for member in members]
    messages = sum(outcomes.total() for record in records for outcomes in record.messages.values())
    transactions = [one for record in records for one in record.transactions]
    minutes, rest = divmod(int(seconds), 60)
    return (
        f"{minutes:02}:{rest:02}  {sum(record.connected for record in records)} of {len(records)} connected, "
        f"{sum(record.charging for record in records)} charging, {messages} messages, "
        f"{sum(len(one.open) for one in transactions)} queued, "
        f"{sum(len(one.given_up) for one in transactions)} given up, "
        f"{sum(len(record.faults) for record in records)} faults"
    )


def _report(run: FleetRun, members: list[Member], began: datetime, ended_by: Literal["time", "signal"]) -> Report:
    sums: Totals = totals([member.record for member in members])
    return Report(
        fleet=run.path.name,
        url=run.url or run.file.csms.url,
        seed=run.file.seed,
        began=began,
        ended=SystemClock().now(),
        ended_by=ended_by,
        verdict=verdict(sums, run.fail_on),
        totals=sums,
        stations=[station_report(member.record, member.tap.counts) for member in members],
    )
