"""What the adapter counts, for /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


class Metrics:
    """The counters of one adapter."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.requests = Counter(
            "citrine_ocpi_requests",
            "Requests of partners, by module, method, status of HTTP and status of OCPI.",
            ("module", "method", "http_status", "status"),
            registry=self.registry,
        )
        self.calls = Counter(
            "citrine_ocpi_calls",
            "Requests to partners, by module, method and outcome.",
            ("module", "method", "outcome"),
            registry=self.registry,
        )
        self.call_seconds = Histogram(
            "citrine_ocpi_call_seconds",
            "Seconds that partners took to answer.",
            ("module",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.deliveries = Counter(
            "citrine_ocpi_deliveries",
            "Deliveries by module and outcome: delivered, retried, dead, unwanted.",
            ("module", "outcome"),
            registry=self.registry,
        )
        self.delivery_delay = Histogram(
            "citrine_ocpi_delivery_delay_seconds",
            "Seconds from the change of an object until the partner had it.",
            ("module",),
            buckets=(*_SECONDS, 60, 600, 3600),
            registry=self.registry,
        )
        self.feed_events = Counter(
            "citrine_ocpi_feed_events", "Events of the core that were followed.", registry=self.registry
        )
        self.feed_left_out = Counter(
            "citrine_ocpi_feed_left_out",
            "Objects that could not be made of the core's, and are shown to no partner: the log says which.",
            registry=self.registry,
        )
        self.waiting = Gauge(
            "citrine_ocpi_deliveries_waiting", "Deliveries that are stored and not done.", registry=self.registry
        )
        self.dead = Gauge(
            "citrine_ocpi_dead_letters",
            "Deliveries that were given up, until they are sent or removed.",
            registry=self.registry,
        )

    def render(self) -> bytes:
        """Return what /metrics shows."""
        return generate_latest(self.registry)
