"""Real processes for the tests of this folder."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.databases import copy_template
from tests.support.deployment import Deployment, deploy
from tests.support.postgres import PostgresServer
from tests.support.shared_processes import SharedProcesses, of_own_tenant


@pytest.fixture
async def deployment(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """One core and one edge on a fresh database of each kind in turn, for tests that stop them or see all tenants."""
    async with deploy(database_url, tmp_path / "citrine", migrated=True) as running:
        yield running


@pytest.fixture
async def cluster(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """Two cores and two edges on one fresh database of each kind in turn, for tests that stop some of them."""
    async with deploy(database_url, tmp_path / "citrine", cores=2, edges=2, migrated=True) as running:
        yield running


@pytest.fixture(scope="session")
def _on_sqlite(
    sqlite_template: Path, sqlite_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedProcesses]:
    def new_database(name: str) -> str:
        return f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, sqlite_folder / f'{name}.db')}"

    shared = SharedProcesses(tmp_path_factory.mktemp("processes-on-sqlite"), new_database)
    yield shared
    shared.stop()


@pytest.fixture(scope="session")
def _on_postgres(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedProcesses]:
    def new_database(name: str) -> str:
        asyncio.run(copy_template(postgres, name))
        return postgres.url(name)

    shared = SharedProcesses(tmp_path_factory.mktemp("processes-on-postgresql"), new_database)
    yield shared
    shared.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def processes(request: pytest.FixtureRequest) -> SharedProcesses:
    """Deployments that tests share, on databases of each kind in turn."""
    found: SharedProcesses = request.getfixturevalue("_on_sqlite" if request.param == "sqlite" else "_on_postgres")
    return found


@pytest.fixture
def _shared_core_and_edge(processes: SharedProcesses) -> Deployment:
    return processes.get("shared")


@pytest.fixture
def _shared_cluster(processes: SharedProcesses) -> Deployment:
    return processes.get("cluster", cores=2, edges=2)


@pytest.fixture
def _shared_workers(processes: SharedProcesses) -> Deployment:
    return processes.get("workers", workers=2)


@pytest.fixture
async def shared(_shared_core_and_edge: Deployment) -> Deployment:
    """One core and one edge that tests share, in a tenant of the test's own, on a database of each kind in turn."""
    return await of_own_tenant(_shared_core_and_edge)


@pytest.fixture
async def shared_cluster(_shared_cluster: Deployment) -> Deployment:
    """Two cores and two edges that tests share, in a tenant of the test's own, on a database of each kind in turn."""
    return await of_own_tenant(_shared_cluster)


@pytest.fixture
async def shared_workers(_shared_workers: Deployment) -> Deployment:
    """One core of two workers and one edge of two workers that tests share, as above."""
    return await of_own_tenant(_shared_workers)
