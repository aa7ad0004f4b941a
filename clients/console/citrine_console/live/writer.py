"""What both websockets of the console have in common: they write when woken, and give a sign of life."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NoReturn

from starlette.websockets import WebSocket

from citrine_console.sessions import Session

__all__ = ["LOGGED_OUT", "SocketWriter"]

SEND_TIMEOUT = 20.0
"""Seconds after which a browser that takes nothing is given up."""

SIGN_OF_LIFE = 15.0
"""Seconds after which something is sent in any case, so that either side finds out that the other is gone."""

LOGGED_OUT = 4401
"""Close code of ours: log in again."""


class SocketWriter(ABC):
    """Writes to one browser until it leaves or its session ends."""

    def __init__(self, socket: WebSocket, session: Session) -> None:
        self._socket = socket
        self._session = session
        self._reason: str | None = None
        self._wake = asyncio.Event()

    def feed_interrupted(self, reason: str) -> None:
        """Say that nothing is live now, and why; empty: it is again."""
        self._reason = reason
        self._wake.set()

    @abstractmethod
    async def write_waiting(self) -> None:
        """Write what waits."""

    async def write(self, message: Mapping[str, object]) -> None:
        """Write an object as JSON.

        Raises:
            TimeoutError: When the browser takes nothing.
        """
        async with asyncio.timeout(SEND_TIMEOUT):
            await self._socket.send_text(json.dumps(message, ensure_ascii=False))

    async def run_with(self, others: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Write, and do other things meanwhile, until the first of these ends, or the session."""
        tasks = [asyncio.create_task(one) for one in (self._write_when_woken(), self._until_logged_out(), *others)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write_when_woken(self) -> NoReturn:
        while True:
            try:
                async with asyncio.timeout(SIGN_OF_LIFE):
                    await self._wake.wait()
            except TimeoutError:
                await self.write({"alive": True})
                continue
            self._wake.clear()
            if self._reason is not None:
                reason, self._reason = self._reason, None
                await self.write({"lost": reason})
            await self.write_waiting()

    async def _until_logged_out(self) -> None:
        await self._session.closed.wait()
        await self._socket.close(LOGGED_OUT)
