"""Writes the audit: records together with what they are about, and denied calls some seconds later."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory, accompany
from citrine_core.db.deferral import current_deferral
from citrine_core.ids import new_id
from citrine_core.jobs import Job
from citrine_core.resources.audit.chains import Chain
from citrine_core.resources.audit.repository import AuditRepository
from citrine_core.resources.audit.requests import address_of, content_of, object_of
from citrine_core.rpc.caller import Caller
from citrine_core.services import Services

__all__ = ["AuditLog"]

INTERVAL = timedelta(seconds=10)
"""How often denied calls are stored."""

MOST = 20
"""Most records of denied calls that are stored at a time. The others are counted in one."""

OK = grpc.StatusCode.OK.name


class _Denial(NamedTuple):
    """What denied calls have in common that are counted in one record."""

    tenant_id: str = ""
    caller_id: str = ""
    caller_name: str = ""
    address: str = ""
    method: str = ""
    outcome: str = ""


class AuditLog:
    """Writes audit records of one core.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the current time.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._chains: list[Chain] = []
        """Those that no transaction has."""
        self._denials: Counter[_Denial] = Counter()
        self._late: list[dict[str, Any]] = []
        # The job may be woken while a core that stops stores what is left: each record is stored once.
        self._storing = asyncio.Lock()
        self.job = Job("denied calls", INTERVAL, self.store)

    @classmethod
    def of(cls, services: Services) -> "AuditLog":
        """Return the one of a core."""
        found: AuditLog | None = services.shared.get(cls)
        if found is None:
            found = services.shared[cls] = cls(services.unit_of_work, services.clock)
        return found

    def attempt(self, method: str, caller: Caller, peer: str, request: Message) -> "_Attempt":
        """Begin a call. What the task commits from now on is stored together with its record."""
        attempt = _Attempt(self, method, caller, peer, request)
        accompany(attempt.store)
        return attempt

    def denied(self, method: str, caller: Caller | None, peer: str, code: grpc.StatusCode) -> None:
        """Record a call that was denied, within seconds; callers without a credential are counted by their address."""
        address = address_of(peer)
        if caller is None:
            denial = _Denial(address=address, outcome=code.name)
        else:
            # An operator may name any tenant.
            tenant_id = caller.tenant_id[:36]
            denial = _Denial(tenant_id, caller.key_id, caller.name, address, _short(method), code.name)
        if denial not in self._denials and len(self._denials) >= MOST:
            denial = _Denial(outcome=code.name)
        self._denials[denial] += 1

    def add_later(self, row: dict[str, Any]) -> None:
        """Store a record soon, in a transaction of its own."""
        self._late.append(row)
        self.job.wake()

    async def store(self) -> None:
        """Store the calls that were denied, and what comes late.

        Raises:
            DatabaseUnavailable: When they can't be stored now; they wait.
        """
        async with self._storing:
            denials, late = dict(self._denials), self._late[:]
            if not denials and not late:
                return
            rows = [*late, *(self._row(count=count, **denial._asdict()) for denial, count in denials.items())]
            async with self._unit_of_work() as work:
                await self.add(work, rows)
                # By the commit, which counts also where the task is cancelled in the middle of it.
                work.after_commit(lambda: self._stored(denials, len(late)))
                await work.commit()

    def _stored(self, denials: Mapping[_Denial, int], late: int) -> None:
        self._denials -= Counter(denials)
        del self._late[:late]

    async def add(self, work: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
        """Store records within a unit of work, as the next ones of a chain that it has to itself."""
        audit = AuditRepository(work.session)
        chain = self._chains.pop() if self._chains else Chain.behind(await audit.newest_hash())
        for row in rows:
            chain.append(row)
        await audit.add_all(rows)
        # Without a commit the chain ends here, as nobody knows how it ended in the database.
        work.after_commit(lambda: self._chains.append(chain))

    def row_of(self, method: str, caller: Caller, peer: str, request: Message) -> dict[str, Any]:
        """Return the row of a call that changed something, without its place in a chain."""
        return self._row(
            tenant_id=caller.tenant_id,
            caller_id=caller.key_id,
            caller_name=caller.name,
            address=address_of(peer),
            method=_short(method),
            object=object_of(request),
            request=content_of(request),
        )

    def _row(self, **values: Any) -> dict[str, Any]:
        row = {"object": "", "request": "", "outcome": OK, "count": 1, **values}
        return {"record_id": new_id(), "create_time": self._clock(), **row}


class _Attempt:
    """A call that may change something. Its record is stored with its first commit."""

    def __init__(self, log: AuditLog, method: str, caller: Caller, peer: str, request: Message) -> None:
        self._log = log
        self._about = (method, caller, peer, request)
        self._is_written = False
        """Whether a commit that is deferred stores it."""
        self._is_stored = False

    async def store(self, work: UnitOfWork) -> None:
        """Store the record within a unit of work that is about to be committed, unless it is stored."""
        if not self._is_stored:
            await self._log.add(work, [self._log.row_of(*self._about)])
            self._is_written = current_deferral() is not None
            work.after_commit(self._stored)

    def succeeded(self) -> None:
        """Have the record stored if nothing was committed by the call itself."""
        if not self._is_stored and not self._is_written:
            self._log.add_later(self._log.row_of(*self._about))
        self._stored()

    def failed(self) -> None:
        """Have nothing stored any more."""
        self._stored()

    def _stored(self) -> None:
        self._is_stored = True


def _short(method: str) -> str:
    """Return a method without the package of ours."""
    return method.removeprefix("/citrine.api.v1.").removeprefix("/citrine.events.v1.").removeprefix("/")[:150]
