"""The composition root: from settings to the parts of one core process, and their life."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.edge.v1 import link_pb2_grpc
from citrine_core.agenda import Agenda, Lease, lease_name
from citrine_core.background import survive
from citrine_core.blocks import BUILT_IN, blocks_of
from citrine_core.blocks.security.queries import find_refused_certificates, record_certificate_use
from citrine_core.business_counters import BusinessCounters
from citrine_core.clock import Clock, utc_now
from citrine_core.composition import announcing, knows_station, resource_blocks, resources_of, sign_in_by_token
from citrine_core.config import CoreSettings
from citrine_core.database_gauges import DatabaseGauges
from citrine_core.db import Places, UnitOfWorkFactory, database_of, in_background
from citrine_core.dispatch import Block, Dispatcher, FastPath, HandlingStage, Inquiries, Lanes, Registry, Stage
from citrine_core.dispatch.deduplication import find_answered
from citrine_core.encryption import Reencryption, cipher_of
from citrine_core.errors import DatabaseUnavailable
from citrine_core.events import EventFeed, FrameHub
from citrine_core.housekeeping import Housekeeping
from citrine_core.ids import new_id
from citrine_core.jobs import Job, first_runs
from citrine_core.link import (
    Admission,
    ClosedStage,
    Disconnector,
    EdgeLinkServicer,
    GrantStage,
    Health,
    LinkRegistry,
    OpenedStage,
    Presence,
    RefusedStations,
    SessionGuard,
    SessionOpener,
    SessionReconciler,
    Watchdog,
)
from citrine_core.link.admission import refused
from citrine_core.link.connection_quota import ConnectionQuota
from citrine_core.link.revocation import station_revocation
from citrine_core.metrics import Metrics
from citrine_core.resources import refusals
from citrine_core.resources.audit import AuditLog
from citrine_core.resources.commands import COMMAND_SECRETS, CommandQueue, CommandSender, CommandsStage
from citrine_core.resources.commands.call_answers import CallAnswers
from citrine_core.resources.commands.ends import CommandEnds
from citrine_core.resources.commands.orphans import OrphanedCommands
from citrine_core.resources.commands.pending import PendingCommands
from citrine_core.resources.connections import newest_sessions, newest_sessions_beside
from citrine_core.resources.edges import EdgeAuthenticator
from citrine_core.resources.idempotency import KeyedCalls
from citrine_core.resources.keys import KeyAuthenticator, OperatorKeyFile, has_key
from citrine_core.resources.poisoned_messages import PoisonedStage
from citrine_core.resources.tenants import TenantDirectory
from citrine_core.resources.tenants.quotas import QuotaDirectory
from citrine_core.rpc import Access, Rates, RpcHealth, build_server, current_tenant
from citrine_core.rpc.access import EDGE_LINK
from citrine_core.rpc.listeners import Listeners
from citrine_core.services import Services
from citrine_core.station_removal import StationRemoval
from citrine_process.addresses import listen
from citrine_process.http import HealthServer
from citrine_process.running import announce_ready, software_version

__all__ = ["CannotStart", "Core", "MakeBlocks"]

logger = logging.getLogger(__name__)

MakeBlocks = Callable[[Services], Sequence[Block]]
"""Makes the functional blocks, plug-ins included, in any order."""

CALLERS = 8
"""Transactions of callers at a time; the others wait."""

CALLERS_OF_TENANT = 6
"""Most of them of one tenant."""

CALLERS_WAITING = 2000
"""Callers of one tenant that may wait for a transaction; more are told that there are too many."""

CALLERS_PATIENCE = 20.0
"""Seconds that a caller waits for a transaction."""

JOBS = 4
"""Transactions at a time of jobs, and of commands that waited for their station."""

SETTLE_TIME = 0.3
"""Seconds in which calls that were on the way when the edges heard of the drain arrive, while edges are linked."""


class CannotStart(Exception):
    """Why the process can't start, in one line."""


class Core:
    """Everything of one core process, put together; a loop must be running.

    It is put together in one direction: what needs something gets it when it is made, and what is made changes no
    more. Blocks, which need one another, are the one exception, and meet in the registry (see there).
    """

    def __init__(
        self,
        settings: CoreSettings,
        engine: AsyncEngine,
        clock: Clock = utc_now,
        make_blocks: MakeBlocks = blocks_of,
        worker: int = 0,
    ) -> None:
        """`worker` is the number of this process among those that share its address; 0: it has the address alone."""
        self.settings = settings
        self._worker = worker
        self.engine = engine
        self.core_id = new_id()
        self.metrics = Metrics()
        self._clock = clock
        self._draining = False
        self.notices = database_of(engine).notices(engine)
        self.feed = EventFeed(clock, notices=self.notices)
        self.unit_of_work = UnitOfWorkFactory(engine, self.feed.write)
        # What stations send must not wait for connections that callers hold: that would look like an outage.
        self.callers = self.unit_of_work.limited(
            Places(CALLERS, CALLERS_OF_TENANT, current_tenant, JOBS, waiting=CALLERS_WAITING, patience=CALLERS_PATIENCE)
        )
        self.lanes = Lanes(settings.lanes or database_of(engine).lanes)
        self.links = LinkRegistry()
        self.guard = SessionGuard(self.metrics.foreign)
        self.frames = FrameHub(self.links.watch, self.links.edge_ids, self.guard.refused)
        self.registry = Registry()
        self.pending = PendingCommands()
        self.orphans = OrphanedCommands(self.callers, clock, self.pending, self.lanes.submit)
        self.cipher = cipher_of(settings, clock)
        self.sender = self._sender()
        self.queue = CommandQueue(self.callers, clock, self.sender)
        self.services = self._services()
        resources = resource_blocks(self.services, self.feed, self.links, self.lanes.submit)
        blocks = [*resources, *make_blocks(self.services)]
        self.registry.fill(blocks, settings.served_blocks)
        served = self._served()
        self.rpc_health = RpcHealth([name for block in served for name in block.service_names])
        find_answered_calls = partial(find_answered, self.unit_of_work)
        self.fast_path = self._fast_path()
        self.inquiries = Inquiries(self.registry.inquirers, self.fast_path.submit, find_answered_calls)
        announce = announcing(self.inquiries, self.links, self.rpc_health)
        self.health = Health(self.unit_of_work, clock, announce)
        waiting, is_relied_on = (lambda: self.lanes.waiting), (lambda: bool(self.links) or self.rpc_health.is_watched)
        self.watchdog = Watchdog(self.unit_of_work, engine.pool, self.health, waiting, clock, is_relied_on)
        self.opener = SessionOpener(self.queue.stations_are_back, self.guard.refused)
        observe = self.services.counters.station_refused
        self.refused_stations = RefusedStations(self.unit_of_work, clock, observe, settings.refusal_retention)
        self.quotas = QuotaDirectory.of(self.services)
        self.dispatcher = self._dispatcher()
        self.presence = Presence(self.unit_of_work, clock, self.links)
        what_for = (self.health, self.refused_stations, clock, settings.owners, find_refused_certificates)
        self.admission = Admission(self.unit_of_work, self.lanes.submit, *what_for, station_revocation(self.services))
        self.edge_servicer = self._edge_servicer()
        self.keys = KeyAuthenticator(self.callers, clock)
        self.tenants = TenantDirectory(self.services.unit_of_work)
        self.tokens = sign_in_by_token(settings, self.tenants)
        self.edges = EdgeAuthenticator(self.callers, clock, settings.credential())
        key_file = settings.operator_key_file
        self.key_file = OperatorKeyFile(key_file, self.unit_of_work, clock) if key_file is not None else None
        self.server = self._server(served)
        self.gauges = DatabaseGauges(self.callers, self.metrics.registry)
        self.http = HealthServer(self._missing, self._metrics)
        self.housekeeping = Housekeeping(self.unit_of_work, clock, settings)
        self.reencryption = Reencryption(self.callers, self.cipher, [COMMAND_SECRETS, *self.registry.secrets])
        self._own_jobs = self._make_own_jobs()
        shared = [job for job in (*self.registry.jobs, *self._own_jobs) if job.is_shared]
        self.lease = Lease(lease_name(shared), self.core_id, self.unit_of_work, clock)
        self.agenda = Agenda(shared, self.lease, self.callers, clock, self.notices)
        self._measure()

    async def run(self, stop: asyncio.Event, on_listening: Callable[[str, str], None] | None = None) -> None:
        """Serve until `stop` is set, then finish what is under way.

        Args:
            stop: Set when the process is to stop.
            on_listening: Called once with the addresses for gRPC and for health, as host:port.

        Raises:
            CannotStart: When an address can't be listened on, or the database does not commit.
        """
        try:
            if not await self.health.probe():
                raise CannotStart("the database can't be reached or can't be written")
            if self.key_file is not None:
                await self.key_file.ensure()
            elif not await has_key(self.unit_of_work):
                logger.warning("nobody can call the API, for there is no key yet: set CITRINE_OPERATOR_KEY_FILE")
            if not self.settings.credential() and not self.settings.link_listen:
                logger.warning("no edge is let in but those of citrine edges add: set CITRINE_EDGE_CREDENTIAL_FILE")
            addresses = await self._listen()
            async with asyncio.TaskGroup() as tasks:
                with in_background():
                    running = [tasks.create_task(survive(name, run), name=name) for name, run in self._tasks()]
                    runs = first_runs([job for job in self.registry.jobs if not job.is_shared])
                    jobs = [tasks.create_task(job.repeat(after), name=job.name) for job, after in runs]
                    jobs.append(tasks.create_task(survive("agenda", self.agenda.run), name="agenda"))
                await self.server.start()
                await self.rpc_health.set_serving(True)
                announce_ready(self.settings.ready_file, addresses)
                logger.info("the core listens", extra=addresses)
                if on_listening is not None:
                    on_listening(addresses["grpc"], addresses["http"])
                await stop.wait()
                # What they leave undone, another core finds in the database.
                for job in jobs:
                    job.cancel()
                await self._drain()
                for task in running:
                    task.cancel()
        finally:
            self.http.close()
            await self.gauges.stop()
            await self.server.stop(None)
        logger.info("the core stopped")

    def _sender(self) -> CommandSender:
        return CommandSender(
            core_id=self.core_id,
            unit_of_work=self.callers,
            clock=self._clock,
            links=self.links,
            pending=self.pending,
            ends=CommandEnds(self.registry, self.metrics.command),
            orphans=self.orphans,
            registry=self.registry,
            cipher=self.cipher,
            submit=self.lanes.submit,
            default_timeout=self.settings.default_timeout,
        )

    def _services(self) -> Services:
        return Services(
            self.settings,
            self.callers,
            self._clock,
            self.sender,
            Disconnector(self.callers, self.links, self._clock).disconnect,
            StationRemoval(self.links, self.queue, self.registry, self._clock).forget,
            self.registry,
            counters=BusinessCounters(self.metrics.registry),
            cipher=self.cipher,
            public_urls=self.links.public_urls,
        )

    def _fast_path(self) -> FastPath:
        # Observers of plug-ins are told of all messages; ours look at customData only.
        is_open = not any(block.observers for block in self.registry.blocks if block.name not in BUILT_IN)
        return FastPath(self.registry.routes, self.lanes.submit, is_open=is_open, observe=self.metrics.at_once)

    def _dispatcher(self) -> Dispatcher:
        on_back = self.queue.stations_are_back
        quota = ConnectionQuota(self.quotas.connections_of, self.refused_stations)
        routes, observers = self.registry.routes, self.registry.observers
        heard = (self.opener.heard, self.fast_path.found_current, newest_sessions_beside, self.guard.refused)
        handling = HandlingStage(routes, newest_sessions, self._clock, on_back, observers, *heard)
        stages: list[Stage] = [
            OpenedStage(self.opener),
            handling,
            PoisonedStage(handling),
            CommandsStage(routes, self.pending, self.sender.ends, self._clock, self.guard.refused),
            refusals.RefusalsStage(self._clock, self.metrics.refused),
            ClosedStage(self.guard.refused),
            GrantStage(self._clock, self.links, refused, record_certificate_use, quota),
        ]
        return Dispatcher(stages, self.lanes, self.unit_of_work, self.health, self.metrics.batch)

    def _edge_servicer(self) -> EdgeLinkServicer:
        return EdgeLinkServicer(
            core_id=self.core_id,
            software_version=software_version(),
            actions=self.registry.routes.actions,
            worker_ports=self.settings.worker_ports if self._worker else (),
            clock=self._clock,
            links=self.links,
            health=self.health,
            lanes=self.lanes,
            submit=self.inquiries.submit,
            admission=self.admission,
            handshake_refused=self.refused_stations.add_of_edge,
            reconciler=SessionReconciler(self.unit_of_work, self._clock, self.opener),
            presence=self.presence,
            send_dropped=partial(self.metrics.refused, "dropped", "too_many_sends_of_tenant", 1),
            command_sent=self.sender.sent,
            observed=self.frames.publish,
            watching=self.frames.confirm,
            on_linked=[self.orphans.link_added, self.frames.edge_linked, *self.registry.on_edge_linked],
            on_unlinked=[self.orphans.link_removed],
        )

    def _served(self) -> list[Block]:
        """Return what is served by gRPC: resources, blocks, and the link of the edges."""
        blocks = self.registry.blocks
        resources = resources_of(self.services, self.feed, self.frames, blocks)
        return [*resources, *blocks, Block("link", service_names=[EDGE_LINK])]

    def _server(self, served: Sequence[Block]) -> grpc.aio.Server:
        keys, tenants = [self.keys, *self.tokens.authenticators], self.tenants
        access = Access(keys, tenants.exists, self.edges.identify, tenant_was_removed=tenants.was_removed)
        is_known = partial(knows_station, self.callers)
        log, rates = AuditLog.of(self.services), Rates(self.quotas.requests_of)
        keyed = KeyedCalls(self.callers, self._clock, self.cipher, CallAnswers(self.callers).answer)
        about = (self.metrics.rpc, is_known, self.rpc_health.servicer(self.watchdog.refresh), log, rates, keyed)
        reflects = self.settings.grpc_reflection
        server = build_server(served, access, *about, shares_port=self._worker > 0, reflects=reflects)
        link_pb2_grpc.add_EdgeLinkServiceServicer_to_server(self.edge_servicer, server)
        return server

    def _tasks(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        own = [job for job in self._own_jobs if not job.is_shared]
        return [
            ("lanes", self.dispatcher.run),
            ("inquiries", self.inquiries.run),
            ("health", self.health.run),
            ("watchdog", self.watchdog.run),
            ("admission", self.admission.run),
            ("presence", self.presence.run),
            ("commands", self.queue.run),
            ("notices", self.notices.run),
            ("events", partial(self.feed.run, self.unit_of_work)),
            *((job.name, partial(job.repeat, after)) for job, after in first_runs(own)),
        ]

    def _make_own_jobs(self) -> list[Job]:
        own = (self.housekeeping, self.keys.uses, self.orphans, self.reencryption, self.edges)
        jobs = [*self.refused_stations.jobs, *self.queue.jobs, *(one.job for one in own), *self.tokens.jobs]
        return jobs if self.key_file is None else [*jobs, self.key_file.job]

    async def _listen(self) -> dict[str, str]:
        try:
            addresses = Listeners(self.settings, self._worker).add_to(self.server)
        except RuntimeError as error:
            raise CannotStart(f"{error} can't be listened on; is another core running?") from None
        try:
            return {**addresses, "http": await listen(self.http, self.settings.core_http_listen)}
        except OSError as error:
            raise CannotStart(str(error)) from error

    async def _drain(self) -> None:
        limit = self.settings.drain_time.total_seconds()
        logger.info("the core drains", extra={"links": len(self.links), "commands": len(self.pending)})
        self._draining = True
        await self.rpc_health.shut_down()
        self.links.drain()
        self.feed.stop()
        self.frames.stop()
        # New calls are refused from now on; those under way, the edges' links among them, go on.
        stopping = asyncio.ensure_future(self.server.stop(limit))
        try:
            async with asyncio.timeout(limit):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.links.gone(), SETTLE_TIME)
                await self.pending.finished()
                await self.inquiries.drained()
                await self.lanes.drained()
                for link in self.links:
                    await link.written()
        except TimeoutError:
            logger.warning("the core stops with work under way", extra={"items": self.lanes.waiting})
        try:
            # By the places of jobs: callers may have all of theirs.
            with in_background():
                await self.presence.store_stations()
                await self.keys.uses.store()
                await AuditLog.of(self.services).store()
                await self.lease.release()
        except DatabaseUnavailable:
            logger.warning("when stations were last heard of, and keys last used, is not stored")
        self.edge_servicer.stop()
        await stopping

    async def _missing(self) -> str:
        if self._draining:
            return "draining"
        return "" if await self.watchdog.refresh() else "the database is not available"

    async def _metrics(self) -> bytes:
        await self.gauges.refresh()
        return self.metrics.render()

    def _measure(self) -> None:
        watch = self.metrics.watch
        watch("links", "Edges that are linked", lambda: len(self.links))
        watch("items_waiting", "Items that wait or are under way", lambda: self.lanes.waiting)
        watch("handshakes_waiting", "Handshakes that wait for a decision", lambda: self.admission.waiting)
        watch("commands_pending", "Commands that wait for their station's answer", lambda: len(self.pending))
        watch("serving", "1 while the database commits", lambda: float(self.health.serving))
        watch("stations_seen", "Stations heard of and not yet stored as such", lambda: len(self.presence.seen))
