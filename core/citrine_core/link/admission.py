"""Admission of stations: handshakes are read in batches, and passwords are verified in threads."""

import asyncio
import logging
import random
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, TypeAlias

from google.protobuf.duration_pb2 import Duration
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.edge.v1.link_pb2 import OCPP_VERSION_16, Admit, Downstream, Refused
from citrine.events.v1.events_pb2 import Event, StationHeld
from citrine_core.background import defect
from citrine_core.clock import Clock, utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import Item
from citrine_core.errors import DatabaseUnavailable
from citrine_core.ids import DEFAULT_TENANT, new_secret
from citrine_core.link.certificates import Presented, certificate_problem, read_certificate
from citrine_core.link.grants import Grant
from citrine_core.link.health import Health
from citrine_core.link.holding import may_wait_for_acceptance
from citrine_core.link.logins import RememberedLogins, fast_match, hashes_of, password_threads
from citrine_core.link.refused_stations import RefusedStations
from citrine_core.link.registry import Link
from citrine_core.link.revocation import StationRevocation
from citrine_core.resources.stations.authorization_keys import forms_of
from citrine_core.resources.stations.client_certificates import CertificateUser, ClientCertificates
from citrine_core.resources.stations.credentials import Credentials
from citrine_core.resources.stations.fields import new_credential_version
from citrine_core.resources.stations.passwords import hash_password, is_fast, verify
from citrine_core.resources.stations.versions import choose_version, is_allowed

__all__ = ["Admission", "refused"]

logger = logging.getLogger(__name__)

MAX_BATCH = 256
"""Largest number of handshakes whose stations are read in one query."""

MAX_WAITING = 4000
"""Handshakes that may wait; further ones are refused with 503."""

MAX_PASSWORD = 1024
"""Longest password, in bytes, that is verified; OCPP allows 64 characters."""

REFUSAL_TIME = 0.1
"""Seconds from a handshake to its refusal for a wrong credential, whatever had to be checked for that."""

RETRY_AFTER = (5, 20)
"""Shortest and longest Retry-After of a 503, in seconds."""

UNAUTHORIZED, FORBIDDEN, UNAVAILABLE = 401, 403, 503

FindRefused = Callable[[AsyncSession, Collection[str], datetime], Awaitable[set[str]]]
"""`await find_refused(session, fingerprints, now)` returns those of the certificates that nobody may connect by."""

StationRow: TypeAlias = Row[*tuple[Any, ...]]
"""Columns that Credentials reads."""


@dataclass(slots=True)
class _Request:
    admit: Admit
    tenant_id: str
    link: Link
    ask_time: float
    """When it came, by the clock of the loop."""
    certificate: Presented | None = None
    """Certificate that the station authenticated with, if it can be read."""
    user: CertificateUser | None = None
    """Station that used that certificate before."""
    is_refused: bool = False
    """Whether its certificate was issued here, and is revoked or for vehicles alone."""
    may_hold: bool = False
    """Whether its tenant holds unknown stations."""

    @property
    def has_certificate(self) -> bool:
        return self.admit.HasField("client_certificate")

    @property
    def profile(self) -> int:
        """Security profile of the connection. What is not known counts as the lowest one."""
        return self.admit.security_profile or 1


def refused(admit_id: int, status: int = UNAVAILABLE) -> Downstream:
    """Return the refusal of a handshake; a 503 has a Retry-After."""
    retry_after = Duration(seconds=random.randint(*RETRY_AFTER)) if status == UNAVAILABLE else None
    return Downstream(refused=Refused(id=admit_id, status=status, retry_after=retry_after))


class Admission:
    """Decides on handshakes. Each that is accepted becomes a Grant in the station's lane.

    Every refusal for a wrong credential is the same answer after the same amount of work and at the same time after the
    handshake, so that it does not reveal which stations exist: if there is no slow hash to verify, a dummy is verified.
    A tenant that holds unknown stations waives this.

    Args:
        unit_of_work: Opens transactions.
        submit: Queues the grants.
        health: Is notified when the database fails.
        refusals: Records refused stations and reasons.
        clock: Returns the time now.
        owners: Who may own the certificates of stations. Empty: anybody.
        find_refused: Returns those of the certificates that nobody may connect by.
        revocation: Asks OCSP responders about certificates. None: nobody is asked.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        submit: Callable[[Item], None],
        health: Health,
        refusals: RefusedStations,
        clock: Clock = utc_now,
        owners: Collection[str] = (),
        find_refused: FindRefused | None = None,
        revocation: StationRevocation | None = None,
    ) -> None:
        self._find_refused = find_refused
        self._revocation = revocation
        self._owners = frozenset(owners)
        self._refusals = refusals
        self._clock = clock
        self._unit_of_work = unit_of_work
        self._submit = submit
        self._health = health
        self._waiting: deque[_Request] = deque()
        self._filled = asyncio.Event()
        self._logins = RememberedLogins()
        self._checking = 0
        self.checks = 0
        """Number of slow hashes so far."""
        self._threads = password_threads()
        self._nobody = ""

    @property
    def waiting(self) -> int:
        """How many handshakes wait."""
        return len(self._waiting) + self._checking

    def ask(self, admit: Admit, link: Link) -> None:
        """Queue a handshake. Admitted or Refused is sent over the link."""
        if not self._health.serving or self.waiting >= MAX_WAITING:
            logger.warning("a handshake can't be served now", extra={"waiting": self.waiting})
            link.send(refused(admit.id, UNAVAILABLE))
            return
        now = asyncio.get_running_loop().time()
        request = _Request(admit, admit.tenant_id or DEFAULT_TENANT, link, now)
        if request.has_certificate:
            request.certificate = read_certificate(admit.client_certificate.der)
        self._waiting.append(request)
        self._filled.set()

    async def run(self) -> None:
        """Decide until cancelled. Handshakes that wait then are not answered: the edge asks another core."""
        loop = asyncio.get_running_loop()
        self._threads = password_threads()
        try:
            self._nobody = await loop.run_in_executor(self._threads, hash_password, new_secret())
            async with asyncio.TaskGroup() as tasks:
                while True:
                    if not self._waiting:
                        self._filled.clear()
                        await self._filled.wait()
                    batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                    for request, row in await self._read([one for one in batch if not one.link.ended.is_set()]):
                        self._decide_safely(request, row, tasks)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, batch: list[_Request]) -> list[tuple[_Request, StationRow | None]]:
        stations: dict[str, set[str]] = defaultdict(set)
        for request in batch:
            stations[request.tenant_id].add(request.admit.station_id)
        try:
            async with self._unit_of_work(read_only=True) as work:
                credentials = Credentials(work.session)
                rows = {tenant_id: await credentials.find_all(tenant_id, ids) for tenant_id, ids in stations.items()}
                unknown = {tenant_id for tenant_id, ids in stations.items() if len(rows[tenant_id]) < len(ids)}
                holding = await credentials.holding_tenants(unknown) if unknown else set()
                presented = {request.certificate.sha256 for request in batch if request.certificate is not None}
                users = await ClientCertificates(work.session).find_users(presented) if presented else {}
                refusable = set[str]()
                if presented and self._find_refused is not None:
                    refusable = await self._find_refused(work.session, presented, self._clock())
        except DatabaseUnavailable as error:
            self._health.failed(error)
            for request in batch:
                request.link.send(refused(request.admit.id, UNAVAILABLE))
            return []
        except Exception as error:
            if len(batch) > 1:
                # One bad handshake must not affect the others, so each is read alone.
                return [found for request in batch for found in await self._read([request])]
            defect("admission", error)
            for request in batch:
                request.link.send(refused(request.admit.id, UNAVAILABLE))
            return []
        for request in batch:
            request.may_hold = request.tenant_id in holding
            if request.certificate is not None:
                request.user = users.get(request.certificate.sha256)
                request.is_refused = request.certificate.sha256 in refusable
        return [(request, rows[request.tenant_id].get(request.admit.station_id)) for request in batch]

    def _decide_safely(self, request: _Request, row: StationRow | None, tasks: asyncio.TaskGroup) -> None:
        try:
            self._decide(request, row, tasks)
        except Exception as error:
            defect("admission", error)
            request.link.send(refused(request.admit.id, UNAVAILABLE))

    def _decide(self, request: _Request, row: StationRow | None, tasks: asyncio.TaskGroup) -> None:
        admit = request.admit
        if row is not None:
            choose_version(admit, row.allowed_versions)
        if request.has_certificate:
            self._decide_by_certificate(request, row, tasks)
            return
        password = admit.password if admit.HasField("password") else None
        if row is None and password is not None and request.may_hold and may_wait_for_acceptance(admit):
            self._checking += 1
            tasks.create_task(self._hold(request, password), name="hold a station")
            return
        hashes: list[str] = []
        reason = HandshakeRefusal.REASON_WRONG_PASSWORD
        # The user name is the station's identity (OCPP-J, Basic authentication).
        if row is None:
            reason = HandshakeRefusal.REASON_UNKNOWN_STATION
        elif admit.HasField("username") and admit.username != admit.station_id:
            reason = HandshakeRefusal.REASON_OTHER_USER_NAME
        elif self._needs_no_check(request, row, password):
            self._let_in(request, row, None)
            return
        elif password is None:
            reason = HandshakeRefusal.REASON_NO_PASSWORD
        elif len(password) <= MAX_PASSWORD:
            hashes = hashes_of(row)
        passwords = forms_of(password or b"") if admit.version == OCPP_VERSION_16 else [password or b""]
        if row is not None and (fitting := fast_match(hashes, passwords)) is not None:
            self._let_in(request, row, fitting if fitting != row.password_hash else None)
            return
        # Who is refused is refused after a slow check, whatever there is to check.
        hashes = [known for known in hashes if not is_fast(known)]
        self._checking += 1
        tasks.create_task(self._check(request, row, passwords, hashes, reason), name="check a password")

    def _decide_by_certificate(self, request: _Request, row: StationRow | None, tasks: asyncio.TaskGroup) -> None:
        """Decide on security profile 3, where the certificate is the credential and a password says nothing more."""
        if row is None:
            # Answered as a station whose certificate is not its own, so that it does not reveal which stations exist.
            self._turn_away(request, UNAUTHORIZED, HandshakeRefusal.REASON_UNKNOWN_STATION)
        elif request.certificate is None:
            self._turn_away(request, UNAUTHORIZED, HandshakeRefusal.REASON_CERTIFICATE_MALFORMED)
        else:
            about = (request.user, request.tenant_id, self._owners, self._clock())
            problem = certificate_problem(request.certificate, row, *about)
            if problem is None and request.is_refused:
                problem = HandshakeRefusal.REASON_CERTIFICATE_REVOKED
            if problem is not None:
                self._turn_away(request, UNAUTHORIZED, problem)
            elif self._revocation is not None:
                self._checking += 1
                asking = self._ask_revocation(self._revocation, request, row)
                tasks.create_task(asking, name="ask about a certificate")
            else:
                self._let_in(request, row, None)

    async def _ask_revocation(self, revocation: StationRevocation, request: _Request, row: StationRow) -> None:
        try:
            problem = await revocation.problem(request.admit.client_certificate.der)
            if problem is not None:
                self._turn_away(request, UNAUTHORIZED, problem)
            else:
                self._let_in(request, row, None)
        except Exception as error:
            if isinstance(error, DatabaseUnavailable):
                self._health.failed(error)
            else:
                defect("admission", error)
            request.link.send(refused(request.admit.id, UNAVAILABLE))
        finally:
            self._checking -= 1

    def _needs_no_check(self, request: _Request, row: StationRow, password: bytes | None) -> bool:
        if row.allow_no_password and (password is None or not row.password_hash):
            return True
        return password is not None and self._logins.knows(
            request.tenant_id, row.station_id, row.credential_version, password
        )

    async def _check(
        self,
        request: _Request,
        row: StationRow | None,
        passwords: Sequence[bytes],
        hashes: list[str],
        reason: "HandshakeRefusal.Reason.ValueType",
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            for known, password in product(hashes or [self._nobody], passwords):
                self.checks += 1
                right = await loop.run_in_executor(self._threads, verify, known, password[:MAX_PASSWORD])
                if right and hashes and row is not None:
                    self._logins.add(request.tenant_id, row.station_id, row.credential_version, passwords[0])
                    self._let_in(request, row, known if known != row.password_hash else None)
                    return
            self._turn_away(request, UNAUTHORIZED, reason)
        except Exception as error:
            logger.error("a password could not be checked", exc_info=error)
            request.link.send(refused(request.admit.id, UNAVAILABLE))
        finally:
            self._checking -= 1

    async def _hold(self, request: _Request, password: bytes) -> None:
        """Admit an unknown station as held: it is Pending until an operator accepts it with this password."""
        loop = asyncio.get_running_loop()
        admit = request.admit
        try:
            self.checks += 1
            password_hash = await loop.run_in_executor(self._threads, hash_password, password)
            if await self._store_hold(request, password_hash):
                self._grant(request, None)
            else:
                logger.warning("a station that nobody knows can't be held", extra={"station_id": admit.station_id})
                self._turn_away(request, UNAUTHORIZED, HandshakeRefusal.REASON_UNKNOWN_STATION)
        except DatabaseUnavailable as error:
            self._health.failed(error)
            request.link.send(refused(admit.id, UNAVAILABLE))
        except Exception as error:
            logger.error("a station could not be held", exc_info=error)
            request.link.send(refused(admit.id, UNAVAILABLE))
        finally:
            self._checking -= 1

    async def _store_hold(self, request: _Request, password_hash: str) -> bool:
        admit = request.admit
        async with self._unit_of_work() as work:
            version, credentials = new_credential_version(), Credentials(work.session)
            if not await credentials.hold(request.tenant_id, admit.station_id, password_hash, version, self._clock()):
                return False
            held = StationHeld(remote_address=admit.remote_address[:100])
            work.emit(Event(tenant_id=request.tenant_id, station_id=admit.station_id, station_held=held))
            await work.commit()
        logger.info("a station that nobody knows is held", extra={"station_id": admit.station_id})
        return True

    def _let_in(self, request: _Request, row: StationRow, used_next: str | None) -> None:
        if not row.enabled:
            self._turn_away(request, FORBIDDEN, HandshakeRefusal.REASON_DISABLED)
            return
        if request.profile < row.security_profile:
            self._turn_away(request, FORBIDDEN, HandshakeRefusal.REASON_LOWER_SECURITY_PROFILE)
            return
        if not is_allowed(request.admit.version, row.allowed_versions):
            self._turn_away(request, FORBIDDEN, HandshakeRefusal.REASON_VERSION_NOT_ALLOWED)
            return
        self._grant(request, used_next)

    def _turn_away(self, request: _Request, status: int, reason: "HandshakeRefusal.Reason.ValueType") -> None:
        admit = request.admit
        answer = refused(admit.id, status)
        if status == UNAUTHORIZED:
            asyncio.get_running_loop().call_at(request.ask_time + REFUSAL_TIME, request.link.send, answer)
        else:
            request.link.send(answer)
        self._refusals.add(request.tenant_id, admit.station_id, reason, admit.remote_address)

    def _grant(self, request: _Request, used_next: str | None) -> None:
        admit = request.admit
        grant = Grant(
            admit.id,
            request.link.edge_id,
            admit.version,
            admit.remote_address[:100],
            used_next,
            request.profile,
            request.certificate if request.user is None else None,
            has_expired=request.certificate is not None and request.certificate.valid_until < self._clock(),
        )
        self._submit(Item(request.tenant_id, admit.station_id, grant, request.link.send, edge_id=request.link.edge_id))
