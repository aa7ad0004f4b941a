"""Who is logged in: credentials stay here, browsers have a signed cookie with a random id and nothing else."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from itsdangerous import BadSignature, TimestampSigner

from citrine.api.v1.keys_pb2 import Caller, GetCallerRequest
from citrine_console.oidc import ProviderLogin
from citrine_console.permissions import Permissions
from citrine_sdk import Citrine

__all__ = ["Clients", "Credential", "Rights", "Session", "Sessions"]


SWEEP_INTERVAL = 30.0
"""Seconds between two looks for sessions whose time is over."""


@dataclass(frozen=True)
class Credential:
    """What the core knows somebody by, and the tenant that is looked at."""

    key: str
    """API key. Empty: there is a log-in at a provider."""
    tenant: str
    """Empty: that of the key, or "default" for the operator of all tenants."""
    login: ProviderLogin | None = None
    """Of one session; it gives the tokens."""

    def __repr__(self) -> str:
        """Return no secret: a representation may come into a log."""
        return f"Credential(tenant={self.tenant!r})"


@dataclass(frozen=True)
class Rights:
    """What decides what somebody sees: two sessions that are equal in it see the same."""

    tenant_id: str
    permissions: Permissions


@dataclass(eq=False)
class Session:
    """One log-in."""

    id: str
    credential: Credential
    citrine: Citrine
    """A client with this credential; it is shared by all sessions that have it."""
    caller: Caller
    created: float
    last_used: float
    is_replaced: bool = False
    """Whether another session goes on with its log-in."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it has ended: its live connections end, too."""

    @property
    def rights(self) -> Rights:
        """What decides what it sees."""
        return Rights(self.caller.tenant_id, self.permissions)

    @property
    def permissions(self) -> Permissions:
        """What its caller may do."""
        return Permissions.of(self.caller)


class Clients:
    """Clients of the API by credential, each as long as somebody uses it.

    Args:
        make: Returns the client of a credential, which is not open.
    """

    def __init__(self, make: Callable[[Credential], Citrine]) -> None:
        self._make = make
        self._open: dict[Credential, tuple[Citrine, int]] = {}

    async def open(self, credential: Credential) -> Citrine:
        """Return an open client, to be given back by `close`."""
        citrine, users = self._open.get(credential, (None, 0))
        if citrine is None:
            citrine = await self._make(credential).__aenter__()
            # Another one may have opened it meanwhile.
            present, users = self._open.get(credential, (None, 0))
            if present is not None:
                await citrine.__aexit__(None, None, None)
                citrine = present
        self._open[credential] = (citrine, users + 1)
        return citrine

    async def close(self, credential: Credential) -> None:
        """Give a client back; the last user closes it."""
        citrine, users = self._open[credential]
        if users > 1:
            self._open[credential] = (citrine, users - 1)
            return
        del self._open[credential]
        await citrine.__aexit__(None, None, None)


class Sessions:
    """All that are logged in to this process.

    Args:
        clients: Opens clients of the API.
        lifetime: Seconds until a session ends, and until an idle one does.
        limit: Most sessions; for one more the one that was idle longest ends.
        now: Returns a monotonic time in seconds.
    """

    def __init__(self, clients: Clients, lifetime: float, limit: int, now: Callable[[], float]) -> None:
        self._clients = clients
        self._lifetime = lifetime
        self._limit = limit
        self._now = now
        # Of this process only, as the sessions are.
        self._signer = TimestampSigner(secrets.token_bytes(32), salt="citrine-console")
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    async def log_in(self, credential: Credential, since: float | None = None) -> tuple[Session, str]:
        """Begin a session; return it and its cookie.

        Args:
            credential: What the core knows its owner by.
            since: When the session began that it goes on with. None: it is new.

        Raises:
            grpc.aio.AioRpcError: When the core does not know the credential, or can't be reached.
        """
        citrine = await self._clients.open(credential)
        try:
            caller = await citrine.keys.GetCaller(GetCallerRequest(), timeout=10)
        except BaseException:
            await self._clients.close(credential)
            raise
        now = self._now()
        session = Session(secrets.token_urlsafe(32), credential, citrine, caller, now if since is None else since, now)
        self._sessions[session.id] = session
        while len(self._sessions) > self._limit:
            await self.log_out(next(iter(self._sessions.values())))
        return session, self._signer.sign(session.id).decode()

    async def refresh(self, session: Session) -> None:
        """Read again what the caller may do.

        Raises:
            grpc.aio.AioRpcError: When the core does not know the credential any more, or can't be reached.
        """
        session.caller = await session.citrine.keys.GetCaller(GetCallerRequest(), timeout=10)

    async def log_out(self, session: Session) -> None:
        """End a session and its live connections."""
        if self._sessions.pop(session.id, None) is not None:
            session.closed.set()
            if session.credential.login is not None and not session.is_replaced:
                session.credential.login.stop()
            await self._clients.close(session.credential)

    async def find(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie, or None if there is none any more. It counts as used."""
        if not cookie:
            return None
        try:
            name = self._signer.unsign(cookie, max_age=int(self._lifetime)).decode()
        except BadSignature:
            return None
        session = self._sessions.get(name)
        if session is None:
            return None
        if self._is_over(session):
            await self.log_out(session)
            return None
        session.last_used = self._now()
        self._sessions.move_to_end(name)
        return session

    def _is_over(self, session: Session) -> bool:
        now = self._now()
        return now - session.last_used > self._lifetime or now - session.created > self._lifetime

    async def sweep(self) -> None:
        """End sessions whose time is over, for ever: also of those who only look, or never come back."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            for session in [one for one in self._sessions.values() if self._is_over(one)]:
                await self.log_out(session)

    async def close(self) -> None:
        """End all sessions."""
        for session in [*self._sessions.values()]:
            await self.log_out(session)

    def sessions(self) -> Mapping[str, Session]:
        """Return all sessions by id."""
        return self._sessions
