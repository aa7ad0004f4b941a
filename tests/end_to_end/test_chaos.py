"""What there is crashes, stands still and is cut off under load: nothing is lost, nothing is doubled."""

import contextlib
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome, harm_by, watch
from tests.chaos.site import Site, open_site, postgres_on, small_disk
from tests.support import deployment
from tests.support.deployment import Deployment, Process
from tests.support.load import Fleet

pytestmark = pytest.mark.timeout(400)

SHORT: Sequence[tuple[float, Sequence[str]]] = (
    (3.5, ("a core crashes", "stations to an edge: slow")),
    (10.5, ("a core stands still", "an edge crashes")),
    (3.5, ("a core stops in order", "an edge stops in order")),
    (3.5, ("an edge to a core: cut", "an edge stands still")),
    (3.5, ("an edge to a core: slow", "stations to an edge: cut")),
    (10.5, ("an edge to a core: nothing arrives", "stations to an edge: nothing arrives")),
    (1.0, ("all cores crash",)),
    (7.5, ("a core to the database: nothing arrives",)),
    (3.5, ("a core to the database: cut",)),
    (3.5, ("a core to the database: slow",)),
    (3.0, ("the database stands still",)),
    (1.0, ("the database crashes",)),
    (0.0, ("the database restarts",)),
    (2.5, ("the disk is full",)),
    (2.5, ("the file is locked",)),
)
"""Faults that are done together, with their seconds: longer than others may wait. `make chaos` does more of them."""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_nothing_is_lost_whatever_fails(database: str, tmp_path: Path) -> None:
    outcome, chance = Outcome(), random.Random(1)
    async with contextlib.AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk())
        postgres = None
        if database == "postgresql":
            postgres = await stack.enter_async_context(postgres_on(disk))
        site = await stack.enter_async_context(open_site(tmp_path, postgres=postgres, disk=disk, stations=8))

        async def trouble(fleet: Fleet) -> None:
            await fleet.all_acknowledged()
            for seconds, names in SHORT:
                faults = [fault for fault in FAULTS if fault.name in names and fault.can(site)]
                if site.sqlite is not None and "a core stands still" in names:
                    # It may have the file locked: there are no others who must be served meanwhile.
                    seconds = 2.0
                if faults:
                    await harm_by(site, fleet, outcome, faults, chance, print, seconds)

        await watch(site, outcome, trouble)
        print(outcome)
        assert outcome.is_sound, f"{outcome}\n{site.deployment.problems()}"


def test_each_fault_is_done_and_could_be_noticed() -> None:
    done = {name: seconds for seconds, names in SHORT for name in names}
    assert done.keys() == {fault.name for fault in FAULTS}
    assert {fault.name for fault in FAULTS if fault.others_wait < done[fault.name]} >= {
        "a core crashes",
        "a core stands still",
        "an edge to a core: cut",
        "an edge to a core: nothing arrives",
        "a core to the database: cut",
        "a core to the database: nothing arrives",
    }


def test_a_disk_could_be_filled() -> None:
    with small_disk() as disk:
        if disk is None:
            pytest.skip("no disk was filled in the test of chaos: it takes root, on Linux, to make a small one")


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
