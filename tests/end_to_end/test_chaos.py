"""What there is crashes, stands still and is cut off under load: nothing is lost, nothing is doubled."""

import contextlib
import random
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome, compare, harm_by
from tests.chaos.site import open_site, postgres_on, small_disk

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
