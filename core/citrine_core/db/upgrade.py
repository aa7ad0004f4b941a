"""Upgrades the schema of a database: `citrine db upgrade`."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from pydantic import ValidationError
from sqlalchemy import Connection, Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from citrine_core.blocks import plug_ins
from citrine_core.clock import utc_now
from citrine_core.config import CoreSettings
from citrine_core.connection_failures import reason_of
from citrine_core.db.databases import database_of
from citrine_core.db.engine import create_engine
from citrine_core.db.late_indexes import build_late_indexes
from citrine_core.db.migrations.event_months import prepare_events
from citrine_core.db.migrations.indexes import LATE
from citrine_core.db.migrations.station_hardware import fill_stations
from citrine_core.db.outages import is_deadlock, is_outage
from citrine_core.db.partitions import add_partitions
from citrine_core.db.schema_version import MIGRATIONS
from citrine_core.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from citrine_core.db.upgrade_progress import UpgradeProgress
from citrine_core.errors import DatabaseUnavailable
from citrine_core.services import Services
from citrine_process.flags import FlagParser
from citrine_process.settings import InvalidSetting, descriptions, from_environment

if TYPE_CHECKING:
    from citrine.events.v1.events_pb2 import Event
    from citrine_core.resources.commands import CommandSender

__all__ = ["alembic_config", "main", "upgrade"]

LOCK_TIMEOUT = 120.0
"""Seconds that an upgrade of SQLite waits for another one."""

TRIES = 5
"""How often an upgrade begins that gets in the way of a core."""

_LOCK = 0x6369_7472_0002
"""Advisory lock that serialises upgrades of one PostgreSQL database."""


def main(argv: Sequence[str]) -> int:
    """Upgrade the database of --database or CITRINE_DATABASE.

    Returns:
        0 when it is up to date, 1 when it could not be upgraded, 2 for wrong flags or settings.
    """
    parser = FlagParser("citrine db upgrade", "Bring a database to the newest schema.", InvalidSetting)
    parser.add_settings(
        {"database": CoreSettings.model_fields["database"]}, {"database": descriptions(CoreSettings)["database"]}, {}
    )
    try:
        given = from_environment(CoreSettings.model_fields)
        settings = CoreSettings.model_validate({**given, **vars(parser.parse_args(argv))})
    except SystemExit as stop:
        return int(stop.code or 0)
    except InvalidSetting as error:
        sys.stderr.write(f"citrine db upgrade: {error}\n")
        return 2
    except ValidationError as error:
        first = error.errors()[0]
        sys.stderr.write(f"citrine db upgrade: {'.'.join(map(str, first['loc']))}: {first['msg']}\n")
        return 2
    try:
        asyncio.run(upgrade(settings.database, settings, UpgradeProgress(sys.stderr)))
    except (CommandError, DatabaseUnavailable, DBAPIError, ArgumentError, ValueError, OSError) as error:
        sys.stderr.write(f"citrine db upgrade: {_one_line(error)}\n")
        return 1
    url = make_url(settings.database).render_as_string(hide_password=True)
    sys.stdout.write(f"{url} is up to date\n")
    return 0


async def upgrade(url: str, settings: CoreSettings | None = None, progress: UpgradeProgress | None = None) -> None:
    """Upgrade a database to the newest schema, and create missing tables of plug-ins.

    All in one transaction: a failure or a cancellation leaves the database unchanged. Concurrent upgrades are
    serialised. What takes long with large tables on PostgreSQL precedes it or follows behind its commit, in steps that
    cores write beside (ADR 46); where it was interrupted, the next upgrade goes on.

    Raises:
        ValueError: When the URL is not of a supported database.
        CommandError: When the schema is of a newer version of Citrine.
        DBAPIError: When the database refuses.
        DatabaseUnavailable: When it can't be reached or written.
    """
    engine = create_engine(url, busy_timeout=LOCK_TIMEOUT, limited=False)
    try:
        tables = _plug_in_tables(engine, settings or CoreSettings(database=url))
        await prepare_events(engine)
        await _migrate(engine, tables, progress)
        await _finish(engine, (lambda _: None) if progress is None else progress.say)
    finally:
        await engine.dispose()


async def _migrate(engine: AsyncEngine, tables: Sequence[Table], progress: UpgradeProgress | None) -> None:
    for left in reversed(range(TRIES)):
        try:
            async with engine.begin() as connection:
                # Serialises upgrades.
                await database_of(connection).lock_schema(connection, _LOCK)
                await connection.run_sync(_upgrade, tables, progress)
                async with AsyncSession(connection) as session:
                    await add_partitions(session, utc_now())
            return
        except (DBAPIError, DatabaseUnavailable) as error:
            # A core locked the tables in another order. It handles the same messages again, and so do we.
            if not left or not is_deadlock(error):
                raise


async def _finish(engine: AsyncEngine, say: Callable[[str], None]) -> None:
    """Do what the migrations left for later."""
    last: tuple[str, str] | None = ("", "")
    while last is not None:
        async with engine.begin() as connection:
            last = await connection.run_sync(fill_stations, last)
    await build_late_indexes(engine, say)


def _upgrade(connection: Connection, tables: Sequence[Table], progress: UpgradeProgress | None) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    config.attributes[LATE] = True
    if progress is not None:
        progress.begin(config, connection)
        config.attributes["step_done"] = progress.step_done
    command.upgrade(config, "head")
    for table in tables:
        table.create(connection, checkfirst=True)


def alembic_config() -> Config:
    """Return Alembic's configuration. The caller sets a connection in its attributes."""
    config = Config()
    # In ConfigParser, a % begins a reference.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _plug_in_tables(engine: AsyncEngine, settings: CoreSettings) -> list[Table]:
    async def no_events(work: UnitOfWork, events: "Sequence[Event]") -> None:
        return None

    services = Services(
        settings=settings,
        unit_of_work=UnitOfWorkFactory(engine, no_events),
        clock=utc_now,
        # A block stores its services, and uses none of them before it runs (citrine_core.blocks.PLUG_INS).
        commands=cast("CommandSender", None),
    )
    return [table for block in plug_ins(services) for table in block.tables]


def _one_line(error: Exception) -> str:
    if is_outage(error):
        cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else getattr(error, "orig", None)
        cause = cause or error
        is_of_network = isinstance(cause, OSError) and cause.errno
        reason = reason_of(cause) if is_of_network else " ".join(str(cause).split())
        return f"the database can't be reached or written: {reason}"
    return " ".join(str(error).split())
