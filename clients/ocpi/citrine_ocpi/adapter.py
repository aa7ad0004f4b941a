"""The adapter, put together: what it is made of, and what runs while it serves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.db import Database, upgrade
from citrine_ocpi.deliveries import Outbox, Sender
from citrine_ocpi.deliveries.letters import Letters
from citrine_ocpi.encryption import TokenCipher
from citrine_ocpi.feed import Feed, Isolation
from citrine_ocpi.metrics import Metrics
from citrine_ocpi.modules.cdrs import CdrsModule
from citrine_ocpi.modules.charging_profiles import ChargingProfilesModule
from citrine_ocpi.modules.commands import CommandsModule
from citrine_ocpi.modules.credentials import CredentialsModule
from citrine_ocpi.modules.hub_client_info import HubClientInfoModule
from citrine_ocpi.modules.locations import LocationsModule
from citrine_ocpi.modules.sessions import SessionsModule
from citrine_ocpi.modules.tariffs import TariffsModule
from citrine_ocpi.modules.tokens import TokensModule
from citrine_ocpi.modules.versions import VersionsModule
from citrine_ocpi.partners import Partners, Registration
from citrine_ocpi.partners.administration import Administration
from citrine_ocpi.partners.reencryption import Reencryption
from citrine_ocpi.personal_data import Retention, remove_partner_data
from citrine_ocpi.services import Module, Services
from citrine_ocpi.transport.client import PartnerClient
from citrine_ocpi.transport.server import OcpiServer
from citrine_sdk import Citrine

__all__ = ["MODULES", "Adapter", "Office", "office"]

MODULES: Sequence[Callable[[Services], Module]] = (
    LocationsModule,
    SessionsModule,
    CdrsModule,
    TariffsModule,
    TokensModule,
    CommandsModule,
    ChargingProfilesModule,
    HubClientInfoModule,
)
"""Functional modules, each made with the services."""


class Office:
    """What exchanges credentials and knows partners: of the adapter, and of the commands.

    Args:
        settings: Of the adapter.
        public_url: Where partners reach it.
        clock: Returns the time now.
    """

    def __init__(self, settings: OcpiSettings, public_url: str, clock: Clock = utc_now) -> None:
        self.metrics = Metrics()
        self.database = Database(settings.ocpi_database)
        self.cipher = cipher = TokenCipher(settings.ocpi_encryption_key_file, clock)
        self.partners = Partners(self.database, cipher, clock)
        self.reencryption = Reencryption(self.database, cipher)
        self.client = PartnerClient(
            self.metrics,
            timeout=settings.ocpi_request_timeout.total_seconds(),
            allow_insecure=settings.ocpi_allow_insecure_partners,
            largest_answer=4 * settings.ocpi_max_request_bytes,
        )
        self.registration = Registration(self.database, self.partners, cipher, self.client, public_url, clock)
        self.administration = Administration(
            self.database, self.partners, cipher, self.registration, self.client, remove_partner_data, clock
        )
        self.letters = Letters(self.database, clock)

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()
        await self.database.close()


@asynccontextmanager
async def office(settings: OcpiSettings, public_url: str) -> AsyncIterator[Office]:
    """Open the adapter's database, brought to the newest schema, for the time of a block.

    Raises:
        EncryptionKeyError: When the file of keys can't be used.
        SchemaTooNew: When a newer version of Citrine upgraded the database.
        SQLAlchemyError: When the database can't be reached, or refuses.
    """
    opened = Office(settings, public_url)
    try:
        await upgrade(opened.database)
        yield opened
    finally:
        await opened.close()


class Adapter:
    """An ASGI application, and what runs beside it: what is sent to partners, and the events of the core.

    Args:
        settings: Of the adapter.
        opened: Its partners.
        citrine: The core.
        public_url: Where partners reach it.
        clock: Returns the time now.
        modules: Functional modules.
    """

    def __init__(
        self,
        settings: OcpiSettings,
        opened: Office,
        citrine: Citrine,
        public_url: str,
        clock: Clock = utc_now,
        modules: Sequence[Callable[[Services], Module]] = MODULES,
    ) -> None:
        self._office = opened
        self.metrics = opened.metrics
        self.outbox = Outbox(clock)
        isolation = Isolation(opened.metrics, clock)
        services = Services(
            settings=settings,
            public_url=public_url,
            citrine=citrine,
            database=opened.database,
            partners=opened.partners,
            client=opened.client,
            outbox=self.outbox,
            isolation=isolation,
            metrics=opened.metrics,
            clock=clock,
        )
        made = [make(services) for make in modules]
        endpoints = [
            *CredentialsModule(opened.registration).endpoints(),
            *(endpoint for module in made for endpoint in module.endpoints()),
        ]
        self.app = OcpiServer(
            [*VersionsModule(public_url, endpoints).endpoints(), *endpoints],
            opened.partners,
            public_url,
            opened.metrics,
            largest_request=settings.ocpi_max_request_bytes,
            largest_page=settings.ocpi_page_size,
            clock=clock,
        )
        self._sender = Sender(
            opened.database,
            self.outbox,
            opened.partners,
            opened.client,
            opened.metrics,
            timeout=settings.ocpi_request_timeout.total_seconds(),
            retention=settings.ocpi_delivery_retention,
            clock=clock,
        )
        self._retention = Retention(opened.database, settings, clock)
        listeners = [listener for module in made for listener in module.listeners()]
        followed = (citrine, opened.database, listeners, isolation, opened.metrics, clock)
        self._feed = Feed(*followed) if listeners else None
        self._tasks = [task for module in made for task in module.tasks()]

    async def run(self) -> None:
        """Do what is done beside serving, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sender.run(), name="deliveries")
            tasks.create_task(self._retention.run(), name="retention")
            tasks.create_task(self._office.reencryption.run(), name="reencryption")
            if self._feed is not None:
                tasks.create_task(self._feed.run(), name="feed")
            for task in self._tasks:
                tasks.create_task(task())

    async def missing(self) -> str:
        """Return what is missing for the adapter to serve. Empty: nothing."""
        try:
            async with self._office.database.reading() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError):
            return "the database can't be reached"
        return self._feed.problem if self._feed is not None else ""

    async def render_metrics(self) -> bytes:
        """Return what /metrics shows."""
        try:
            waiting, dead = await self._office.letters.count()
        except (SQLAlchemyError, OSError):
            # What is counted in memory is shown all the same.
            return self.metrics.render()
        self.metrics.waiting.set(waiting)
        self.metrics.dead.set(dead)
        return self.metrics.render()
