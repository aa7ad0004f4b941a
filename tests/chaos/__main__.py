"""`make chaos`: some minutes of faults on SQLite and PostgreSQL; exit code 1 where anything was lost or doubled."""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.chaos.run import Outcome, harm, watch
from tests.chaos.site import open_site, postgres_on, small_disk
from tests.support.load import Fleet


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--minutes", type=float, default=3.0, help="for each database")
    parser.add_argument("--stations", type=int, default=12)
    parser.add_argument("--seed", type=int, help="to see the same faults again")
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--keep", type=Path, help="folder for logs and journal, which are deleted otherwise")
    return parser.parse_args()


async def _run(database: str, arguments: argparse.Namespace, seed: int, folder: Path) -> Outcome:
    outcome, started = Outcome(), time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f}] {text}", flush=True)

    async with contextlib.AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk())
        if disk is None:
            say("the disk is not filled: this process may not make one (it takes root, on Linux)")
        postgres = None
        if database == "postgresql":
            postgres = await stack.enter_async_context(postgres_on(disk))
        site = await stack.enter_async_context(
            open_site(folder, postgres=postgres, disk=disk, stations=arguments.stations)
        )

        async def trouble(fleet: Fleet) -> None:
            await fleet.acknowledged(5 * arguments.stations)
            await harm(site, fleet, outcome, random.Random(seed), arguments.minutes * 60, say, arguments.only)
            say("stations deliver what they have")

        await watch(site, outcome, trouble)
    return outcome


def main() -> int:
    """Run, and return the exit code."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 31)
    sound = True
    for database in ("sqlite", "postgresql") if arguments.database == "both" else (arguments.database,):
        print(f"{database}, seed {seed}", flush=True)
        with (
            tempfile.TemporaryDirectory(prefix="citrine-chaos-")
            if arguments.keep is None
            else (contextlib.nullcontext(arguments.keep / database)) as name
        ):
            outcome = uvloop.run(_run(database, arguments, seed, Path(name)))
        print(outcome, flush=True)
        sound = sound and outcome.is_sound
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
