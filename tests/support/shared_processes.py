"""Processes that tests share: started when the first asks for them, stopped after the last."""

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

from citrine.api.v1.tenants_pb2 import CreateTenantRequest, Tenant
from tests.support.deployment import Deployment, deploy

__all__ = ["SharedProcesses", "of_own_tenant"]

_TENANTS = itertools.count(1)


class SharedProcesses:
    """Deployments by name, each on a database of its own.

    Args:
        directory: Where the processes keep what they write.
        new_database: Makes a database of a name and returns its URL.
        migrated: Whether such a database has its tables.
        settings: Of all processes, by their names in lower case without prefix.
    """

    def __init__(
        self, directory: Path, new_database: Callable[[str], str], *, migrated: bool = True, **settings: str
    ) -> None:
        self._directory = directory
        self._new_database = new_database
        self._migrated = migrated
        self._settings = settings
        # The processes outlive the event loops of tests, and need none of their own.
        self._runner = asyncio.Runner()
        self._running: dict[str, tuple[contextlib.AbstractAsyncContextManager[Deployment], Deployment]] = {}

    def get(self, name: str, *, cores: int = 1, edges: int = 1, workers: int = 1) -> Deployment:
        """Return a deployment, started if it is not there yet; no event loop may be running."""
        if name not in self._running:
            running = deploy(
                self._new_database(name),
                self._directory / name,
                cores=cores,
                edges=edges,
                workers=workers,
                migrated=self._migrated,
                **self._settings,
            )
            self._running[name] = running, self._runner.run(running.__aenter__())
        return self._running[name][1]

    def stop(self) -> None:
        """Stop all of them."""
        with self._runner as runner:
            for running, _ in self._running.values():
                runner.run(running.__aexit__(None, None, None))


async def of_own_tenant(shared: Deployment) -> Deployment:
    """Return a deployment as a test sees that has it to itself: in a tenant that is new."""
    tenant_id = f"test-{next(_TENANTS)}"
    async with shared.client() as citrine:
        await citrine.tenants.CreateTenant(CreateTenantRequest(tenant=Tenant(tenant_id=tenant_id)))
    return dataclasses.replace(shared, tenant=tenant_id)
