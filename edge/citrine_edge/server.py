"""The server for stations: checks handshakes, lets a core decide on them, and opens sessions."""

import asyncio
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from typing import cast

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge import upstream
from citrine_edge.acceptor import Acceptor, Arrival, Entrance
from citrine_edge.admission import Admission, AdmissionLimits, source_of
from citrine_edge.clock import timestamp
from citrine_edge.context import SessionContext
from citrine_edge.dialects import Dialect, Hardware
from citrine_edge.handshake import Credentials, Identity, InvalidCredentials, read_authorization, read_path
from citrine_edge.ids import jitter
from citrine_edge.known_logins import KnownLogins
from citrine_edge.metrics import Metrics
from citrine_edge.proxies import InvalidCertificate, Proxies
from citrine_edge.router import Router
from citrine_edge.session import Session
from citrine_edge.sessions import Sessions
from citrine_edge.tls_failures import cause_of
from citrine_edge.websocket import SocketLimits, StationSocket
from citrine_process.addresses import Listener
from citrine_process.token_bucket import TokenBucket

__all__ = ["StationServer"]

_FAULTS = frozenset({400, 401, 403, 404, 405, 426})
"""Statuses of handshakes that are refused by the fault of who connects."""

RETRY_AFTER = 5
"""Retry-After of a 503, in seconds; up to twice as many are added at random."""

REPORT_RATE = 10.0
"""Reports per second of handshakes that the edge refuses without asking a core."""

FAILURE_RATE = 2.0
"""Reports per second of connections that failed before their first request, of which anybody may make any number."""

MAX_OFFERED = 200
"""Characters of the offered subprotocols that such a report contains."""

BACKLOG = 2048
"""TCP connections that may wait for accept()."""

_BODIES: Mapping[int, str] = {
    400: "The station offers no version of OCPP that is spoken here.\n",
    401: "The station did not authenticate.\n",
    403: "The station may not connect.\n",
    404: "There is no such station.\n",
    429: "The station tries too often.\n",
    503: "No station can connect now.\n",
}
"""One text per status. The exact reason is not disclosed to a peer that is refused."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Handshake:
    """A handshake that waits for the decision of a core."""

    identity: Identity
    response: Response
    dialect: Dialect
    credential: bytes
    """What it authenticates with. Empty: nothing."""
    is_known: bool
    """Whether it was let in with that before."""


@dataclass(frozen=True, slots=True)
class _Behind:
    """A listener whose connections begin with something else than a request."""

    server: "StationServer"
    entrance: Entrance

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        return await self.server.listen_behind(self.entrance, host, port)


class StationServer:
    """Accepts the TCP connections of stations and opens their WebSockets."""

    def __init__(
        self,
        limits: AdmissionLimits,
        socket_limits: SocketLimits,
        dialects: Mapping[str, Dialect],
        router: Router,
        sessions: Sessions,
        context: SessionContext,
        metrics: Metrics,
        *,
        proxies: Proxies | None = None,
        shares_port: bool = False,
    ) -> None:
        self._shares_port = shares_port
        self._proxies = proxies or Proxies()
        self._socket_limits = socket_limits
        self._dialects = dialects
        self._subprotocols = tuple(dialects)
        self._router = router
        self._sessions = sessions
        self._context = context
        self._metrics = metrics
        self._sockets: set[StationSocket] = set()
        self._draining = False
        self._admission = Admission(limits)
        self._known = KnownLogins()
        self._reports = TokenBucket(REPORT_RATE, 2 * REPORT_RATE, context.loop.time())
        self._failures = TokenBucket(FAILURE_RATE, 10 * FAILURE_RATE, context.loop.time())
        self._listeners: list[asyncio.Server | Acceptor] = []
        metrics.sockets.set_function(lambda: len(sessions))
        metrics.idle_connections.set_function(lambda: self._admission.idle)
        metrics.handshakes_waiting.set_function(lambda: self._admission.asking)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Start to accept stations without TLS; return the address."""
        server = await self._context.loop.create_server(
            lambda: StationSocket(self, self._socket_limits, self._subprotocols),
            host,
            port,
            backlog=BACKLOG,
            reuse_port=self._shares_port or None,
        )
        self._listeners.append(server)
        address = server.sockets[0].getsockname()
        return address[0], address[1]

    def behind(self, entrance: Entrance) -> Listener:
        """Return what listens for stations whose connections begin with a PROXY header or a TLS handshake."""
        return _Behind(self, entrance)

    async def listen_behind(self, entrance: Entrance, host: str, port: int) -> tuple[str, int]:
        """Start to accept stations whose connections begin with that; return the address."""
        acceptor = Acceptor(
            entrance, self, lambda arrival: StationSocket(self, self._socket_limits, self._subprotocols, arrival)
        )
        address = await acceptor.listen(host, port, BACKLOG, shares_port=self._shares_port)
        self._listeners.append(acceptor)
        return address

    def drain(self) -> None:
        """Refuse all further stations with 503."""
        self._draining = True

    def close(self) -> None:
        """Stop to accept connections, and drop the remaining ones."""
        for listener in self._listeners:
            listener.close()
        for socket in tuple(self._sockets):
            socket.abort()

    # What acceptors call.

    def arrived(self, arrival: Arrival) -> None:
        """Count a TCP connection before its TLS handshake."""
        self._admission.connected(arrival, len(self._sessions), self._context.loop.time())

    def ended(self, arrival: Arrival) -> None:
        """Forget it, as it became a socket or failed."""
        self._admission.gone(arrival)
        if arrival.problem:
            self._metrics.failed_arrivals.inc(arrival.problem)
            if self._failures.try_acquire(self._context.loop.time()):
                self._report_failure(arrival)

    # What sockets call.

    def connected(self, socket: StationSocket, arrival: Arrival | None) -> None:
        """Count a TCP connection, in the place of its arrival."""
        if arrival is not None:
            self._admission.gone(arrival)
        self._sockets.add(socket)
        self._admission.connected(socket, len(self._sessions), self._context.loop.time())

    def disconnected(self, socket: StationSocket) -> None:
        """Forget a TCP connection."""
        self._sockets.discard(socket)
        self._admission.gone(socket)
        socket.context = None

    def requested(self, socket: StationSocket, request: Request) -> None:
        """Refuse a handshake by the rules that need no core, or let a core decide on it."""
        now = self._context.loop.time()
        if not self._is_known(socket, request) and self._has_too_many_refusals(socket):
            return
        identity = read_path(request.path)
        if identity is None:
            self._refuse(socket, 404)
            return
        response, subprotocol = socket.negotiate(request)
        offered = ", ".join(request.headers.get_all("Sec-WebSocket-Protocol"))
        if response.status_code != 101:
            self._reject(socket, response)
            if response.status_code == 400 and not offered:
                self._report(identity, socket, pb.HandshakeRefused.CAUSE_VERSION)
            return
        if subprotocol is None:
            # Errata 2025-04, TC_B_58: a station without a common version is refused before the upgrade.
            self._refuse(socket, 400)
            self._report(identity, socket, pb.HandshakeRefused.CAUSE_VERSION, offered[:MAX_OFFERED])
            return
        try:
            credentials = read_authorization(request.headers.get_all("Authorization"))
            profile, certificate = self._security(socket, request.headers)
        except (InvalidCredentials, InvalidCertificate):
            self._refuse(socket, 401)
            self._report(identity, socket, pb.HandshakeRefused.CAUSE_CREDENTIALS)
            return
        if self._draining or not self._router.available:
            self._refuse(socket, 503)
            return
        if wait := self._admission.station_may_ask(socket, identity, now):
            self._refuse(socket, 429, ceil(jitter(wait, wait + RETRY_AFTER)))
            self._report(identity, socket, pb.HandshakeRefused.CAUSE_TOO_MANY)
            return
        dialect = self._dialects[subprotocol]
        admit = pb.Admit(
            id=self._router.next_id(),
            tenant_id=identity.tenant_id,
            station_id=identity.station_id,
            version=dialect.version,
            remote_address=socket.remote_address,
            offered_versions=self._versions(offered),
        )
        if credentials is not None:
            admit.username, admit.password = credentials.username, credentials.password
        admit.security_profile = profile
        if certificate is not None:
            admit.client_certificate.CopyFrom(
                pb.ClientCertificate(der=certificate, sha256=sha256(certificate).digest())
            )
        credential = _credential(credentials, certificate)
        known = self._known.knows(identity, credential)
        self._ask(socket, _Handshake(identity, response, dialect, credential, known), admit)

    # Inside.

    def _versions(self, offered: str) -> "list[pb.OcppVersion.ValueType]":
        """Return the versions among the subprotocols that a station offers, the preferred one first."""
        names = {name.strip() for name in offered.split(",")}
        return [dialect.version for name, dialect in self._dialects.items() if name in names]

    def _is_known(self, socket: StationSocket, request: Request) -> bool:
        """Return whether a request has the password or the certificate with which its station was let in last."""
        identity = read_path(request.path)
        try:
            credentials = read_authorization(request.headers.get_all("Authorization"))
            _, certificate = self._security(socket, request.headers)
        except (InvalidCredentials, InvalidCertificate):
            return False
        return identity is not None and self._known.knows(identity, _credential(credentials, certificate))

    def _security(self, socket: StationSocket, headers: Headers) -> tuple[int, bytes | None]:
        """Return the security profile of a connection, and the verified client certificate.

        Raises:
            InvalidCertificate: When a trusted proxy forwards one that can't be read.
        """
        certificate, is_tls = socket.certificate, socket.is_tls
        if certificate is None and (socket.is_forwarded or self._proxies.trusts(socket.remote_address)):
            certificate = self._proxies.certificate(headers)
            is_tls = is_tls or self._proxies.uses_tls(headers)
        if certificate is not None:
            return 3, certificate
        return (2 if is_tls else 1), None

    def _ask(self, socket: StationSocket, handshake: _Handshake, admit: pb.Admit) -> None:
        """Have a core decide on a handshake, unless too many wait for that."""
        socket.context = handshake
        displaced = self._admission.ask(socket, len(self._sessions), self._context.loop.time())
        if displaced is not None:
            # Nobody else asks.
            displaced = cast(StationSocket, displaced)
            identity = cast(_Handshake, displaced.context).identity
            self._refuse(displaced, 503)
            self._report(identity, displaced, pb.HandshakeRefused.CAUSE_TOO_MANY)
        if displaced is not socket:
            self._router.admit(
                admit,
                source_of(socket.remote_address),
                lambda decision: self._decided(socket, decision),
                lambda: socket.context is handshake and (handshake.is_known or not self._has_too_many_refusals(socket)),
            )

    def _has_too_many_refusals(self, socket: StationSocket) -> bool:
        """Refuse a handshake whose source had too many refused; return whether it was."""
        wait = self._admission.source_may_ask(socket, self._context.loop.time())
        if wait:
            self._refuse(socket, 429, ceil(jitter(wait, wait + RETRY_AFTER)))
        return wait > 0

    def _decided(self, socket: StationSocket, decision: "pb.Admitted | pb.Refused | None") -> None:
        handshake = cast(_Handshake | None, socket.context)
        if isinstance(decision, pb.Admitted):
            self._admitted(socket, handshake, decision)
        elif handshake is not None:
            if decision is None:
                self._refuse(socket, 503)
            elif decision.status == 401 and (wait := self._failed(socket, handshake)):
                self._refuse(socket, 429, ceil(jitter(wait, wait + RETRY_AFTER)))
            else:
                self._refuse(socket, decision.status, decision.retry_after.seconds)

    def _failed(self, socket: StationSocket, handshake: _Handshake) -> float:
        """Count a failed login; return after how many seconds to retry, where there were too many."""
        return self._admission.login_failed(socket, handshake.identity, self._context.loop.time())

    def _admitted(self, socket: StationSocket, handshake: _Handshake | None, admitted: pb.Admitted) -> None:
        if handshake is not None and self._draining:
            self._refuse(socket, 503)
            handshake = None
        session: Session | None = None
        if handshake is not None:
            registration = admitted.registration if admitted.HasField("registration") else None
            names = (admitted.vendor_name, admitted.model, admitted.firmware_version)
            hardware = Hardware(*map(sys.intern, names))
            dialect = self._choose(handshake, admitted.version)
            session = Session(self._context, socket, dialect, admitted.session, registration, hardware)
            session = session if socket.accept(handshake.response, session) else None
        if handshake is not None and session is not None:
            self._count(101)
            self._admission.admitted(socket, handshake.identity, self._context.loop.time())
            if handshake.credential:
                self._known.add(handshake.identity, handshake.credential)
            self._sessions.open(session)
        else:
            # The station is gone. The core must not believe that it is connected.
            gone = upstream.closed(admitted.session, 1006, "", timestamp(self._context.clock))
            self._router.report_to("", gone)

    def _choose(self, handshake: _Handshake, version: int) -> Dialect:
        """Return the dialect of the version that a core chose, after the response names it."""
        for name, dialect in self._dialects.items():
            if dialect.version == version != handshake.dialect.version:
                # There may be only one such header (RFC 6455, 4.2.2).
                del handshake.response.headers["Sec-WebSocket-Protocol"]
                handshake.response.headers["Sec-WebSocket-Protocol"] = name
                return dialect
        return handshake.dialect

    def _refuse(self, socket: StationSocket, status: int, retry_after: int = 0) -> None:
        if status not in _BODIES:
            _logger.error("core refuses with an odd status", extra={"status": status})
            status = 503
        response = socket.refusal(status, _BODIES[status])
        if status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
        if status in (429, 503):
            response.headers["Retry-After"] = str(retry_after or round(jitter(RETRY_AFTER, 3 * RETRY_AFTER)))
        self._reject(socket, response)

    def _reject(self, socket: StationSocket, response: Response) -> None:
        self._count(response.status_code)
        is_its_fault = response.status_code in _FAULTS
        self._admission.refused(socket, self._context.loop.time(), is_its_fault=is_its_fault)
        socket.reject(response)

    def _report(
        self, identity: Identity, socket: StationSocket, cause: "pb.HandshakeRefused.Cause.ValueType", offered: str = ""
    ) -> None:
        """Report a refused station to the operator, although no core decided on it."""
        if self._reports.try_acquire(self._context.loop.time()):
            key = (identity.tenant_id, identity.station_id)
            self._router.offer(key, upstream.handshake_refused(*key, socket.remote_address, cause, offered))

    def _report_failure(self, arrival: Arrival) -> None:
        """Report a connection that failed before its first request to the operator."""
        about = {"address": arrival.remote_address, "problem": arrival.problem}
        _logger.info("a connection failed before its handshake", extra=about)
        cause = cause_of(arrival.problem)
        if cause is not None:
            detail = arrival.problem.replace("_", " ")
            # Which core it goes to is of no importance, but that one source stays with one.
            key = ("", source_of(arrival.remote_address))
            self._router.offer(key, upstream.tls_failed(arrival.remote_address, cause, detail))

    def _count(self, status: int) -> None:
        self._metrics.handshakes.inc(str(status))


def _credential(credentials: Credentials | None, certificate: bytes | None) -> bytes:
    """Return what a station authenticates with, as one text; empty where it brings nothing."""
    if certificate is not None:
        return certificate
    return b"" if credentials is None else f"{credentials.username}\0".encode() + credentials.password
