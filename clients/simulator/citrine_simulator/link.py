"""The link of a station to the CSMS: it connects, and reconnects with back-off."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

from citrine_simulator.backoff import Backoff, BackoffLimits
from citrine_simulator.clock import Clock, sleep_or
from citrine_simulator.connection import AnswerCall, Connection, Spawn, Target, open_socket
from citrine_simulator.errors import HandshakeRefusedError, NotConnectedError
from citrine_simulator.failures import reason_of
from citrine_simulator.network_profiles import NetworkProfiles
from citrine_simulator.schemas import Schemas
from citrine_simulator.tap import Tap

__all__ = ["Link"]

logger = logging.getLogger(__name__)

UNAUTHORIZED = 401


class Link:
    """The successive connections of one station.

    Invariant: exactly one of the events ``connected`` and ``disconnected`` is set.
    """

    def __init__(
        self,
        target: Callable[[], Target],
        limits: Callable[[], BackoffLimits],
        answer: AnswerCall,
        emit: Callable[..., None],
        spawn: Spawn,
        clock: Clock,
        random: random.Random,
        schemas: Schemas,
        profiles: NetworkProfiles,
        tap: Tap,
    ) -> None:
        self._target = target
        self._backoff = Backoff(limits, random)
        self._answer = answer
        self._emit = emit
        self._spawn = spawn
        self._clock = clock
        self._schemas = schemas
        self._profiles = profiles
        self._tap = tap
        self._connection: Connection | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._hurry = asyncio.Event()
        self.connected = asyncio.Event()
        self.disconnected = asyncio.Event()
        self.disconnected.set()
        self.counts = tap.counts
        """Number of received frames that could not be used, by kind."""
        self.offline_since = clock.monotonic()
        """Time at which the last connection was lost, by the monotonic clock."""

    @property
    def last_sent(self) -> float:
        """Time of the last CALL on this connection, or of its opening; without a connection, the current time."""
        return self._clock.monotonic() if self._connection is None else self._connection.last_sent

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any],
        message_id: str,
        timeout: float,
        sent: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Send a CALL on the current connection; see :meth:`Connection.call`."""
        if self._connection is None:
            raise NotConnectedError(action)
        return await self._connection.call(action, payload, message_id, timeout, sent)

    async def send_raw(self, text: str) -> None:
        """Send any text on the current connection."""
        if self._connection is None:
            raise NotConnectedError("the text")
        await self._connection.send_raw(text)

    def drop(self) -> None:
        """Abort the connection. The link reconnects after the back-off."""
        if self._connection is not None:
            self._connection.drop()

    async def close(self) -> None:
        """Close the connection with a closing handshake. The link reconnects after the back-off."""
        if self._connection is not None:
            await self._connection.close()

    def hurry(self) -> None:
        """Skip the back-off and reconnect at once."""
        self._hurry.set()

    async def go_offline(self) -> None:
        """Close the connection, and do not reconnect until :meth:`go_online`."""
        self._wanted.clear()
        await self.close()
        await self.disconnected.wait()

    def go_online(self) -> None:
        """Connect at once."""
        self._wanted.set()
        self._hurry.set()

    async def run(self) -> None:
        """Connect and reconnect until cancelled, then close."""
        while True:
            await self._wanted.wait()
            self._hurry.clear()
            wait = await self._connect_once()
            if wait is None:
                self._backoff.reset()
                wait = self._backoff.next()
            if self._wanted.is_set():
                await sleep_or(self._clock, wait, self._hurry)

    async def _connect_once(self) -> float | None:
        """Run one connection until it is closed. Return None, or the seconds to wait if no connection was made."""
        target = self._target()
        try:
            socket = await open_socket(target)
        except HandshakeRefusedError as refused:
            wait = self._backoff.next(refused.retry_after)
            if refused.status == UNAUTHORIZED:
                self._profiles.refused()
            self._profiles.failed()
            self._emit("refused", status=refused.status, wait=wait)
            return wait
        except (OSError, TimeoutError) as unreachable:
            self._profiles.failed()
            wait = self._backoff.next()
            self._emit("unreachable", problem=reason_of(unreachable), wait=wait)
            return wait
        self._profiles.worked()
        connection = Connection(
            socket, target.version, self._answer, self._spawn, self._clock, self._schemas, self._tap
        )
        try:
            self._opened(connection)
            await connection.run()
        finally:
            self._closed()
            await connection.close()
        return None

    def _opened(self, connection: Connection) -> None:
        self._connection = connection
        self.disconnected.clear()
        self.connected.set()
        self._emit("connected")
        if not self._wanted.is_set():
            connection.drop()

    def _closed(self) -> None:
        self._connection = None
        self.offline_since = self._clock.monotonic()
        self.connected.clear()
        self.disconnected.set()
        self._emit("disconnected")
