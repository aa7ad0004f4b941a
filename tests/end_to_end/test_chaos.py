"""What there is crashes, stands still and is cut off under load: nothing is lost, nothing is doubled."""

import contextlib
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome, compare, harm_by
from tests.chaos.site import Site, open_site, postgres_on, small_disk
from tests.support import deployment
from tests.support.deployment import Deployment, Process

pytestmark = pytest.mark.timeout(400)

SHORT = {
    "a core crashes": 1.0,
    "a core stands still": 9.0,
    "all cores crash": 1.0,
    "a core stops in order": 0.0,
    "an edge crashes": 0.0,
    "an edge stops in order": 0.0,
    "an edge stands still": 2.0,
    "stations to an edge: cut": 1.0,
    "an edge to a core: cut": 2.0,
    "an edge to a core: nothing arrives": 8.0,
    "a core to the database: nothing arrives": 7.0,
    "the database crashes": 1.0,
    "the database restarts": 0.0,
    "the disk is full": 3.0,
    "the file is locked": 3.0,
}
"""Seconds of each fault. `make chaos` takes longer, more of them, and two at a time."""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_nothing_is_lost_whatever_fails(database: str, tmp_path: Path) -> None:
    outcome, chance = Outcome(), random.Random(1)
    async with contextlib.AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk())
        postgres = None
        if database == "postgresql":
            postgres = await stack.enter_async_context(postgres_on(disk))
        site = await stack.enter_async_context(open_site(tmp_path, postgres=postgres, disk=disk, stations=8))
        async with site.charging() as fleet:
            await fleet.all_acknowledged()
            for fault in FAULTS:
                if fault.name in SHORT and fault.can(site):
                    await harm_by(site, fleet, outcome, [fault], chance, print, SHORT[fault.name])
        await compare(site.deployment, fleet, outcome)
        assert outcome.is_sound, f"{outcome}\n{site.deployment.problems()}"


PROGRAM = """
import os, pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
ready = pathlib.Path(os.environ["CITRINE_READY_FILE"])
written = ready.with_suffix(".written")
written.write_text("{}")
written.rename(ready)
while True:
    signal.pause()
"""
"""What ends in order on SIGTERM."""


def _start_python(
    arguments: Sequence[str], directory: Path, variables: Mapping[str, str], output: int
) -> "subprocess.Popen[bytes]":
    program = [sys.executable, *arguments]
    return subprocess.Popen(program, env=variables, cwd=directory, stdout=output, stderr=output)


@pytest.mark.parametrize(
    "names",
    [
        ("all cores crash", "a core stops in order"),
        ("a core stops in order", "all cores crash"),
        ("all cores crash", "a core crashes"),
        ("a core stands still", "a core stops in order"),
        ("a core stands still", "a core crashes"),
    ],
)
async def test_two_faults_of_the_same_process(
    names: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started again once: a second process would be left behind, and have its port."""
    monkeypatch.setattr(deployment, "start", _start_python)
    core = Process("core-0", ["-c", PROGRAM], {}, tmp_path)
    site = Site(Deployment("", tmp_path, cores=[core]), [], [], [], [], None, None, None)
    with deployment.stopped_at_the_end(site.deployment):
        core.start()
        await core.ready()
        async with contextlib.AsyncExitStack() as stack:
            for name in names:
                [fault] = [fault for fault in FAULTS if fault.name == name]
                await stack.enter_async_context(fault.harm(site, random.Random(1)))

        await site.all_running()

        assert core.starts == 2
