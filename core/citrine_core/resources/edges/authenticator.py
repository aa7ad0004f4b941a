"""Identifies edges by certificate or credential."""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import DatabaseUnavailable, Unauthenticated
from citrine_core.jobs import Job
from citrine_core.resources.edges.certificates import read_certificate
from citrine_core.resources.edges.models import NamedEdge
from citrine_core.resources.edges.repository import NamedEdgeRepository
from citrine_core.resources.edges.secrets import EdgeCredential, read_credential
from citrine_core.rpc.access import bearer_token
from citrine_core.rpc.edge_peer import UNNAMED, EdgePeer

__all__ = ["EdgeAuthenticator"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=10)
"""Interval at which the edges are read again: a revoked edge has its links for about as long."""

READ_PAUSE = 1.0
"""Seconds between two reads for edges that are not known: anybody may present any name."""


class EdgeAuthenticator:
    """Identifies edges, with all named edges in memory: there are few, and links begin also in an outage.

    An edge is identified again and again while its link is open, so what holds no more ends the link.

    Args:
        unit_of_work: Opens units of work to read the named edges.
        clock: The clock by which certificates expire.
        shared_credential: Credential of edges without a name. None: there is none.
        now: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        shared_credential: str | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._shared_credential = shared_credential
        self._now = now
        self._named: Mapping[str, NamedEdge] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self.job = Job("edges that may link", INTERVAL, self.refresh)

    async def identify(self, metadata: Mapping[str, str], certificate: bytes | None) -> EdgePeer:
        """Return the edge that opens a link.

        Args:
            metadata: Metadata of the rpc.
            certificate: The certificate in PEM that TLS verified. None: the edge presented none.

        Raises:
            Unauthenticated: When it may not link.
            DatabaseUnavailable: When nothing is known about named edges yet, and they can't be read now.
        """
        if certificate is not None:
            return await self._by_certificate(certificate)
        token = bearer_token(metadata)
        credential = read_credential(token) if token is not None else None
        if credential is not None:
            return await self._by_credential(credential)
        wanted = self._shared_credential
        # The comparison takes constant time, so that its duration does not reveal how much of a guess is right.
        if not wanted or token is None or not hmac.compare_digest(token.encode(), wanted.encode()):
            raise Unauthenticated("the credential of the edge link is missing or wrong")
        return UNNAMED

    async def refresh(self) -> None:
        """Read the named edges.

        Raises:
            DatabaseUnavailable: When they can't be read now.
        """
        await self._read()

    async def _by_certificate(self, pem: bytes) -> EdgePeer:
        certificate = read_certificate(pem)
        if certificate.expire_time <= self._clock():
            raise Unauthenticated(f"the certificate of the edge {certificate.edge_name} has expired")
        edge = await self._find(certificate.edge_name)
        _check_revoked(certificate.edge_name, edge)
        if edge is None:
            await self._register(certificate.edge_name)
        return EdgePeer(certificate.edge_name)

    async def _by_credential(self, credential: EdgeCredential) -> EdgePeer:
        edge = await self._find(credential.edge_name)
        if edge is None or not credential.matches(edge.secret_hash):
            # It may have been created a moment ago.
            edge = await self._find(credential.edge_name, again=True)
        if edge is None or not credential.matches(edge.secret_hash):
            raise Unauthenticated("the credential of the edge link is missing or wrong")
        _check_revoked(credential.edge_name, edge)
        return EdgePeer(credential.edge_name)

    async def _find(self, edge_name: str, *, again: bool = False) -> NamedEdge | None:
        if self._read_at == float("-inf"):
            await self._read()
        if (again or edge_name not in self._named) and self._now() - self._read_at >= READ_PAUSE:
            try:
                await self._read()
            except DatabaseUnavailable:
                logger.warning("an edge is identified by what was read before the outage", extra={"edge": edge_name})
        return self._named.get(edge_name)

    async def _read(self) -> None:
        began = self._now()
        async with self._reading:
            if self._read_at >= began:
                # Another caller has read them meanwhile.
                return
            started = self._now()
            async with self._unit_of_work(read_only=True) as work:
                edges = await NamedEdgeRepository(work.session).all()
            self._named = {edge.edge_name: edge for edge in edges}
            self._read_at = started

    async def _register(self, edge_name: str) -> None:
        """Store the name of an edge that has a certificate, so that it is listed."""
        try:
            async with self._unit_of_work() as work:
                await NamedEdgeRepository(work.session).ensure(edge_name, self._clock())
                await work.commit()
        except DatabaseUnavailable:
            logger.warning("the name of an edge is not stored", extra={"edge": edge_name})


def _check_revoked(edge_name: str, edge: NamedEdge | None) -> None:
    if edge is not None and edge.revoke_time is not None:
        raise Unauthenticated(f"the edge {edge_name} is revoked")
