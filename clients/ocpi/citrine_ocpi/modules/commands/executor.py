"""Has stations do what partners ask for, and has the partners told what they said."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Protocol

import grpc
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.deliveries import Push
from citrine_ocpi.models import OcpiModel
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.modules.commands.tables import CommandRow, Target
from citrine_ocpi.services import Services
from citrine_ocpi.transport.routing import Routing
from citrine_sdk import Citrine, error_reason

__all__ = ["PATIENCE", "STATION_TIMEOUT", "CommandExecutor", "StationCalls"]

STATION_TIMEOUT = 30
"""Seconds that a station may take."""

LEASE = timedelta(seconds=STATION_TIMEOUT + 30)
"""How long a process may wait for a station until another one asks the core again, which knows a repetition."""

LOOK = 2.0
"""Seconds between looks at whether another process left something to do."""

AT_A_TIME = 100

PATIENCE = timedelta(seconds=60)
"""After which a partner waits for no result any more, as it was told. Then nothing is sent to a station, either."""

AGAIN = timedelta(seconds=2)

Ended = Callable[[AsyncSession, CommandRow, OcpiModel], Awaitable[None]]

_logger = logging.getLogger(__name__)


class StationCalls(Protocol):
    """What partners have stations do by one module."""

    @property
    def module(self) -> str:
        """As OCPI identifies it."""

    @property
    def commands(self) -> Collection[str]:
        """What they are stored as."""

    async def call(self, citrine: Citrine, command: str, target: Target, key: str) -> OcpiModel:
        """Have a station do something, and return the result for the partner.

        Args:
            citrine: The core.
            command: One of `commands`.
            target: As `target` of a command is stored.
            key: By which the core knows a repetition.

        Raises:
            grpc.aio.AioRpcError: When there is no answer of the station.
            ValueError: When it can't be said in OCPP, or the answer not in OCPI.
        """

    def failed(self, command: str, code: grpc.StatusCode, text: str) -> OcpiModel:
        """Return the result where a station did not answer.

        Args:
            command: One of `commands`.
            code: Of the core, or as the core would say it.
            text: What it says beside.
        """


class CommandExecutor:
    """Sends stored commands of one module. `run` goes on until it is cancelled.

    Args:
        services: What it uses.
        calls: What stations do.
        ended: Stores what follows from a result, with it. None: nothing does.
    """

    def __init__(self, services: Services, calls: StationCalls, ended: Ended | None = None) -> None:
        self._services = services
        self._calls = calls
        self._ended = ended
        self.filled = asyncio.Event()
        """Set after a commit that stored a command."""

    async def run(self) -> None:
        """Send what is due until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    now = self._services.clock()
                    async with self._services.database.writing() as session:
                        rows = await CommandRepository(session).claim(self._calls.commands, now, now + LEASE, AT_A_TIME)
                    for row in rows:
                        tasks.create_task(self._execute(row))
                except (SQLAlchemyError, OSError) as error:
                    _logger.warning("commands can't be read", extra={"problem": " ".join(str(error).split())})
                try:
                    async with asyncio.timeout(LOOK):
                        await self.filled.wait()
                    self.filled.clear()
                except TimeoutError:
                    pass

    async def _execute(self, row: CommandRow) -> None:
        try:
            await self._send(row)
        except (SQLAlchemyError, OSError) as error:
            # Its lease ends, and it is sent again.
            _logger.warning("the result of a command is not stored", extra={"problem": " ".join(str(error).split())})
        except Exception:
            _logger.exception("a command failed")

    async def _send(self, row: CommandRow) -> None:
        body = await self._result(row)
        if body is None:
            async with self._services.database.writing() as session:
                await CommandRepository(session).put_off(row.command_id, self._services.clock() + AGAIN)
            return
        async with self._services.database.writing() as session:
            if not await CommandRepository(session).end(row.command_id):
                return
            push = Push(
                partner_id=row.partner_id,
                module=self._calls.module,
                object_key=f"result/{row.idempotency_key}",
                path=row.response_url,
                body=body,
                routing=Routing.of({name.lower(): value for name, value in row.routing.items()}),
                method="POST",
                correlation_id=row.correlation_id,
                expire_time=self._services.clock() + timedelta(minutes=10),
            )
            await self._services.outbox.add(session, [push])
            if self._ended is not None:
                await self._ended(session, row, body)

    async def _result(self, row: CommandRow) -> OcpiModel | None:
        """Have a station do something, and return the result. None: it is not known yet, the core is asked again."""
        if self._services.clock() >= row.create_time + PATIENCE:
            _logger.warning("a command is too old for its station", extra={"partner": row.partner_id})
            return self._calls.failed(row.command, grpc.StatusCode.DEADLINE_EXCEEDED, "")
        try:
            return await self._calls.call(self._services.citrine, row.command, row.target, row.idempotency_key)
        except grpc.aio.AioRpcError as error:
            if _is_open(error):
                return None
            _logger.info("a station did not do what a partner asked for", extra={"code": error.code().name})
            return self._calls.failed(row.command, error.code(), error.details() or "")
        except ValueError:
            _logger.exception("a command can't be said", extra={"partner": row.partner_id})
            return self._calls.failed(row.command, grpc.StatusCode.INVALID_ARGUMENT, "")


def _is_open(error: grpc.aio.AioRpcError) -> bool:
    """Return whether the core may say another thing when it is asked again."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        # The core is away, not the station.
        return "station" not in (error.details() or "")
    # A call with the key of the command is under way. What a station or its answer is refused for has a reason.
    return error.code() is grpc.StatusCode.ABORTED and not error_reason(error)
