"""Limits on handshakes: by source, by identity, and in total."""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from citrine_edge.handshake import Identity
from citrine_edge.rates import TokenBucket

__all__ = ["Admission", "AdmissionLimits", "Connection"]

STATION_BURST = 20
"""Burst of one identity, in seconds of its rate."""

MAX_BUCKETS = 20_000
"""Buckets of sources, and of identities; the least recently used ones are dropped."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Rates in handshakes per second, and numbers of connections."""

    handshake_rate: float
    address_rate: float
    station_rate: float
    max_sockets: int
    max_unfinished: int


class Connection(Protocol):
    """A TCP connection that is not admitted yet, or was refused."""

    @property
    def remote_address(self) -> str:
        """Address of the peer, as host:port."""
        ...

    def abort(self) -> None:
        """Drop it."""
        ...


class Admission:
    """Counts connections until they are admitted, and decides which may proceed.

    A connection is **idle** until its request is read, and again once it is refused; it **asks** while a core decides.
    Both are limited. Above the limit of idle connections, the oldest one of the source with the most is dropped: who
    floods drops its own. Above the limit of asking ones, new requests are refused with the time after which to retry.

    It reads no clock: the time is passed in.
    """

    def __init__(self, limits: AdmissionLimits, now: float) -> None:
        self._limits = limits
        # The burst is two seconds.
        self._rate = TokenBucket(limits.handshake_rate, 2 * limits.handshake_rate, now)
        self._sources = _Buckets(limits.address_rate, max(1.0, 2 * limits.address_rate))
        self._stations = _Buckets(limits.station_rate, max(1.0, STATION_BURST * limits.station_rate))
        # By source, in the order in which they came.
        self._idle: dict[str, dict[Connection, None]] = {}
        self._idle_count = 0
        self._asking: set[Connection] = set()

    @property
    def idle(self) -> int:
        """Connections without a request yet, or that were refused."""
        return self._idle_count

    @property
    def asking(self) -> int:
        """Connections that wait for the decision of a core."""
        return len(self._asking)

    def connected(self, connection: Connection) -> None:
        """Count a new connection as idle; above the limit, drop the oldest one of the source with the most."""
        self._idle.setdefault(source_of(connection.remote_address), {})[connection] = None
        self._idle_count += 1
        if self._idle_count > self._limits.max_unfinished:
            crowd = max(self._idle.values(), key=len)
            hopeless = next(iter(crowd))
            self.gone(hopeless)
            hopeless.abort()

    def gone(self, connection: Connection) -> None:
        """Stop counting a connection that ended, or was admitted."""
        self._asking.discard(connection)
        source = source_of(connection.remote_address)
        of_source = self._idle.get(source)
        if of_source is not None and connection in of_source:
            del of_source[connection]
            self._idle_count -= 1
            if not of_source:
                del self._idle[source]

    def refused(self, connection: Connection) -> None:
        """Count a connection as idle again: it was refused, and only has to close."""
        if connection in self._asking:
            self.gone(connection)
            self.connected(connection)

    def source_may_ask(self, connection: Connection, now: float) -> float:
        """Count a request of a source; return 0 if it may proceed, else the seconds after which to retry."""
        return self._sources.acquire(source_of(connection.remote_address), now)

    def station_may_ask(self, connection: Connection, identity: Identity, now: float) -> float:
        """Count a request for an identity; return 0 if it may proceed, else the seconds after which to retry.

        The rate is per identity and source, so nobody can lock out a station from elsewhere.
        """
        key = (identity.tenant_id, identity.station_id, source_of(connection.remote_address))
        return self._stations.acquire(key, now)

    def may_ask(self, connection: Connection, stations: int, now: float) -> bool:
        """Return whether a connection may ask a core, and count it if so; ``stations`` are the open ones."""
        limits = self._limits
        if stations + len(self._asking) >= limits.max_sockets or len(self._asking) >= limits.max_unfinished:
            return False
        if not self._rate.try_acquire(now):
            return False
        self.gone(connection)
        self._asking.add(connection)
        return True


class _Buckets:
    """Token buckets by key."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def acquire(self, key: Hashable, now: float) -> float:
        """Acquire a token of a key and return 0, or return after how many seconds there is one."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return 0.0 if bucket.try_acquire(now) else 1.0 / self._rate


def source_of(remote_address: str) -> str:
    """Return the source of an address: an IPv4 address, or the /64 network of an IPv6 address."""
    host = remote_address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64))
