"""The edge process: composition from settings, run until SIGTERM, orderly stop without dropping an answer."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from citrine_edge import upstream
from citrine_edge.admission import AdmissionLimits
from citrine_edge.backlog import Backlog
from citrine_edge.config import EdgeSettings, read_settings
from citrine_edge.context import SessionContext, SessionLimits
from citrine_edge.dialects import Dialect, dialects
from citrine_edge.discovery import Discovery
from citrine_edge.ids import new_id, new_trace_prefix
from citrine_edge.link import Link
from citrine_edge.link_channel import link_tls, open_channel
from citrine_edge.listeners import CHECK_INTERVAL, StationListeners, url_scheme
from citrine_edge.metrics import Metrics
from citrine_edge.open_files import allow_sockets
from citrine_edge.refusals import Refusals
from citrine_edge.router import Router, RouterLimits
from citrine_edge.server import StationServer
from citrine_edge.sessions import Sessions
from citrine_edge.traces import Traces
from citrine_edge.websocket import SocketLimits
from citrine_process.addresses import join_address, listen, split_address
from citrine_process.http import HealthServer
from citrine_process.logs import set_up_logging
from citrine_process.running import announce_ready, loop_factory, software_version, stop_by_signal
from citrine_process.settings import InvalidSetting
from citrine_process.supervisor import WorkerGroup, supervise

__all__ = ["Edge", "main"]

SETTLE_TIME = 8.0
"""Seconds that a stopping edge waits for closing sockets and last reports."""

NAME_TIMEOUT = 1.0
"""Seconds to wait for the look-up of this machine's name."""

_logger = logging.getLogger(__name__)


class Edge:
    """The composition root of one edge process. Must be created within a running loop."""

    def __init__(
        self,
        settings: EdgeSettings,
        versions: Mapping[str, Dialect] | None = None,
        max_idle: int | None = None,
        *,
        shares_port: bool = False,
    ) -> None:
        """Put an edge together.

        Args:
            settings: Settings of the process.
            versions: Of OCPP that are offered to stations, by their subprotocol. None: all that there are.
            max_idle: Connections that may be idle. None: `ocpp_max_unfinished`.
            shares_port: Whether other processes listen on the same port.
        """
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.listeners = StationListeners(settings)
        self.metrics = Metrics()
        self.router = Router(_router_limits(settings), self.metrics, loop)
        self.sessions = Sessions(
            new_id(),
            software_version(),
            self.router,
            self.metrics,
            loop,
            settings.edge_close_spread.total_seconds(),
        )
        self.router.start(self.sessions)
        self.refusals = Refusals(self.metrics, loop)
        backlog = Backlog(settings.ocpp_max_waiting, loop)
        self.metrics.waiting_bytes.set_function(lambda: backlog.size)
        self.metrics.stopped_stations.set_function(lambda: backlog.stopped)
        context = SessionContext(
            self.router,
            self.metrics,
            _session_limits(settings),
            loop,
            self.refusals,
            self.router.tolerances,
            backlog,
            Traces(new_trace_prefix()),
        )
        self.server = StationServer(
            _admission_limits(settings, max_idle),
            _socket_limits(settings),
            dialects() if versions is None else versions,
            self.router,
            self.sessions,
            context,
            self.metrics,
            proxies=self.listeners.proxies,
            shares_port=shares_port,
        )
        self.health = HealthServer(self._missing, self._metrics)
        credential, tls = settings.credential(), link_tls(settings)
        self.discovery = Discovery(
            settings.core,
            self.router,
            lambda address, host: Link(
                address,
                credential,
                self.router,
                self.metrics,
                settings.edge_gather_time.total_seconds(),
                partial(open_channel, host, tls),
            ),
            self._defect,
        )
        self._draining = False

    async def run(self, stop: asyncio.Event, on_listening: Callable[[Mapping[str, str]], None] | None = None) -> None:
        """Serve until ``stop`` is set, then finish what is under way.

        ``on_listening`` is called once with what the ready file has: addresses by listener, as host:port.

        Raises:
            OSError: When one of them can't be listened on, or the ready file can't be written.
        """
        addresses = await self.listeners.open(self.server)
        first = next(iter(addresses))
        self.sessions.public_url = self.settings.public_url or await _own_url(url_scheme(first), addresses[first])
        addresses["http"] = await listen(self.health, self.settings.edge_http_listen)
        async with asyncio.TaskGroup() as tasks:
            links = tasks.create_task(self.discovery.run(), name="discovery")
            sweeps = tasks.create_task(self._sweep(), name="sweep")
            checks = tasks.create_task(self._check_certificates(), name="certificates")
            self._announce(addresses)
            if on_listening is not None:
                on_listening(addresses)
            try:
                await stop.wait()
                await self._drain()
            finally:
                self.server.close()
                self.health.close()
                sweeps.cancel()
                checks.cancel()
                links.cancel()
        _logger.info("edge stopped")

    async def _sweep(self) -> None:
        interval = min(0.5, self.settings.edge_hold_time.total_seconds() / 5)
        while True:
            await asyncio.sleep(interval)
            try:
                self.router.sweep()
                self.refusals.flush(self.router.offer)
            except Exception as error:
                self._defect("sweep", error)

    async def _check_certificates(self) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                self.listeners.reload_changed()
            except Exception as error:
                self._defect("certificates", error)

    def _defect(self, task: str, error: BaseException) -> None:
        """Log and count a bug in a background task, which continues: otherwise all sockets would be closed."""
        self.metrics.background_failures.inc(task)
        _logger.error("a task in the background failed, and goes on", exc_info=error, extra={"task": task})

    async def _drain(self) -> None:
        _logger.info("edge drains", extra={"sockets": len(self.sessions)})
        self._draining = True
        self.server.drain()
        for link in self.router.links:
            if link.up:
                link.push(upstream.draining())
        self.sessions.drain()
        if not await self._emptied(self.settings.drain_time.total_seconds()):
            _logger.warning("sockets are closed with calls under way", extra={"sockets": len(self.sessions)})
        for session in self.sessions:
            session.close(1001, "the CSMS goes away")
        await self._emptied(SETTLE_TIME)
        self.refusals.flush(self.router.offer, now=True)
        await asyncio.gather(*(link.finish(SETTLE_TIME / 4) for link in self.router.links))

    async def _emptied(self, limit: float) -> bool:
        """Wait for all sockets to close, for so many seconds at most; return whether they did."""
        try:
            async with asyncio.timeout(limit):
                await self.sessions.empty()
        except TimeoutError:
            return False
        return True

    async def _missing(self) -> str:
        if self._draining:
            return "draining"
        return "" if self.router.available else "no core serves"

    async def _metrics(self) -> bytes:
        return self.metrics.render()

    def _announce(self, addresses: Mapping[str, str]) -> None:
        _logger.info("edge listens", extra=addresses)
        announce_ready(self.settings.ready_file, addresses)


def main(argv: Sequence[str] | None = None, worker: int = 0) -> int:
    """Run an edge until SIGTERM or SIGINT; return the exit code: 2 where a setting is wrong.

    Args:
        argv: Flags. None: those of the process.
        worker: Number of this process among the workers. 0: it is none, and starts them if there are to be several.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        settings = read_settings(arguments)
        for address in (*settings.listeners.values(), settings.edge_http_listen, *settings.core.split(",")):
            split_address(address)
        settings.credential()
        settings.check_links()
        link_tls(settings)
        StationListeners(settings)
    except InvalidSetting as error:
        sys.stderr.write(f"citrine edge: {error}\n")
        return 2
    set_up_logging(settings.log_level, worker=worker)
    try:
        if settings.edge_workers > 1 and not worker:
            return _supervise(settings, arguments)
        return _run_alone(settings, shares_port=worker > 0)
    except InvalidSetting as error:
        sys.stderr.write(f"citrine edge: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"citrine edge: {error}\n")
        return 1


def _run_alone(settings: EdgeSettings, *, shares_port: bool) -> int:
    """Run an edge in this process."""
    _calm_garbage_collector()
    if not settings.credential() and settings.edge_certificate_file is None:
        _logger.warning("without a credential no core lets this edge in: set CITRINE_EDGE_CREDENTIAL_FILE")
    is_chosen = "ocpp_max_sockets" in settings.model_fields_set
    sockets, max_idle = allow_sockets(settings.ocpp_max_sockets, settings.ocpp_max_unfinished, is_chosen=is_chosen)
    settings = settings.model_copy(update={"ocpp_max_sockets": sockets})
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(settings, max_idle, shares_port=shares_port))


def _calm_garbage_collector() -> None:
    """Run the garbage collector less often: messages create no cycles, and each idle station makes a run longer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def _supervise(settings: EdgeSettings, arguments: Sequence[str]) -> int:
    group = WorkerGroup(
        title="edge",
        module=__name__,
        arguments=arguments,
        count=settings.edge_workers,
        addresses={name.replace("_", "-"): address for name, address in settings.listeners.items()},
        http_address=settings.edge_http_listen,
        ready_file=settings.ready_file,
        drain_time=settings.drain_time.total_seconds(),
        reloads=settings.has_tls,
    )
    return supervise(group)


async def _serve(settings: EdgeSettings, max_idle: int, *, shares_port: bool) -> int:
    stop = stop_by_signal()
    edge = Edge(settings, max_idle=max_idle, shares_port=shares_port)
    if settings.has_tls:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, edge.listeners.reload)
    try:
        await edge.run(stop)
    except asyncio.CancelledError:
        return 1
    except BaseExceptionGroup as group:
        # Listening, or one of our tasks, failed.
        raise group.exceptions[0] from None
    return 0


def _router_limits(settings: EdgeSettings) -> RouterLimits:
    return RouterLimits(
        hold_time=settings.edge_hold_time.total_seconds(),
        settle_time=settings.edge_settle_time.total_seconds(),
        answer_timeout=settings.ocpp_answer_timeout.total_seconds(),
        # Early enough to say 503 before the socket is dropped.
        admit_timeout=settings.ocpp_handshake_timeout.total_seconds() * 0.8,
        gather_time=settings.edge_gather_time.total_seconds(),
    )


def _admission_limits(settings: EdgeSettings, max_idle: int | None) -> AdmissionLimits:
    return AdmissionLimits(
        address_refusal_rate=settings.ocpp_address_refusal_rate,
        failed_login_rate=settings.ocpp_failed_login_rate,
        station_rate=settings.ocpp_station_handshake_rate,
        max_sockets=settings.ocpp_max_sockets,
        max_idle=settings.ocpp_max_unfinished if max_idle is None else max_idle,
        max_asking=settings.ocpp_max_unfinished,
    )


def _session_limits(settings: EdgeSettings) -> SessionLimits:
    return SessionLimits(
        call_timeout=settings.ocpp_call_timeout.total_seconds(),
        frame_rate=settings.ocpp_frame_rate,
        max_inbound_queue=settings.ocpp_max_inbound_queue,
        max_command_queue=settings.ocpp_max_command_queue,
        max_frame=settings.ocpp_max_frame,
    )


def _socket_limits(settings: EdgeSettings) -> SocketLimits:
    return SocketLimits(
        max_frame=settings.ocpp_max_frame,
        max_write_buffer=settings.ocpp_max_write_buffer,
        ping_interval=settings.ocpp_ping_interval.total_seconds(),
        ping_timeout=settings.ocpp_ping_timeout.total_seconds(),
        request_timeout=settings.ocpp_request_timeout.total_seconds(),
        handshake_timeout=settings.ocpp_handshake_timeout.total_seconds(),
    )


async def _own_url(scheme: str, address: str) -> str:
    """Return the URL of a listener by its address; by the name of this machine where it listens on all of them."""
    host, port = split_address(address)
    if host in ("0.0.0.0", "::"):
        host = await _own_name()
    return f"{scheme}://{join_address(host, port)}"


async def _own_name() -> str:
    """Return the name of this machine, or the loopback address where nobody knows that name."""
    name = socket.gethostname()
    try:
        async with asyncio.timeout(NAME_TIMEOUT):
            await asyncio.get_running_loop().getaddrinfo(name, None)
    except (OSError, TimeoutError):
        return "127.0.0.1"
    return name


if __name__ == "__main__":
    sys.exit(main())
