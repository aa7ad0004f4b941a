"""One PostgreSQL database for all tests of a run, made new after each: many times faster than by a copy."""

import asyncio
from collections.abc import Sequence

import asyncpg

from tests.support.postgres import PostgresServer

__all__ = ["TEMPLATE", "RenewedDatabase", "run_statements"]

TEMPLATE = "citrine_template"
"""A database with our tables and the rows that a new one has, to be copied."""

NAME = "citrine"

_PREPARE = (
    # The rows that a new database has.
    "CREATE SCHEMA first",
    """
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN
            SELECT quote_ident(relname) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
        LOOP
            EXECUTE format('CREATE TABLE first.%s AS TABLE public.%s', name, name);
        END LOOP;
    END $$
    """,
    """
    CREATE FUNCTION first.renew() RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        one record;
        filled boolean;
    BEGIN
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        IF EXISTS (SELECT FROM changes.noted) THEN
            RETURN false;
        END IF;
        -- What refers to what is of no interest where all of it goes.
        SET LOCAL session_replication_role = replica;
        FOR one IN
            SELECT quote_ident(relname) AS name, pg_relation_size(oid) AS size FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
        LOOP
            -- New files for a table, and for all that refer to it, take longer than to delete a few rows.
            IF one.size > 262144 THEN
                EXECUTE format('TRUNCATE public.%s CASCADE', one.name);
            ELSE
                EXECUTE format('SELECT EXISTS (SELECT FROM public.%s)', one.name) INTO filled;
                IF filled THEN
                    EXECUTE format('DELETE FROM public.%s', one.name);
                END IF;
            END IF;
        END LOOP;
        PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
            FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
        FOR one IN
            SELECT quote_ident(relname) AS name FROM pg_class
            WHERE relnamespace = 'first'::regnamespace AND relkind = 'r'
        LOOP
            EXECUTE format('INSERT INTO public.%s SELECT * FROM first.%s', one.name, one.name);
        END LOOP;
        RETURN true;
    END $$
    """,
    # Whether a test changed tables.
    "CREATE SCHEMA changes",
    "CREATE TABLE changes.noted ()",
    """
    CREATE FUNCTION changes.note() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO changes.noted DEFAULT VALUES;
    END $$
    """,
    "CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION changes.note()",
)


class RenewedDatabase:
    """A copy of a template, and a connection that stays open over tests.

    Args:
        server: Which has the template, with our tables and the default tenant.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        # The connection outlives the event loops of tests.
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection | None = None
        self._runner.run(self._prepare())

    @property
    def url(self) -> str:
        return self._server.url(NAME)

    def renew(self) -> None:
        """Make it as it was when it was new; no event loop may be running."""
        self._runner.run(self._renew())

    def close(self) -> None:
        """Close the connection."""
        with self._runner:
            self._runner.run(self._disconnect())

    async def _prepare(self) -> None:
        await run_statements(self._server.url(TEMPLATE), _PREPARE)
        await self._copy()

    async def _renew(self) -> None:
        try:
            if self._connection is None:
                self._connection = await asyncpg.connect(_dsn(self.url))
            renewed = await self._connection.fetchval("SELECT first.renew()")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            renewed = False
        if not renewed:
            await self._disconnect()
            await run_statements(self._server.url(), [f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"])
            await self._copy()

    async def _copy(self) -> None:
        # Copied as files: for tables without rows, several times faster than by the log.
        copy = f"CREATE DATABASE {NAME} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"
        await run_statements(self._server.url(), [copy])

    async def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def run_statements(url: str, statements: Sequence[str]) -> None:
    """Run statements on a database, each in a transaction of its own or in none."""
    connection = await asyncpg.connect(_dsn(url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _dsn(url: str) -> str:
    return url.replace("postgresql+asyncpg:", "postgresql:", 1)
