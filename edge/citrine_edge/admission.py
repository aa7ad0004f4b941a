"""Limits on handshakes: refused ones by source, and by identity, and unfinished ones in total."""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from citrine_edge.handshake import Identity
from citrine_process.token_bucket import TokenBucket

__all__ = ["Admission", "AdmissionLimits", "Connection"]

STATION_BURST = 20
"""Burst of one identity, in seconds of its rate."""

MAX_BUCKETS = 20_000
"""Buckets of sources, and of identities; the least recently used ones are dropped."""


LOGIN_BURST = 50
"""Burst of failed logins of one identity, in seconds of their rate."""

LONGEST_WAIT = 60.0
"""Most seconds of Retry-After for a source after failed logins."""

REFUSAL_BURST = 10
"""Burst of refused handshakes of one source, in seconds of their rate."""

GRACE = 1.0
"""Seconds for which a new connection is not dropped for others while there are sockets left: its request may be there,
and only not be read yet."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Rates in handshakes per second, and numbers of connections."""

    address_refusal_rate: float
    failed_login_rate: float
    station_rate: float
    max_sockets: int
    max_idle: int
    """Beside the sockets."""
    max_asking: int
    """Of the sockets."""


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

    A connection is **idle** until its request is read, and again once it is refused; it **asks** while it waits for the
    decision of a core. Both are limited. Above the limit of idle connections, the oldest one of the source with the
    most is dropped; above the limit of asking ones, the newest one of the source with the most is refused: who floods
    harms its own. Nothing limits how many handshakes of a source succeed, because many stations may have one address.

    Who fails in the name of a station is answered otherwise than the station: that is never refused for failures of
    others, also behind the same address. So a failed login is counted once a core has refused it, and not before.

    It reads no clock: the time is passed in.
    """

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        rate = limits.address_refusal_rate
        self._refusals = _Buckets(rate, max(1.0, REFUSAL_BURST * rate))
        rate = limits.failed_login_rate
        self._logins = _Buckets(rate, max(1.0, LOGIN_BURST * rate))
        self._stations = _Buckets(limits.station_rate, max(1.0, STATION_BURST * limits.station_rate))
        self._idle = _BySource()
        self._asking = _BySource()

    @property
    def idle(self) -> int:
        """Connections without a request yet, or that were refused."""
        return self._idle.count

    @property
    def asking(self) -> int:
        """Connections that wait for the decision of a core."""
        return self._asking.count

    def connected(self, connection: Connection, stations: int, now: float) -> None:
        """Count a new connection as idle; above the limit, drop the oldest one of the source with the most.

        ``stations`` are the open ones.
        """
        self._idle.add(connection, now)
        limits = self._limits
        if self.idle <= limits.max_idle:
            return
        hopeless, since = self._idle.oldest_of_most()
        # What stations do not use of their sockets is left to those that may become stations.
        is_full = self.idle + self.asking + stations > limits.max_idle + limits.max_sockets
        if is_full or now - since >= GRACE:
            self.gone(hopeless)
            hopeless.abort()

    def gone(self, connection: Connection) -> None:
        """Stop counting a connection that ended, or was admitted."""
        self._asking.discard(connection)
        self._idle.discard(connection)

    def refused(self, connection: Connection, now: float, *, is_its_fault: bool) -> None:
        """Count a connection as idle again: it was refused, and only has to close.

        What is its own fault counts towards the limit of its source.
        """
        if is_its_fault:
            self._refusals.charge(source_of(connection.remote_address), now)
        if self._asking.discard(connection):
            self._idle.add(connection, now)

    def source_may_ask(self, connection: Connection, now: float) -> float:
        """Return 0 if a source may ask, or the seconds after which to retry, where too many of its were refused."""
        return self._refusals.debt(source_of(connection.remote_address), now)

    def station_may_ask(self, connection: Connection, identity: Identity, now: float) -> float:
        """Return 0 if an identity may ask, or the seconds after which to retry, where it was let in too often.

        The rate is per identity and source, and nobody but the station is let in, so nobody can lock it out.
        """
        return self._stations.debt(_key(connection, identity), now)

    def admitted(self, connection: Connection, identity: Identity, now: float) -> None:
        """Count a handshake of an identity that succeeded, and stop counting its connection."""
        self._stations.charge(_key(connection, identity), now)
        self.gone(connection)

    def login_failed(self, connection: Connection, identity: Identity, now: float) -> float:
        """Count a login that a core refused; return 0, or after how many seconds to retry where there were too many."""
        wait = self._logins.charge(_key(connection, identity), now)
        if wait:
            self._refusals.charge(source_of(connection.remote_address), now)
        return min(wait, LONGEST_WAIT)

    def ask(self, connection: Connection, stations: int, now: float) -> Connection | None:
        """Count a connection as one that asks a core; ``stations`` are the open ones.

        Returns the one that must be refused for it, if there are too many: the newest of the source with the most,
        which may be this one.
        """
        if stations + self.asking >= self._limits.max_sockets:
            return connection
        self._idle.discard(connection)
        self._asking.add(connection, now)
        return self._asking.newest_of_most() if self.asking > self._limits.max_asking else None


class _BySource:
    """Connections by source, each with a time, in the order in which they were added."""

    def __init__(self) -> None:
        self._sources: dict[str, dict[Connection, float]] = {}
        self.count = 0

    def add(self, connection: Connection, now: float) -> None:
        self._sources.setdefault(source_of(connection.remote_address), {})[connection] = now
        self.count += 1

    def discard(self, connection: Connection) -> bool:
        """Remove a connection; return whether it was there."""
        source = source_of(connection.remote_address)
        of_source = self._sources.get(source)
        if of_source is None or connection not in of_source:
            return False
        del of_source[connection]
        self.count -= 1
        if not of_source:
            del self._sources[source]
        return True

    def oldest_of_most(self) -> tuple[Connection, float]:
        return next(iter(self._most().items()))

    def newest_of_most(self) -> Connection:
        return next(reversed(self._most()))

    def _most(self) -> dict[Connection, float]:
        return max(self._sources.values(), key=len)


class _Buckets:
    """Token buckets by key."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def charge(self, key: Hashable, now: float) -> float:
        """Acquire a token of a key even if there is none; return in how many seconds its debt is paid off."""
        return self._bucket(key, now).acquire(now)

    def debt(self, key: Hashable, now: float) -> float:
        """Return in how many seconds the debt of a key is paid off; 0 if there is none."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.delay(now)

    def _bucket(self, key: Hashable, now: float) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket


def _key(connection: Connection, identity: Identity) -> Hashable:
    return (identity.tenant_id, identity.station_id, source_of(connection.remote_address))


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
