"""Run all scenarios on SQLite and PostgreSQL and print one table: `make bench`."""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil
import uvloop

from citrine_simulator.load import BootStormResult
from tests.bench.base_reports import PARTS, VARIABLES, BaseReports, base_reports
from tests.bench.late_events import LATE, LateEvents, late_events
from tests.bench.measure import Measured
from tests.bench.scenarios import (
    Commands,
    Idle,
    commands,
    floor,
    idle,
    restart_core,
    running,
    storm,
    transaction_events,
    version_line,
)
from tests.bench.starts import TIMES, Start, starts

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"

COLUMNS = ("scenario", "messages/s", "edge µs", "core µs", "database µs", "edge + core", "p50 ms", "p95 ms", "p99 ms")

REPORT_COLUMNS = (
    "base reports at once", "variables/s", "parts/s", "edge µs", "core µs", "database µs", "p50 ms", "p95 ms", "p99 ms",
)  # fmt: skip

_REPORTS = (
    f"Stations are asked for a FullInventory at the same time and send {VARIABLES} variables each, in {PARTS} parts, "
    "each as soon as the one before was answered. µs are CPU time per part; ms are what a part waits for its answer. "
    "The time ends when the last report is complete.\n\n"
)


def load_row(name: str, run: Measured, floor_cost: float) -> list[str]:
    """Return the row of a load scenario."""
    latency = run.result.latency_ms
    if "floor" in run.cpu:
        both = run.cpu_per_message("floor")
        costs = ["", "", "", f"{both:.0f} µs = {both / floor_cost:.1f} × floor"]
    else:
        both = run.cpu_per_message("edge", "core")
        database = f"{run.cpu_per_message('database'):.0f}" if "database" in run.cpu else "in core"
        costs = [
            f"{run.cpu_per_message('edge'):.0f}",
            f"{run.cpu_per_message('core'):.0f}",
            database,
            f"{both:.0f} µs = {both / floor_cost:.1f} × floor",
        ]
    times = (f"{quantile:.1f}" for quantile in (latency.p50, latency.p95, latency.p99))
    return [name, f"{run.result.messages_per_second:.0f}", *costs, *times]


def report_row(name: str, run: BaseReports) -> list[str]:
    """Return the row of base reports."""
    database = f"{run.cpu_per_part('database'):.0f}" if "database" in run.cpu else "in core"
    return [
        f"{run.stations} stations, {name}",
        f"{run.variables / run.seconds:.0f}",
        f"{run.parts / run.seconds:.0f}",
        f"{run.cpu_per_part('edge'):.0f}",
        f"{run.cpu_per_part('core'):.0f}",
        database,
        *(f"{quantile:.1f}" for quantile in (run.latency_ms.p50, run.latency_ms.p95, run.latency_ms.p99)),
    ]


def table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in (list(header), *rows)) for i in range(len(header))]
    lines = [list(header), ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines
    )


async def run(options: argparse.Namespace, directory: Path) -> str:
    """Run everything and return the report."""
    bare = await floor(directory / "floor", options.stations, options.seconds)
    floor_cost = bare.cpu_per_message("floor")
    loads = [load_row("floor: a bare websocket server", bare, floor_cost)]
    quick = await floor(directory / "floor-uvloop", options.stations, options.seconds, "--uvloop")
    loads.append(load_row("the same on uvloop", quick, floor_cost))
    async with running("sqlite", directory / "starts", 10) as sut:
        rest = [start_row(start) for start in await starts(sut)]
    reports: list[list[str]] = []
    for kind, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        most = max(options.stations, options.storm, options.idle)
        async with running(kind, directory / kind, most) as sut:
            rest += other_rows(name, await idle(sut, options.idle), await commands(sut, options.commands))
            await restart_core(sut)
            rest.append(storm_row(name, "each password checked anew", await storm(sut, options.storm)))
            rest.append(storm_row(name, "logins remembered", await storm(sut, options.storm)))
        async with running(kind, directory / f"{kind}-late", 2) as sut:
            rest += late_rows(name, await late_events(sut))
        async with running(kind, directory / f"{kind}-load", options.stations) as sut:
            events = await transaction_events(sut, options.stations, options.seconds)
            reports.append(report_row(name, await base_reports(sut, min(options.reports, options.stations))))
        loads.append(load_row(f"TransactionEvent, {name}", events, floor_cost))
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{psutil.cpu_count()} virtual cores ({platform.machine()}), {memory:.0f} GiB, Linux, {version_line()}"
    return (
        f"Machine: {machine}. {options.stations} stations saturate one edge and one core for "
        f"{options.seconds:.0f} s with TransactionEvent (Updated, three sampled values), each answered after its "
        "commit; the load generator runs on the same cores. µs are CPU time per message, user and system.\n\n"
        + table(COLUMNS, loads)
        + "\n\n"
        + table(("figure", "measured", "must"), rest)
        + f"\n\nThe CPU of a start is user and system time with compiled modules, the least of {TIMES} starts."
        + "\n\n"
        + _REPORTS
        + table(REPORT_COLUMNS, reports)
        + "\n"
    )


def storm_row(name: str, what: str, storm: BootStormResult) -> list[str]:
    """Return the row of a boot storm."""
    return [f"boot storm of {storm.done}, {what}, {name}", f"{storm.seconds:.1f} s", "20 s for 1000"]


def late_rows(name: str, late: LateEvents) -> list[list[str]]:
    """Return the rows of late events."""
    waits = late.waits_ms
    return [
        [
            f"{LATE} events of a transaction, newest first, each, {name}",
            f"{late.cpu_reversed * 1000:.1f} ms of CPU",
            f"twice {late.cpu_in_order * 1000:.1f} ms in order",
        ],
        [
            f"another station's answer meanwhile, {name}",
            f"p50 {waits.p50:.1f}, p95 {waits.p95:.1f}, p99 {waits.p99:.1f} ms",
            "p99 100 ms",
        ],
    ]


def start_row(start: Start) -> list[str]:
    """Return the row of a start."""
    return [f"CPU of `{start.what}` until it {start.until}", f"{start.cpu_seconds:.2f} s", f"{start.limit:g} s"]


def other_rows(name: str, held: Idle, trips: Commands) -> list[list[str]]:
    """Return the rows of what is neither load nor storm."""
    return [
        [
            f"memory per idle connection in the edge, {held.connections} held, {name}",
            f"{held.edge_bytes / 1000:.0f} kB",
            "40 kB",
        ],
        [
            f"command round trip, idle, {trips.count} times, {name}",
            f"p50 {trips.p50:.1f}, p95 {trips.p95:.1f}, p99 {trips.p99:.1f} ms",
            "p99 30 ms",
        ],
    ]


def main() -> None:
    """Print the report, and write it where asked to."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--storm", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--commands", type=int, default=500)
    parser.add_argument("--reports", type=int, default=50, help="stations that report at once, of --stations")
    parser.add_argument("--write", action="store_true", help="replace the figures in docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citrine-bench-") as directory:
        # An installation has compiled modules; a tree of sources gets them, out of its sight.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(directory) / "compiled")
        report = uvloop.run(run(options, Path(directory)))
    print(report)
    if options.write:
        day = datetime.now(UTC).date().isoformat()
        head = "# Benchmarks\n\nWritten by `make bench ARGS=--write`; run it to have the figures of your machine.\n\n"
        DOCUMENT.write_text(f"{head}## {day}\n\n{report}")


if __name__ == "__main__":
    main()
