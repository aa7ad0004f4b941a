"""An OCPI adapter in the process of the test, on a free port, with a database of its own."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from citrine_ocpi.adapter import MODULES, Adapter, Office, office
from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.db import Database, upgrade
from citrine_ocpi.partner import OwnParty
from citrine_ocpi.services import Module, Services
from citrine_ocpi.transport import Party
from citrine_sdk import Citrine
from tests.support.engines import compiled_once
from tests.support.serving import bound, serving

__all__ = ["RunningAdapter", "running_adapter"]

_files: list[bytes] = []
"""An SQLite file with the adapter's tables, once it was made: to make one takes as long as all else of a start."""


@dataclass
class RunningAdapter:
    """An adapter that serves."""

    settings: OcpiSettings
    url: str
    office: Office
    adapter: Adapter

    @property
    def versions_url(self) -> str:
        """Where partners begin."""
        return f"{self.url}/ocpi/versions"

    async def invite(self, partner_id: str, *, is_raw: bool = False, is_hub: bool = False) -> str:
        """Add a partner, and return the token A for it."""
        return await self.office.administration.add(partner_id, is_raw=is_raw, is_hub=is_hub)


@contextlib.asynccontextmanager
async def running_adapter(
    directory: Path,
    *,
    database: str = "",
    core: str = "127.0.0.1:1",
    key: str = "no key",
    party: str = "DE-CIT",
    modules: Sequence[Callable[[Services], Module]] = MODULES,
    clock: Clock = utc_now,
    **settings: Any,
) -> AsyncIterator[RunningAdapter]:
    """Run an adapter for the time of a block.

    Args:
        directory: Where its files go.
        database: URL of its database. Empty: a file there.
        core: Address of the core. That it has none is no matter of partners and registration.
        key: Its API key.
        party: Our party.
        modules: Functional modules.
        clock: By which it sends.
        settings: Of the adapter.
    """
    url_of_database = database or f"sqlite+aiosqlite:///{directory / 'ocpi.db'}"
    await _fill(url_of_database)
    values = {
        "ocpi_database": compiled_once(url_of_database),
        "ocpi_encryption_key_file": directory / "ocpi.keys",
        "ocpi_allow_insecure_partners": True,
        "ocpi_request_timeout": timedelta(seconds=10),
        "core": core,
        **settings,
    }
    opened_socket, url = bound()
    made = OcpiSettings(**values)
    async with Citrine(core, key=key, tenant=made.ocpi_tenant or None) as citrine, office(made, url) as opened:
        await opened.administration.set_party(OwnParty(Party.parse(party), "Citrine Charging"))
        adapter = Adapter(made, opened, citrine, url, clock, modules)
        working = asyncio.create_task(adapter.run(), name="deliveries and events")
        async with serving(adapter.app, opened_socket):
            try:
                yield RunningAdapter(made, url, opened, adapter)
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)


async def _fill(url: str) -> None:
    """Make the file of an SQLite database that is not there yet."""
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite" or parts.database is None or os.path.exists(parts.database):
        return
    file = Path(parts.database)
    if _files:
        file.write_bytes(_files[0])
        return
    made = Database(url)
    await upgrade(made)
    await made.close()
    _files.append(file.read_bytes())
