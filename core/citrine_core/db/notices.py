"""Notices: by which one core notifies the others on its database at once, instead of having them poll."""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from citrine_core.db.postgres import CONNECT_TIMEOUT

__all__ = ["Notices", "NoticesOfFile", "NoticesOfServer"]

logger = logging.getLogger(__name__)

CHANNEL = "citrine"

_LISTEN = f"LISTEN {CHANNEL}"

_NOTIFY = f"SELECT pg_notify('{CHANNEL}', $1)"

_OF_US = "us"
"""Topic of the notice by which a core checks that it hears notices."""

SPACING = 0.02
"""Seconds between two notices of a core; what it announces meanwhile is one notice."""

CHECK_INTERVAL = 30.0
"""Seconds between checks that notices are heard."""

CHECK_TIME = 5.0
"""Seconds that a notice may take."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds from the loss of the connection to the next attempt; the pauses double."""

CLOSE_TIME = 1.0
"""Seconds that PostgreSQL has to close the connection."""

FILE_INTERVAL = 2.0
"""Seconds between checks whether an SQLite file changed."""


class Notices(ABC):
    """Notifies the other cores on a database that something was committed, and is notified by them.

    Notices save waiting and polling, and nothing else: one may be lost, with the connection or the core that sends it.
    So whoever relies on them polls as well, seldom while `are_heard` is true.

    Must be used on the event loop's thread. Callbacks must not block.
    """

    def __init__(self) -> None:
        self.are_heard = False
        """Whether notices of other cores arrive now, at once."""
        self._callbacks: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._first: list[Callable[[], None]] = []

    def on(self, topic: str, callback: Callable[[], None], *, at_first: bool = True) -> None:
        """Call something whenever another core announces a topic; it may be called more often.

        Args:
            topic: What others announce.
            callback: What to call.
            at_first: Whether to call it whenever notices begin to be heard, too: somebody may have announced the topic
                before, when nobody here heard it.
        """
        self._callbacks[topic].append(callback)
        if at_first:
            self.when_heard(callback)

    def when_heard(self, callback: Callable[[], None]) -> None:
        """Call something whenever notices begin to be heard."""
        self._first.append(callback)

    @abstractmethod
    def announce(self, topic: str) -> None:
        """Notify the other cores, soon. For use with `work.after_commit`."""

    @abstractmethod
    async def run(self) -> None:
        """Send and hear until cancelled."""

    async def version(self) -> int | None:
        """Return a number that differs after each commit of others, if it costs less than a query; None: it does not.

        For those who poll.
        """
        return None

    def _notify(self, topic: str) -> None:
        for callback in self._callbacks.get(topic, ()):
            callback()


class NoticesOfFile(Notices):
    """SQLite: whatever another process commits changes the file, so that counts as a notice of every topic."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__()
        self._engine = engine
        self._connection: Any = None

    def announce(self, topic: str) -> None:
        """Do nothing: the commit is the notice."""

    async def run(self) -> None:
        """Look whether the file changed, until cancelled."""
        raw = await self._engine.raw_connection()
        self._connection = raw.driver_connection
        try:
            before = await self.version()
            while True:
                await asyncio.sleep(FILE_INTERVAL)
                version = await self.version()
                if version != before:
                    before = version
                    for topic in self._callbacks:
                        self._notify(topic)
        finally:
            self._connection = None
            await greenlet_spawn(raw.close)

    async def version(self) -> int | None:
        """Return the version of the file as other connections changed it."""
        if self._connection is None:
            return None
        ((version,),) = await self._connection.execute_fetchall("PRAGMA data_version")
        return int(version)


class NoticesOfServer(Notices):
    """PostgreSQL: LISTEN and NOTIFY, by one connection that is used for nothing else.

    NOTIFY locks all other commits that notify until its own transaction is committed, so it is never part of a
    transaction that waits for anything: it is a transaction of its own, after the commit that it announces.

    A connection that does not bring a core its own notices (it was lost, or goes through a pooler in transaction mode)
    is replaced.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__()
        self._engine = engine
        self._topics: set[str] = set()
        self._filled = asyncio.Event()
        self._checked = asyncio.Event()
        self._pid = 0

    def announce(self, topic: str) -> None:
        """Notify the other cores, soon. Without a connection the notice is dropped."""
        if self.are_heard:
            self._topics.add(topic)
            self._filled.set()

    async def run(self) -> None:
        """Send and hear until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._listen()
            except Exception as error:
                logger.debug("notices are not heard", exc_info=error)
            if self.are_heard:
                pause, self.are_heard = FIRST_PAUSE, False
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Send and hear by one connection, until it is lost."""
        connection = await self._connect()
        ended = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: ended.set())
            # Notices may be lost, and a commit that waits for the disk costs more than all else of them.
            await connection.execute("SET synchronous_commit TO off")
            await connection.add_listener(CHANNEL, self._hear)
            self._pid = connection.get_server_pid()
            sending = asyncio.ensure_future(self._send(connection))
            ending = asyncio.ensure_future(ended.wait())
            try:
                await asyncio.wait({sending, ending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, ending):
                    task.cancel()
                await asyncio.gather(sending, ending, return_exceptions=True)
        finally:
            try:
                await connection.close(timeout=CLOSE_TIME)
            except Exception:
                connection.terminate()

    async def _connect(self) -> Any:
        """Return a connection of the driver that is no part of the pool any more."""
        connecting = asyncio.ensure_future(self._engine.raw_connection())
        try:
            raw = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # A connection that is cut off while it is opened would be left open.
            await asyncio.wait({connecting}, timeout=CONNECT_TIMEOUT)
            if connecting.done() and connecting.exception() is None:
                await greenlet_spawn(connecting.result().close)
            raise
        connection: Any = raw.driver_connection
        raw.detach()
        return connection

    async def _send(self, connection: Any) -> None:
        loop = asyncio.get_running_loop()
        next_check = loop.time()
        while True:
            if loop.time() >= next_check:
                await self._check(connection)
                next_check = loop.time() + CHECK_INTERVAL
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(next_check - loop.time()):
                    await self._filled.wait()
            self._filled.clear()
            topics, self._topics = self._topics, set()
            if topics:
                await connection.execute(_NOTIFY, ",".join(sorted(topics)))
            await asyncio.sleep(SPACING)

    async def _check(self, connection: Any) -> None:
        """Send ourselves a notice, and wait for it.

        Raises:
            TimeoutError: When it does not arrive.
        """
        self._checked.clear()
        async with asyncio.timeout(CHECK_TIME):
            await connection.execute(_NOTIFY, _OF_US)
            await self._checked.wait()
        if not self.are_heard:
            self.are_heard = True
            for callback in self._first:
                callback()

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        if pid != self._pid:
            for topic in str(payload).split(","):
                self._notify(topic)
        elif payload == _OF_US:
            self._checked.set()
