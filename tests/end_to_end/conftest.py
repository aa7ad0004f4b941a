"""Real processes for the tests of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.deployment import Deployment, deploy


@pytest.fixture
async def deployment(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """One core and one edge on a fresh database of each kind in turn."""
    async with deploy(database_url, tmp_path / "citrine", migrated=True) as running:
        yield running


@pytest.fixture
async def cluster(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Two cores and two edges on one fresh database of each kind in turn."""
    async with deploy(database_url, tmp_path / "citrine", cores=2, edges=2, migrated=True) as running:
        yield running
