"""The core process: run until SIGTERM or SIGINT, and stopped without losing an answer."""

import asyncio
import gc
import logging
import sys
from collections.abc import Sequence

from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.config import CoreSettings, read_settings
from citrine_core.connection_failures import reason_of
from citrine_core.core import CannotStart, Core
from citrine_core.db import create_engine
from citrine_core.db.databases import database_of
from citrine_core.db.engine import POOL_SIZE
from citrine_core.db.schema_version import schema_is_current
from citrine_core.errors import DatabaseUnavailable
from citrine_core.oidc import TokenRules
from citrine_core.rpc.listeners import Listeners
from citrine_core.traces import current_trace, trace_id_of
from citrine_process.addresses import split_address
from citrine_process.logs import set_up_logging
from citrine_process.running import loop_factory, stop_by_signal
from citrine_process.settings import InvalidSetting
from citrine_process.supervisor import WorkerGroup, supervise

__all__ = ["main"]

logger = logging.getLogger(__name__)

YOUNG_OBJECTS = 20_000
"""How many objects more than before are there when the garbage collector looks at the new ones."""


def main(argv: Sequence[str] | None = None, worker: int = 0) -> int:
    """Run a core until SIGTERM or SIGINT; return the exit code: 2 where a setting is wrong, 1 where it can't run.

    Args:
        argv: Flags. None: those of the process.
        worker: Number of this process among the workers. 0: it is none, and starts them if there are to be several.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        settings = read_settings(arguments)
        for address in (settings.grpc_listen, settings.core_http_listen):
            split_address(address)
        settings.check_listeners()
        Listeners(settings)
        settings.credential()
        TokenRules.of(settings)
        create_engine(settings.database)
    except (InvalidSetting, ValueError, ArgumentError) as error:
        sys.stderr.write(f"citrine core: {_one_line(error)}\n")
        return 2
    set_up_logging(settings.log_level, lambda: trace_id_of(current_trace()), worker)
    try:
        if settings.core_workers > 1 and not worker:
            return _supervise(settings, arguments)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings, worker))
    except InvalidSetting as error:
        sys.stderr.write(f"citrine core: {error}\n")
        return 2
    except (CannotStart, DatabaseUnavailable, OSError) as error:
        sys.stderr.write(f"citrine core: {_one_line(error)}\n")
        return 1


def _supervise(settings: CoreSettings, arguments: Sequence[str]) -> int:
    group = WorkerGroup(
        title="core",
        module=__name__,
        arguments=arguments,
        count=settings.core_workers,
        addresses={"grpc": settings.grpc_listen},
        http_address=settings.core_http_listen,
        ready_file=settings.ready_file,
        drain_time=settings.drain_time.total_seconds(),
        own_ports=True,
    )
    return supervise(group)


async def _serve(settings: CoreSettings, worker: int) -> int:
    stop = stop_by_signal()
    engine = create_engine(settings.database, pool_size=POOL_SIZE + settings.lanes)
    try:
        await _check_schema(engine)
        await _put_together(settings, engine, worker).run(stop)
    except asyncio.CancelledError:
        return 1
    except BaseExceptionGroup as group:
        # A task of ours failed, which is a bug: whoever supervises starts us anew.
        logger.critical("the core stops because of a defect", exc_info=group)
        return 1
    finally:
        await engine.dispose()
    return 0


def _put_together(settings: CoreSettings, engine: AsyncEngine, worker: int) -> Core:
    """Return the core; its blocks are imported here, and stay."""
    # To look for garbage in what stays makes the start longer by a tenth, and each collection later on.
    gc.disable()
    try:
        return Core(settings, engine, worker=worker)
    finally:
        gc.freeze()
        # A batch of messages makes thousands of objects that live until its commit, and hardly a cycle among them. To
        # look at each of them several times meanwhile takes a twentieth of the core's time.
        gc.set_threshold(YOUNG_OBJECTS)
        gc.enable()


async def _check_schema(engine: AsyncEngine) -> None:
    try:
        problem = await database_of(engine).find_problem(engine)
        current = problem is None and await schema_is_current(engine)
    except (DBAPIError, OSError, TimeoutError) as error:
        raise CannotStart(f"the database can't be reached: {_one_line(error)}") from error
    if problem is not None:
        raise CannotStart(f"the database can't be used: {problem}")
    if not current:
        raise CannotStart("the database has no schema, or another version's; run: citrine db upgrade")


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return reason_of(error) if not lines or (isinstance(error, OSError) and error.errno) else lines[0]


if __name__ == "__main__":
    raise SystemExit(main())
