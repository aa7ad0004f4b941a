"""`make fuzz`: thousands of frames of each version; exit code 1 if one was answered as it must not be."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.fuzz.frames import VERSIONS
from tests.fuzz.run import Outcome, fuzz
from tests.support.deployment import deploy


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--version", choices=VERSIONS, action="append", help="default: all")
    parser.add_argument("--frames", type=int, default=10_000, help="of each version")
    parser.add_argument("--seed", type=int, help="to send the same frames again")
    return parser.parse_args()


async def _run(version: str, count: int, seed: int, folder: Path) -> Outcome:
    async with deploy(f"sqlite+aiosqlite:///{folder / 'citrine.db'}", folder, log_level="WARNING") as deployment:
        outcome = await fuzz(deployment, version, count, seed)
        for process in (*deployment.cores, *deployment.edges):
            if "Traceback" in process.log.read_text():
                outcome.faults.append(f"a traceback of {process.name}:\n{process.log.read_text()[-60000:]}")
    return outcome


def main() -> int:
    """Run, and return the exit code."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 31)
    sound = True
    for version in arguments.version or VERSIONS:
        print(f"OCPP {version}, seed {seed}", flush=True)
        with tempfile.TemporaryDirectory(prefix="citrine-fuzz-") as folder:
            outcome = uvloop.run(_run(version, arguments.frames, seed, Path(folder)))
        print(outcome, flush=True)
        sound = sound and not outcome.faults
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
