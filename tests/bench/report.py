"""The report: docs/benchmarks.md, made from the results."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.base_reports import PARTS, VARIABLES
from tests.bench.console_report import console_report
from tests.bench.curve import SILENT, Point, Split, split
from tests.bench.figures_report import figures_report
from tests.bench.groups import DATABASES, GROUPS, SCALE_GROUPS
from tests.bench.loads import OTHERS
from tests.bench.musts import musts, points
from tests.bench.results import Results, Run
from tests.bench.roaming_report import roaming_report
from tests.bench.scale_report import scale_report
from tests.bench.tables import table
from tests.bench.tls_report import tls_report

__all__ = ["render"]

ROLES = ("edge", "core", "database")
"""Roles of processes, in the order of the columns."""

CHECKED = "50/s"
"""The load at which all sums are shown beside each other."""

OFF = 0.15
"""How far off the sum of what a load is split in may be."""

_HEAD = """# Benchmarks

Written by `make bench ARGS=--write`; run it to have the figures of your machine (about 20 minutes on two cores).
`make bench ARGS=--list` names the groups of measurements; `ARGS="--only sqlite-curve --write"` measures one of them
anew and leaves the others as they were measured last (`benchmarks.json`). `ARGS="--profile --only sqlite-few"` writes
where the time goes. `ARGS=--scale` fills databases first, and takes about an hour; `--scale-transactions`,
`--scale-stations` and `--scale-connected` make it smaller.

CPU is user and system time of all processes of a role, the database's own included, by the clocks of the processes.
The load comes from the simulator on the same machine, whose own CPU is not counted. A share of 100 % is one CPU.
"""

_MUSTS = """## What must be

"Beside what runs anyway": less what the same processes use while that station is connected and silent.
"""

_WHERE = """## Where the time goes

Of what is not reached, by profiles of 2026-11-29 and 30 (`--profile`; shares of the time that Python's lock is held,
which is two to three quarters of a process's CPU: the rest are calls of the system, and threads that wake one
another).

- **One station, and 50 messages a second**: what a batch costs, whatever it holds. Of the edge's time a batch of gRPC
  both ways takes a quarter (Python's gRPC alone takes 0.5 to 0.6 ms of CPU for a round trip on both sides at 20 a
  second, and a Heartbeat is little else), reading and checking frames half, writing answers an eighth. Of the core's a
  lane takes half: the handlers a quarter, sessions a tenth, begin and commit a sixth; gRPC a sixth; looking for
  commands that wait, and other jobs, a tenth.
- **Saturated**: in the core handlers take three quarters. Without a tariff half of them is Python's work on events and
  readings (fold, samples, rows), the other half making, sending and reading some seven statements; prices are as much
  again. In the edge taking a call in takes two fifths (decoding a fifth, its JSON a tenth), answers, their websocket
  included, a fifth, the websocket besides another tenth, gRPC an eighth.
- **Boots with chosen passwords**: 8 of 9 to 12 ms are the slow hash of the password (Argon2id), once for each log-in
  that the edge does not remember.
- **Four cores on one SQLite file, saturated**: they wait for one another's turn to write, and that turn is not in
  order.
- **A full database, memory of the core on SQLite**: measured before its page cache was made smaller.
- **A full database on SQLite, saturated**: a page cache of a gigabyte makes it 4 % cheaper, so it is hardly reading. An
  insert costs SQLite itself 40 % more (28 for 20 µs, as many stations inserting) and changes a quarter more pages, all
  of which are written twice: to the log and from there to the file.
"""

_SATURATED = """## Saturated

200 stations saturate one edge and one core with TransactionEvent (Updated, three sampled values), each answered after
its commit. µs are CPU time per message. The tariff has a price of energy at night, and of energy and time by day.
"""

_CURVE = """## The curve

{stations} stations are connected, with a transaction each, and send TransactionEvents (Updated, six sampled values),
so many a second together, each station at times of its own that no answer delays; a wait is measured from the time at
which the message was due. "saturated": each sends the next as soon as the last was answered.

The CPU of each load is split in what runs anyway (while all are connected and silent), what each batch costs and what
each message costs; those of a batch and a message are the ones that fit all loads best. "by the curve" is the sum of
these three, beside what the clocks of all processes say ("CPU"), and beside what the whole machine was busy but for the
load generator ("machine"): they should agree; a sum that is more than 15 % off is **bold**. "afterwards" is what was
still used behind the window, in CPU seconds.
"""

_FEW = """## Few stations

One station sends ten messages a second, fifty stations one each second. "a message": CPU time less what runs anyway
while that one station is connected and silent.
"""

_REPORTS = f"""## Base reports

Stations are asked for a FullInventory at the same time and send {VARIABLES} variables each, in {PARTS} parts, each as
soon as the one before was answered. µs are CPU time per part; ms are what a part waits for its answer. The time ends
when the last report is complete.
"""


def render(results: Results) -> str:
    """Return the whole document."""
    parts = [_HEAD, _when(results), _MUSTS, musts(results, DATABASES), _WHERE, *_saturated(results), *_curves(results)]
    parts += [*_few(results), *figures_report(results, DATABASES), *tls_report(results), *_reports(results)]
    parts += console_report(results)
    parts += roaming_report(results, DATABASES)
    parts += scale_report(results, DATABASES)
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _when(results: Results) -> str:
    """Return when, where and of what each run measured: groups of one commit, one after another."""
    runs: list[tuple[Run, Run, list[str]]] = []
    found = [(group.name, run) for group in (*GROUPS, *SCALE_GROUPS) if (run := results.run(group.name))]
    for name, run in sorted(found, key=lambda one: (one[1].day, one[1].time)):
        if runs and _of(runs[-1][0]) == _of(run):
            runs[-1] = (runs[-1][0], run, [*runs[-1][2], name])
        else:
            runs.append((run, run, [name]))
    lines = [(_of_run(first, last), names) for first, last, names in runs]
    if len(lines) == 1:
        return f"One run: {lines[0][0]}."
    return "\n".join(f"- {about}: {', '.join(names)}." for about, names in lines)


def _of(run: Run) -> tuple[str, str, str]:
    return run.day, run.commit, run.machine


def _of_run(first: Run, last: Run) -> str:
    times = dict.fromkeys(time for time in (first.time, last.time) if time)
    about = [f"{first.day} {' to '.join(times)} UTC" if times else first.day]
    if first.commit:
        about.append(f"commit {first.commit}")
    return ", ".join([*about, first.machine])


def _saturated(results: Results) -> Iterator[str]:
    bare = results.get("floor")
    if bare is None:
        return
    cost = float(bare["asyncio"]["cpu"]["floor"])
    rows = [_floor_row("floor: a bare websocket server", bare["asyncio"], cost)]
    rows.append(_floor_row("the same on uvloop", bare["uvloop"], cost))
    for kind, name in DATABASES.items():
        if found := results.get(f"{kind}-saturated"):
            rows.append(_load_row(f"TransactionEvent, {name}", found["plain"], cost))
            rows.append(_load_row(f"the same with a tariff, {name}", found["priced"], cost))
            if "of_1_6" in found:
                rows.append(_load_row(f"MeterValues of OCPP 1.6, {name}", found["of_1_6"], cost))
    yield _SATURATED
    yield table(
        ("scenario", "messages/s", "edge µs", "core µs", "database µs", "edge + core", "p50 ms", "p95 ms", "p99 ms"),
        rows,
    )


def _floor_row(name: str, run: Mapping[str, Any], floor: float) -> list[str]:
    cost = run["cpu"]["floor"]
    return [name, f"{run['per_second']:.0f}", "", "", "", f"{cost:.0f} µs = {cost / floor:.1f} × floor", *_times(run)]


def _load_row(name: str, run: Mapping[str, Any], floor: float) -> list[str]:
    cpu = run["cpu"]
    both = cpu["edge"] + cpu["core"]
    database = f"{cpu['database']:.0f}" if "database" in cpu else "in core"
    costs = [f"{cpu['edge']:.0f}", f"{cpu['core']:.0f}", database, f"{both:.0f} µs = {both / floor:.1f} × floor"]
    return [name, f"{run['per_second']:.0f}", *costs, *_times(run)]


def _times(run: Mapping[str, Any]) -> list[str]:
    return [f"{run['latency_ms'][name]:.1f}" for name in ("p50", "p95", "p99")]


def _curves(results: Results) -> Iterator[str]:
    begun = False
    for kind, name in DATABASES.items():
        for suffix, cores in (("curve", "one core"), ("four-cores", "four cores")):
            found = points(results, f"{kind}-{suffix}")
            if not found:
                continue
            if not begun:
                begun = True
                yield _CURVE.format(stations=(results.get(f"{kind}-{suffix}") or {})["stations"])
            yield f"### {name}, {cores}\n"
            yield from _curve(list(found.values()))


def _curve(found: list[Point]) -> Iterator[str]:
    other = {name for name, *_ in OTHERS}
    fitted = [one for one in found if one.per_second and one.name not in other]
    anyway = next(one.total for one in found if one.name == SILENT)
    parts = split(fitted, anyway)
    roles = [role for role in ROLES if role in found[0].cpu]
    header = ["load", "messages/s", "batches/s", *(f"{role} %" for role in roles), "CPU %", "by the curve %"]
    header += ["machine %", "ms a message", "afterwards s", "p50 ms", "p99 ms"]
    yield table(header, [_curve_row(one, roles, parts if one in fitted else None) for one in found])
    off = [abs(sum(parts.at(one)) / one.total - 1) for one in fitted]
    yield (
        f"What runs anyway: {parts.anyway:.1f} %. A batch: {parts.per_batch:.2f} ms. A message: "
        f"{parts.per_message:.2f} ms. Their sums are {100 * sum(off) / len(off):.0f} % off what clocks say on "
        f"average, {100 * max(off):.0f} % at most."
    )
    for one in fitted:
        if one.name == CHECKED:
            yield (
                f"At {one.name} the curve says {sum(parts.at(one)):.1f} %, the clocks of all processes "
                f"{one.total:.1f} %, and the machine was busy for {one.machine:.1f} % beside the load generator."
            )


def _curve_row(one: Point, roles: list[str], parts: Split | None) -> list[str]:
    cells = [one.name, f"{one.per_second:.1f}" if one.per_second < 20 else f"{one.per_second:.0f}"]
    cells.append(f"{one.batches:.1f}" if one.batches < 20 else f"{one.batches:.0f}")
    cells += [f"{one.cpu[role]:.1f}" for role in roles]
    cells.append(f"{one.total:.1f}")
    cells.append("" if parts is None else _sum(parts.at(one), one.total))
    cells.append(f"{one.machine:.1f}")
    if not one.per_second:
        return ["" if cell in ("0.0", "0") else cell for cell in cells] + [""] * 4
    late = f" ({one.unanswered} unanswered)" if one.unanswered else ""
    return [
        *cells,
        f"{10 * one.total / one.per_second:.2f}",
        f"{one.afterwards:.1f}",
        f"{one.p50:.1f}",
        f"{one.p99:.1f}{late}",
    ]


def _sum(shares: tuple[float, float, float], total: float) -> str:
    found = f"{sum(shares):.1f}"
    if abs(sum(shares) - total) > OFF * total:
        found = f"**{found}**"
    return f"{' + '.join(f'{share:.1f}' for share in shares)} = {found}"


def _few(results: Results) -> Iterator[str]:
    rows = []
    for kind, name in DATABASES.items():
        found = points(results, f"{kind}-few")
        if not found:
            continue
        silent = found[SILENT]
        rows.append([f"one station, {SILENT}, {name}", "", *_shares(silent), "", "", "", "", "", ""])
        for one in found.values():
            if one is not silent:
                beside = [_beside(one, silent, role) for role in ROLES]
                rows.append(
                    [f"{one.name}, {name}", f"{one.per_second:.0f}", *_shares(one), *beside, f"{one.machine:.1f}",
                     f"{one.p50:.1f}", f"{one.p99:.1f}"]
                )  # fmt: skip
    if rows:
        yield _FEW
        yield table(
            (
                "load",
                "messages/s",
                "CPU %",
                "a message: edge ms",
                "core ms",
                "database ms",
                "machine %",
                "p50 ms",
                "p99 ms",
            ),
            rows,
        )


def _shares(one: Point) -> list[str]:
    return [f"{one.total:.1f}"]


def _beside(one: Point, silent: Point, role: str) -> str:
    if role not in one.cpu:
        return "in core"
    return f"{10 * (one.cpu[role] - silent.cpu[role]) / one.per_second:.2f}" if one.per_second else ""


def _reports(results: Results) -> Iterator[str]:
    rows = []
    for kind, name in DATABASES.items():
        if run := results.get(f"{kind}-reports"):
            cpu = run["cpu"]
            rows.append([
                f"{run['stations']} stations, {name}",
                f"{run['variables'] / run['seconds']:.0f}", f"{run['parts'] / run['seconds']:.0f}",
                f"{cpu['edge']:.0f}", f"{cpu['core']:.0f}",
                f"{cpu['database']:.0f}" if "database" in cpu else "in core", *_times(run),
            ])  # fmt: skip
    if rows:
        yield _REPORTS
        yield table(
            ("base reports at once", "variables/s", "parts/s", "edge µs", "core µs", "database µs", "p50 ms", "p95 ms",
             "p99 ms"),
            rows,
        )  # fmt: skip
