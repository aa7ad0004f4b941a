"""Metrics of the core, for Prometheus."""

from collections.abc import Callable

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from citrine.api.v1 import common_pb2 as common
from citrine_core.background import DEFECTS

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ITEMS = (1, 2, 5, 10, 20, 50, 100, 200, 256)

MAX_CODES = 50
"""Largest number of codes of refused messages that are counted separately; OCPP-J has a dozen."""


class Metrics:
    """Counters, gauges and histograms in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._items = Counter("citrine_core_items", "Items from edges, done", registry=self.registry)
        self._batch = Histogram("citrine_core_batch_items", "Items of a batch", buckets=_ITEMS, registry=self.registry)
        self._at_once = Counter(
            "citrine_core_answered_at_once",
            "Messages that were answered without a transaction, as a Heartbeat mostly is",
            registry=self.registry,
        )
        self._wait = Histogram(
            "citrine_core_lane_wait_seconds",
            "Seconds that the first item of a batch waited",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._transaction = Histogram(
            "citrine_core_transaction_seconds",
            "Seconds that a batch took, with its commit",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._commands = Counter("citrine_core_commands", "Commands that ended", ["state"], registry=self.registry)
        self._refused = Counter(
            "citrine_core_refused_messages",
            "Messages of stations that were refused, dropped, mended, tolerated or delayed, as edges reported them",
            ["outcome", "code"],
            registry=self.registry,
        )
        self._foreign = Counter(
            "citrine_core_foreign_session_reports",
            "What edges said of sessions that another edge holds, which had no effect",
            ["kind"],
            registry=self.registry,
        )
        self._codes: set[str] = set()
        self.registry.register(DEFECTS)
        self._rpc = Histogram(
            "citrine_core_rpc_seconds",
            "Seconds that an rpc took",
            ["method", "code"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def watch(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Export a gauge that is read whenever the metrics are."""
        Gauge(f"citrine_core_{name}", about, registry=self.registry).set_function(read)

    def batch(self, items: int, waited: float, duration: float) -> None:
        """Count a batch of a lane."""
        self._items.inc(items)
        self._batch.observe(items)
        self._wait.observe(waited)
        self._transaction.observe(duration)

    def at_once(self) -> None:
        """Count a message that was answered without a transaction."""
        self._at_once.inc()

    def foreign(self, kind: str) -> None:
        """Count what an edge said of a session that another edge holds."""
        self._foreign.labels(kind).inc()

    def command(self, state: int) -> None:
        """Count a command that ended."""
        name = common.CommandState.Name(common.CommandState.ValueType(state))
        self._commands.labels(name.removeprefix("COMMAND_STATE_").lower()).inc()

    def refused(self, outcome: str, code: str, count: int) -> None:
        """Count messages that were refused or the like; code is the error code, or the reason of the drop."""
        if code not in self._codes:
            code = code if len(self._codes) < MAX_CODES else "other"
            self._codes.add(code)
        self._refused.labels(outcome, code).inc(count)

    def rpc(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        """Count an rpc that ended."""
        self._rpc.labels(method, code.name).observe(seconds)

    def render(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self.registry)
