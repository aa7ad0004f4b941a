"""How many connections may ask to be stations: by source, by identity, and all together."""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from citrine_edge.handshake import Identity
from citrine_edge.rates import TokenBucket

__all__ = ["Admission", "AdmissionLimits", "Connection"]

STATION_BURST = 20
"""Seconds' worth of its rate that one identity may try at once."""

MAX_BUCKETS = 20_000
"""Sources, and identities, whose rates are remembered; those that were not heard of for longest are forgotten."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """What may be asked; rates in handshakes per second."""

    handshake_rate: float
    address_rate: float
    station_rate: float
    max_sockets: int
    max_unfinished: int


class Connection(Protocol):
    """A TCP connection that is no station yet, or not any more."""

    @property
    def remote_address(self) -> str:
        """Address of the peer, as host:port."""
        ...

    def abort(self) -> None:
        """Drop it."""
        ...


class Admission:
    """Counts connections until they are stations, and says which may go on.

    A connection is **idle** until its request is read, and again when it was refused; it **asks** while a core decides.
    Of either there may be so many. Where there are more idle ones, the oldest of the source that has most is dropped:
    it is the most hopeless, and whoever floods drops its own. Where more ask, who comes next is told to come later:
    those before it are nearer to a decision.

    No clock is read: the time is handed in.
    """

    def __init__(self, limits: AdmissionLimits, now: float) -> None:
        self._limits = limits
        # Up to two seconds' worth at once.
        self._rate = TokenBucket(limits.handshake_rate, 2 * limits.handshake_rate, now)
        self._sources = _Buckets(limits.address_rate, max(1.0, 2 * limits.address_rate))
        self._stations = _Buckets(limits.station_rate, max(1.0, STATION_BURST * limits.station_rate))
        # By source, in the order in which they came.
        self._idle: dict[str, dict[Connection, None]] = {}
        self._idle_count = 0
        self._asking: set[Connection] = set()

    @property
    def idle(self) -> int:
        """Connections that say nothing, or have been refused."""
        return self._idle_count

    @property
    def asking(self) -> int:
        """Connections about which a core decides."""
        return len(self._asking)

    def connected(self, connection: Connection) -> None:
        """Count a connection, which is idle; the most hopeless one may be dropped for it."""
        self._idle.setdefault(source_of(connection.remote_address), {})[connection] = None
        self._idle_count += 1
        if self._idle_count > self._limits.max_unfinished:
            crowd = max(self._idle.values(), key=len)
            hopeless = next(iter(crowd))
            self.gone(hopeless)
            hopeless.abort()

    def gone(self, connection: Connection) -> None:
        """Count a connection no more: it ended, or is a station now."""
        self._asking.discard(connection)
        source = source_of(connection.remote_address)
        of_source = self._idle.get(source)
        if of_source is not None and connection in of_source:
            del of_source[connection]
            self._idle_count -= 1
            if not of_source:
                del self._idle[source]

    def refused(self, connection: Connection) -> None:
        """Count a connection as idle again: it has its answer, and need only close."""
        if connection in self._asking:
            self.gone(connection)
            self.connected(connection)

    def source_may_ask(self, connection: Connection, now: float) -> float:
        """Count a request; return 0, or after how many seconds its source may ask again."""
        return self._sources.acquire(source_of(connection.remote_address), now)

    def station_may_ask(self, connection: Connection, identity: Identity, now: float) -> float:
        """Count a request for an identity; return 0, or after how many seconds it may ask again.

        It is that of one source: nobody can lock a station out who comes from elsewhere.
        """
        key = (identity.tenant_id, identity.station_id, source_of(connection.remote_address))
        return self._stations.acquire(key, now)

    def may_ask(self, connection: Connection, stations: int, now: float) -> bool:
        """Return whether one more may ask a core, and count it as asking if it may; there are so many stations."""
        limits = self._limits
        if stations + len(self._asking) >= limits.max_sockets or len(self._asking) >= limits.max_unfinished:
            return False
        if not self._rate.try_acquire(now):
            return False
        self.gone(connection)
        self._asking.add(connection)
        return True


class _Buckets:
    """A rate for each of many."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def acquire(self, key: Hashable, now: float) -> float:
        """Take one if there is one, and return 0; else after how many seconds there is one again."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return 0.0 if bucket.try_acquire(now) else 1.0 / self._rate


def source_of(remote_address: str) -> str:
    """Return what counts as one source: an IPv4 address, or the network of 64 bits that an IPv6 address is of."""
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
