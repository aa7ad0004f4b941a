"""Ends a stream whose caller may no longer call, also one on which nothing is sent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType

from citrine_core.errors import CoreError, NotFound, PermissionDenied, Unauthenticated

__all__ = ["RECHECK_INTERVAL", "Recheck"]

logger = logging.getLogger(__name__)

RECHECK_INTERVAL = 5.0
"""Seconds after which the access of a stream's caller is checked again."""

_FINAL = (Unauthenticated, PermissionDenied, NotFound)
"""What ends a stream. While a credential can't be checked, as in an outage of the database, the stream goes on."""


class Recheck:
    """Checks the access of a stream's caller again and again, for the time of an `async with` block.

    Once the caller is refused, whatever the block waits for is interrupted, and the block raises the refusal. While a
    response is being sent nothing is interrupted, because the sender is gRPC: that is up to `sent`.

    Args:
        check: Raises an error of `citrine_core.errors` if the caller may not call.
    """

    def __init__(self, check: Callable[[], Awaitable[object]]) -> None:
        self._check = check
        self._refusal: CoreError | None = None
        self._is_sending = False
        self._limit = asyncio.timeout(None)
        self._checking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Recheck":
        await self._limit.__aenter__()
        self._checking = asyncio.create_task(self._repeat(), name="access of a stream")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._checking is not None:
            self._checking.cancel()
        try:
            await self._limit.__aexit__(kind, error, traceback)
        except TimeoutError:
            if self._refusal is None:
                raise
            raise self._refusal from None

    def sending(self) -> None:
        """Note that a response is handed to gRPC, which may wait for the caller to read."""
        self._is_sending = True

    def sent(self) -> None:
        """Note that it was sent.

        Raises:
            CoreError: When the caller was refused meanwhile.
        """
        self._is_sending = False
        if self._refusal is not None:
            raise self._refusal

    async def _repeat(self) -> None:
        while self._refusal is None:
            await asyncio.sleep(RECHECK_INTERVAL)
            try:
                await self._check()
            except _FINAL as error:
                self._refusal = error
            except Exception as error:
                logger.debug("the access of a stream can't be checked now", exc_info=error)
        if not self._is_sending:
            self._limit.reschedule(asyncio.get_running_loop().time())
