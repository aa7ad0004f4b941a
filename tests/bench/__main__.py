"""Measure what Citrine costs on SQLite and PostgreSQL, print the report, and write it: `make bench`."""

import argparse
import asyncio
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import uvloop

from tests.bench.compare import worse
from tests.bench.errors import BenchError
from tests.bench.groups import Bench, Group, chosen
from tests.bench.report import render
from tests.bench.results import Results, Run
from tests.bench.scenarios import version_line

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
RESULTS = DOCUMENT.with_suffix(".json")
PROFILES = Path(".citrine") / "profiles"

QUIET, QUIET_TIME = 10.0, 60
"""Share of the machine, in %, that others may use where results are written, and for how many seconds one waits."""


def main() -> int:
    """Measure, and return the exit code: 1 where a group could not be measured, 2 where it was wrongly used."""
    options = _arguments()
    try:
        groups = chosen(options.only, full=options.scale)
        if options.list:
            _list(groups)
            return 0
        return _main(options, groups)
    except BenchError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the groups of measurements, and how long they take")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="measure this group; also *, e.g. sqlite-*; repeatable",
    )
    parser.add_argument(
        "--write", action="store_true",
        help="write each group's results at once: docs/benchmarks.json, and docs/benchmarks.md from it",
    )  # fmt: skip
    parser.add_argument(
        "--profile", nargs="?", type=Path, const=PROFILES, metavar="FOLDER",
        help=f"write profiles of each point into a folder ({PROFILES}); the figures are not written then",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=6, help="of a saturated load")
    parser.add_argument("--window", type=float, help="seconds of each point of a curve (4), or of --scale (20)")
    parser.add_argument("--stations", type=int, default=200, help="of a saturated load")
    parser.add_argument("--fleet", type=int, default=1000, help="stations of a curve")
    parser.add_argument("--storm", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--commands", type=int, default=500)
    parser.add_argument("--reports", type=int, default=50, help="stations that report at once")
    parser.add_argument("--scale", action="store_true", help="measure full databases beside empty ones, nothing else")
    parser.add_argument("--scale-stations", type=int, default=100_000, help="of a full database")
    parser.add_argument("--scale-transactions", type=int, default=1_000_000, help="of a full database; 20 samples each")
    parser.add_argument("--scale-connected", type=int, default=10_000, help="stations that connect")
    parser.add_argument("--scale-lists", type=int, default=100, help="how often each list is called")
    options = parser.parse_args()
    if options.write and options.profile:
        parser.error("what is profiled costs more than it does otherwise: --write or --profile, not both")
    return options


def _list(groups: list[Group]) -> None:
    known = Results(RESULTS)
    for group in groups:
        print(f"{group.name:24}{_about(group, known):5.0f} s  {group.about}")
    print(f"{'':24}{sum(_about(group, known) for group in groups):5.0f} s  together")


def _about(group: Group, known: Results) -> float:
    """Return about how many seconds a group takes: as many as last time."""
    run = known.run(group.name)
    return group.seconds if run is None else run.seconds


def _main(options: argparse.Namespace, groups: list[Group]) -> int:
    known, before = Results(RESULTS), Results(RESULTS)
    results = known if options.write else Results()
    began, failed = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="citrine-bench-") as directory:
        # An installation has compiled modules; a tree of sources gets them, out of its sight.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(directory) / "compiled")
        bench = Bench(options, Path(directory), lambda what: _say(f"          {what}"), options.profile)
        try:
            for number, group in enumerate(groups, 1):
                left = sum(_about(one, known) for one in groups[number - 1 :])
                about = f"about {_about(group, known):.0f} s of {left / 60:.0f} min that are left"
                _say(f"[{number:2}/{len(groups)}] {group.name}: {group.about}; {about}")
                if not _measure(group, bench, results):
                    failed.append(group.name)
                elif options.write:
                    results.write()
                    DOCUMENT.write_text(render(results))
        except (KeyboardInterrupt, asyncio.CancelledError):
            _say("ended; what was measured is here")
            failed.append("the rest")
    print(render(results))
    _say(f"took {(time.monotonic() - began) / 60:.1f} min")
    if options.profile:
        _say(f"profiles are in {options.profile}")
    for line in worse(before, results):
        _say(f"worse than before: {line}")
    if failed:
        _say(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


def _measure(group: Group, bench: Bench, results: Results) -> bool:
    """Measure one group; return whether that went well."""
    try:
        if bench.options.write:
            _wait_until_quiet()
        now, began = datetime.now(UTC), time.monotonic()
        values = uvloop.run(_run(group, bench))
    except Exception as problem:
        # One that can't be measured is no reason to lose those after it.
        _say(f"          could not be measured: {type(problem).__name__}: {problem}")
        return False
    seconds = time.monotonic() - began
    run = Run(now.date().isoformat(), _machine(), seconds, now.strftime("%H:%M"), _commit())
    results.add(group.name, values, run)
    return True


def _wait_until_quiet() -> None:
    """Wait until the machine does little else.

    Raises:
        BenchError: When it does not.
    """
    for _ in range(QUIET_TIME):
        if (busy := psutil.cpu_percent(interval=1)) <= QUIET:
            return
    raise BenchError(f"the machine is busy with other things ({busy:.0f} %), and what is written would be wrong")


async def _run(group: Group, bench: Bench) -> Mapping[str, Any]:
    task = asyncio.current_task()
    assert task is not None
    # Ctrl-C does this anyway. What was started for the group is ended then.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await group.run(bench)


def _commit() -> str:
    """Return the commit that is measured, with a "+" where there is more than that; empty outside of a repository."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=DOCUMENT.parent, capture_output=True, text=True, check=False)

    commit = git("rev-parse", "--short=8", "HEAD").stdout.strip()
    # What is written of a run is no change of what it measures.
    is_changed = git("diff", "--quiet", "HEAD", "--", "..", f":!{DOCUMENT.stem}.*").returncode == 1
    return f"{commit}+" if is_changed else commit


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} virtual cores ({platform.machine()}), {memory:.0f} GiB, Linux, {version_line()}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
