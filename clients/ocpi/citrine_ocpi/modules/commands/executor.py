"""Has stations do what partners ask for, and has the partners told what they said."""

import asyncio
import logging
from datetime import timedelta

import grpc
from sqlalchemy.exc import SQLAlchemyError

from citrine_ocpi.deliveries import Push
from citrine_ocpi.models import v2_2_1
from citrine_ocpi.modules.commands.calls import STATION_TIMEOUT, call, result_of_error
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.modules.commands.tables import CommandRow
from citrine_ocpi.services import Services
from citrine_ocpi.transport.routing import Routing

__all__ = ["PATIENCE", "CommandExecutor"]

LEASE = timedelta(seconds=STATION_TIMEOUT + 30)
"""How long a process may wait for a station until another one asks the core again, which knows a repetition."""

LOOK = 2.0
"""Seconds between looks at whether another process left something to do."""

AT_A_TIME = 100

PATIENCE = timedelta(seconds=60)
"""After which a partner waits for no result any more, as it was told."""

AGAIN = timedelta(seconds=2)

_logger = logging.getLogger(__name__)


class CommandExecutor:
    """Sends stored commands. `run` goes on until it is cancelled.

    Args:
        services: What it uses.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.filled = asyncio.Event()
        """Set after a commit that stored a command."""

    async def run(self) -> None:
        """Send what is due until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    now = self._services.clock()
                    async with self._services.database.writing() as session:
                        rows = await CommandRepository(session).claim(now, now + LEASE, AT_A_TIME)
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
        text = ""
        try:
            result = await call(self._services.citrine, row.command, row.target, f"ocpi-command/{row.command_id}")
        except grpc.aio.AioRpcError as error:
            is_early = self._services.clock() < row.create_time + PATIENCE
            if error.code() is grpc.StatusCode.UNAVAILABLE and is_early and "station" not in (error.details() or ""):
                # The core is away, not the station.
                async with self._services.database.writing() as session:
                    await CommandRepository(session).put_off(row.command_id, self._services.clock() + AGAIN)
                return
            result, text = result_of_error(error), error.details() or ""
            _logger.info("a station did not do what a partner asked for", extra={"code": error.code().name})
        message = [{"language": "en", "text": text[:512]}] if text else []
        body = v2_2_1.CommandResult.model_validate({"result": result, "message": message})
        async with self._services.database.writing() as session:
            if not await CommandRepository(session).end(row.command_id):
                return
            push = Push(
                partner_id=row.partner_id,
                module="commands",
                object_key=f"result/{row.command_id}",
                path=row.response_url,
                body=body,
                routing=Routing.of({name.lower(): value for name, value in row.routing.items()}),
                method="POST",
                correlation_id=row.correlation_id,
                expire_time=self._services.clock() + timedelta(minutes=10),
            )
            await self._services.outbox.add(session, [push])
