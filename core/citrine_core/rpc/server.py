"""The gRPC server: its limits, its one interceptor, health and reflection."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from citrine_core.dispatch import Block
from citrine_core.rpc.access import Access
from citrine_core.rpc.audits import Audit
from citrine_core.rpc.idempotency import Idempotency
from citrine_core.rpc.interceptor import Observe, RpcInterceptor
from citrine_core.rpc.load import LARGEST_REQUEST
from citrine_core.rpc.open_files import allow_connections
from citrine_core.rpc.rates import Rates
from citrine_core.rpc.unknown_stations import KnowsStation

__all__ = ["Refresh", "RpcHealth", "build_server"]

HANDSHAKE_TIMEOUT = 10.0
"""Seconds in which a connection must have begun to speak HTTP/2, and finished its TLS handshake; gRPC's default is two
minutes."""

LARGEST_RESPONSE = 64 * 1024 * 1024
"""Most bytes of a response."""

PENDING = 4000
"""Most rpcs that have arrived and not begun."""

_OPTIONS = [
    # Data that is not read yet is buffered in memory, even for callers without a key. By default, the buffer grows with
    # the speed of the network; the fixed size is sufficient for a distant edge.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 256 * 1024),
    ("grpc.max_receive_message_length", LARGEST_REQUEST),
    ("grpc.max_send_message_length", LARGEST_RESPONSE),
    # Above the first limit gRPC cancels rpcs at random without a reason; by default that begins at 1000.
    ("grpc.server.max_pending_requests", PENDING),
    ("grpc.server.max_pending_requests_hard_limit", 2 * PENDING),
    # A peer that vanished silently is detected within 15 seconds, because commands wait for answers of edges.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # This timeout is the one in effect; its default is a minute.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Clients may ping as often as every 5 seconds, also between calls.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
]


Refresh = Callable[[], Awaitable[bool]]
"""`await refresh()` finds out whether the process can serve now."""


class RpcHealth:
    """The health of the process by grpc.health.v1: NOT_SERVING until `set_serving`.

    Args:
        names: Full names of the services with a health; "" is the whole process.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._known = health.aio.HealthServicer()
        self._names = ("", *names)
        self._watching = 0

    @property
    def is_watched(self) -> bool:
        """Whether anybody waits for changes."""
        return self._watching > 0

    def servicer(self, refresh: Refresh | None = None) -> health_pb2_grpc.HealthServicer:
        """Return the servicer to add to a server.

        Args:
            refresh: Called before each answer to Check. None: what was set last is the answer.
        """
        return _HealthServicer(self._known, refresh, self._count_watching)

    def _count_watching(self, number: int) -> None:
        self._watching += number

    async def set_serving(self, serving: bool) -> None:
        """Set whether this process can serve, for the whole process and for each service."""
        statuses = health_pb2.HealthCheckResponse
        status = statuses.SERVING if serving else statuses.NOT_SERVING
        for name in self._names:
            await self._known.set(name, status)

    async def shut_down(self) -> None:
        """Report NOT_SERVING from now on, whatever is set later: the process drains."""
        await self._known.enter_graceful_shutdown()


class _HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # grpc_health has no types
    """Answers with the known health, and with NOT_SERVING where it is found to be so only now."""

    def __init__(
        self, known: health.aio.HealthServicer, refresh: Refresh | None, count_watching: Callable[[int], None]
    ) -> None:
        self._known = known
        self._refresh = refresh
        self._count_watching = count_watching

    async def Check(self, request: Any, context: Any) -> Any:
        serves = self._refresh is None or await self._refresh()
        answer = await self._known.Check(request, context)
        if not serves:
            answer.status = health_pb2.HealthCheckResponse.NOT_SERVING
        return answer

    async def Watch(self, request: Any, context: Any) -> None:
        self._count_watching(1)
        try:
            await self._known.Watch(request, context)
        finally:
            self._count_watching(-1)


class _Services:
    """Where services are added to a server: their methods are found by name when they are called.

    Generated code registers each method, too. A server waits for calls of each registered method on its own, so that
    hundreds of methods make starts and ends of a core slow, and save a call nothing that could be measured.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Register nothing."""


def build_server(
    blocks: Iterable[Block],
    access: Access,
    observe: Observe | None = None,
    knows_station: KnowsStation | None = None,
    health_servicer: health_pb2_grpc.HealthServicer | None = None,
    audit: Audit | None = None,
    rates: Rates | None = None,
    idempotency: Idempotency | None = None,
    *,
    shares_port: bool = False,
    reflects: bool = True,
    connections: int | None = None,
) -> grpc.aio.Server:
    """Return a server with the services of the blocks; it does not listen yet.

    Args:
        blocks: Functional blocks, plug-ins, and resources in the form of blocks.
        access: Decides on each rpc.
        observe: Called when an rpc has ended.
        knows_station: Called if a list of one station is empty, so that a station that does not exist is NOT_FOUND.
            None: such a list is empty.
        health_servicer: Reports the health (`RpcHealth.servicer`). None: there is no health service.
        audit: Records who changed what, and who was denied. None: nobody does.
        rates: Limits how many rpcs a tenant may begin within a second. None: any number.
        idempotency: Handles calls with an idempotency key. None: keys have no meaning.
        shares_port: Whether other processes listen on the same port, each of which gets a part of the connections.
        reflects: Whether there is a reflection service, which shows the contract to callers without a key.
        connections: How many there may be at a time; more are cut off. None: as many as open files allow.
    """
    options = [
        *_OPTIONS,
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_allowed_incoming_connections", allow_connections() if connections is None else connections),
        ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_TIMEOUT * 1000)),
    ]
    interceptor = RpcInterceptor(access, observe, knows_station, audit, rates, idempotency)
    server = grpc.aio.server(interceptors=[interceptor], options=options)
    names: list[str] = []
    # Any: it is all that adders of servicers use of a server.
    services: Any = _Services(server)
    for block in blocks:
        for add in block.add_servicers:
            add(services)
        names.extend(block.service_names)
    if health_servicer is not None:
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, services)
    if reflects:
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return server
