"""What processes say when nothing is wrong: no error, and no warning."""

import re
from pathlib import Path

import pytest

from tests.support.deployment import Deployment, Process, deploy

pytestmark = pytest.mark.timeout(120)


def said(process: Process, levels: str) -> list[str]:
    """Return the lines of a log at some levels."""
    return [line for line in process.log.read_text().splitlines() if re.search(rf" ({levels}) ", line)]


async def test_a_start_and_a_stop_are_nothing_to_warn_of(deployment: Deployment) -> None:
    for process in deployment.processes:
        assert process.stop() == 0

    assert [line for process in deployment.processes for line in said(process, "WARNING|ERROR|CRITICAL")] == []


async def test_the_core_may_stop_and_start_first(deployment: Deployment) -> None:
    """As in an update: the edge goes on, and finds it again."""
    (core,), (edge,) = deployment.cores, deployment.edges
    core.stop()
    core.start()
    await core.ready()
    await edge.serving()
    for process in (core, edge):
        process.stop()

    assert [line for process in (core, edge) for line in said(process, "WARNING|ERROR|CRITICAL")] == []


async def test_an_edge_may_start_first(database_url: str, tmp_path: Path) -> None:
    async with deploy(database_url, tmp_path / "citrine", migrated=True) as deployment:
        (core,), (edge,) = deployment.cores, deployment.edges
        edge.stop()
        core.stop()
        edge.start()
        await edge.ready()
        core.start()
        await core.ready()
        await edge.serving()

    assert [line for process in (core, edge) for line in said(process, "WARNING|ERROR|CRITICAL")] == []
