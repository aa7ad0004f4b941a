"""Processes that start and end as those of operators do, not as forks (tests/support/forks.py); and how forks end."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from tests.support import deployment
from tests.support.deployment import Process, deploy

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]

PASSWORD = "correct-horse-battery"

IMPORTS = "import atexit, marshal, os, sys, threading, types\n"

MAINS = {
    "raises": "def main(): print('said'); raise ValueError('wrong')",
    "says why it exits": "def main(): print('said'); sys.exit('wrong')",
    "exits without a code": "def main(): print('said'); sys.exit()",
    "has work at the exit": "def main(): atexit.register(print, 'last'); sys.exit(4)",
    "has a thread": "def main(): threading.Timer(0.2, print, ['late']).start(); return 3",
    "is read by nobody": "def main(): print('said'); os.close(1); return 0",
}

BE = """
for name in ("citrine_cli", "citrine_cli.main"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["citrine_cli.main"].main = main
from tests.support import forks
forks._be(marshal.dumps([[], os.getcwd(), dict(os.environ)]), [os.dup(each) for each in range(3)])
"""


def run(code: str) -> tuple[int, str, str]:
    """Return the exit code, the output and the last line of the errors."""
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTS + code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return ran.returncode, ran.stdout, ran.stderr.strip().rpartition("\n")[2]


@pytest.mark.parametrize("main", MAINS.values(), ids=MAINS)
def test_a_fork_ends_as_the_interpreter_does(main: str) -> None:
    assert run(main + BE) == run(f"{main}\nsys.exit(main())")


async def test_a_core_an_edge_and_a_simulator_that_are_no_forks_start_serve_and_end(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "start", deployment._start)
    async with deploy(sqlite_url, tmp_path / "citrine") as running:
        async with running.client() as citrine:
            station = Station(station_id="CS-1")
            await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
        words = ["simulate", "--url", running.url(), "--station", "CS-1", "--password", PASSWORD, "--for", "1s"]
        simulator = Process("simulator", words, {}, tmp_path)
        simulator.start()
        code = await asyncio.to_thread(simulator.wait)
        codes = [process.stop() for process in running.processes]

    assert (code, codes) == (0, [0, 0]), simulator.log.read_text()
    assert "Traceback" not in simulator.log.read_text()
    assert "Traceback" not in running.problems()
