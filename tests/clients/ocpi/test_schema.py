"""The adapter's own schema: migrations make the tables of the code, and can be taken back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text

import citrine_ocpi.adapter
from citrine_ocpi.db import Database, upgrade
from citrine_ocpi.db.migrations.env import compare_options
from citrine_ocpi.db.upgrade import alembic_config
from citrine_ocpi.partners.repository import PartnerRepository
from citrine_ocpi.partners.tables import PartnerRow


def _differences(connection: Connection) -> list[object]:
    options = compare_options()
    context = MigrationContext.configure(connection, opts=options)
    return [*compare_metadata(context, options["target_metadata"])]


def _take_back(connection: Connection) -> set[str]:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, "base")
    return {*inspect(connection).get_table_names()} - {"alembic_version"}


async def test_migrations_make_the_tables_of_the_code_and_can_be_taken_back(empty_database_url: str) -> None:
    assert citrine_ocpi.adapter.MODULES, "they have tables"
    database = Database(empty_database_url)
    try:
        await upgrade(database)
        async with database.engine.begin() as connection:
            assert await connection.run_sync(_differences) == []
        async with database.engine.begin() as connection:
            assert await connection.run_sync(_take_back) == set()
        await upgrade(database)
        async with database.engine.begin() as connection:
            assert await connection.run_sync(_differences) == []
    finally:
        await database.close()


def _go_back_and_add_partners(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, "0008")
    row = "('%s', false, '', '', '', '', %s, '2026-11-30 12:00:00+00:00')"
    columns = "partner_id, is_raw, versions_url, token, hub_country_code, hub_party_id, hub_consent_time, create_time"
    rows = [row % ("hub", "'2026-11-30 12:00:00+00:00'"), row % ("emsp", "NULL")]
    connection.execute(text(f"INSERT INTO partners ({columns}) VALUES {', '.join(rows)}"))


async def test_hubs_of_before_are_sent_what_they_broadcast_as_before(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    try:
        await upgrade(database)
        async with database.engine.begin() as connection:
            await connection.run_sync(_go_back_and_add_partners)
        await upgrade(database)
        async with database.reading() as session:
            rows = await session.scalars(select(PartnerRow))
            assert {row.partner_id: row.is_broadcast for row in rows} == {"hub": True, "emsp": False}
    finally:
        await database.close()


def _go_back_and_name_parties(connection: Connection) -> None:
    """Have a hub name who is connected, who was when its list was read, who was sent a CDR, and one of nobody else."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, "0017")
    now = "'2026-11-30 12:00:00+00:00'"
    partners = [
        f"('{name}', false, '', '', '', '', false, {time}, {now})" for name, time in (("hub", now), ("one", "NULL"))
    ]
    clients = [f"('hub', 'DE', '{party}', 'EMSP', 'CONNECTED', {now}, {now})" for party in ("IS1", "WAS", "CDR", "NEW")]
    for statement in (
        "INSERT INTO partners (partner_id, is_raw, versions_url, token, hub_country_code, hub_party_id, is_broadcast,"
        f" hub_consent_time, create_time) VALUES {', '.join(partners)}",
        f"INSERT INTO hub_clients VALUES {', '.join(clients)}",
        "INSERT INTO partner_parties (country_code, party_id, role, partner_id, business_details)"
        " VALUES ('DE', 'IS1', 'EMSP', 'one', '{}')",
        "INSERT INTO token_pulls (partner_id, register_time, due_time, problem, parties)"
        f" VALUES ('one', {now}, {now}, '', 'DE-IS1,DE-WAS')",
        "INSERT INTO published_objects (published_id, module, object_id, source, country_code, party_id, bodies, state,"
        f" last_updated) VALUES (1, 'cdrs', 'C-1', 'cdr/C-1', 'DE', 'CIT', '{{}}', '{{}}', {now})",
        "INSERT INTO published_audiences (published_id, country_code, party_id) VALUES (1, 'DE', 'CDR')",
        "INSERT INTO published_receipts (published_id, partner_id, url) VALUES (1, 'one', ''), (1, 'hub', '')",
    ):
        connection.exec_driver_sql(statement)


async def test_parties_that_were_connected_are_not_those_of_a_hub_that_named_them_before(
    empty_database_url: str,
) -> None:
    database = Database(empty_database_url)
    try:
        await upgrade(database)
        async with database.engine.begin() as connection:
            await connection.run_sync(_go_back_and_name_parties)
        await upgrade(database)
        async with database.reading() as session:
            repository = PartnerRepository(session)
            assert [one.party_id for one in await repository.hub_clients(["hub"])] == ["NEW"]
            assert [one.party_id for one in await repository.waiting_hub_clients(["hub"])] == ["CDR", "IS1", "WAS"]
    finally:
        await database.close()
