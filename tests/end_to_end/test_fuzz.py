"""Frames that no station should send get an answer that Part 4 knows, and harm nothing; `make fuzz` sends more."""

from pathlib import Path

import pytest

from tests.fuzz.frames import VERSIONS
from tests.fuzz.run import fuzz
from tests.support.deployment import deploy

FRAMES = 300

SEED = 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_whatever_a_station_sends_is_answered_as_part_4_says(
    version: str, sqlite_url: str, tmp_path: Path
) -> None:
    async with deploy(sqlite_url, tmp_path, migrated=True, log_level="WARNING") as deployment:
        outcome = await fuzz(deployment, version, FRAMES, SEED)

        assert outcome.faults == [], str(outcome)
        assert outcome.sent == FRAMES
        assert outcome.answers["results"] > FRAMES / 10
        for process in (*deployment.cores, *deployment.edges):
            assert "Traceback" not in process.log.read_text()
