"""Migrations lead to the tables that the models say, on both databases, and back."""

import asyncio
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from citrine.api.v1.certificate_store_pb2 import CERTIFICATE_USE_MO_ROOT
from citrine.api.v1.tokens_pb2 import TOKEN_WHITELIST_ALLOWED
from citrine.ocpp.id_tags import surrogate_of
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.reservation import Reservation
from citrine_core.blocks.smart_charging.capacity import PlanRepository
from citrine_core.blocks.tariff_and_cost.models import TariffAssignment
from citrine_core.blocks.tariff_and_cost.repository import TariffRepository
from citrine_core.db import Page, UnitOfWorkFactory, create_engine
from citrine_core.db.migrations.env import compare_options
from citrine_core.db.schema_version import newest_revision, schema_is_current
from citrine_core.db.tables import metadata
from citrine_core.db.upgrade import alembic_config, main, upgrade
from citrine_core.events import write_events
from citrine_core.resources.certificate_store import CertificateStoreRepository
from citrine_core.resources.configurations import ConfigurationRepository
from citrine_core.resources.connections import ConnectionRecords
from citrine_core.resources.keys import KeyRepository
from citrine_core.resources.locations.queries import NOWHERE
from citrine_core.resources.stations.lists import LookedStations, list_stations
from citrine_core.resources.tokens import TokenFilter, TokenRepository
from tests.support.contracts import issue, pem
from tests.support.plug_in import install_example_block
from tests.support.terminal import on_terminal


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts=compare_options())
    return list(compare_metadata(context, metadata()))


def _down(connection: Connection, revision: str = "base") -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


async def test_upgraded_database_has_the_tables_of_the_models(empty_database_url: str) -> None:
    await upgrade(empty_database_url)

    engine = create_engine(empty_database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()


async def test_migrations_run_up_and_down_and_up(empty_database_url: str) -> None:
    await upgrade(empty_database_url)
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_down)
        left = await connection.run_sync(lambda c: inspect(c).get_table_names())
    assert left == ["alembic_version"]
    assert not await schema_is_current(engine)

    await upgrade(empty_database_url)

    assert await schema_is_current(engine)
    await engine.dispose()


async def test_variables_and_alerts_of_several_spellings_become_one(empty_database_url: str) -> None:
    """The newest value counts, with the description of the newest spelling that has one."""
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0018")
        for component, value, mutability, day in (
            ("EVSE", "old", 2, 1),
            ("evse", "new", None, 2),
            ("Other", "x", 1, 1),
        ):
            await connection.execute(
                text(
                    "INSERT INTO variables (tenant_id, station_id, component, component_instance, evse_id,"
                    " connector_id, variable, variable_instance, attribute, value, mutability, update_time)"
                    " VALUES ('default', 'CS-1', :component, '', 1, -1, 'Power', '', 1, :value, :mutability, :time)"
                ),
                {"component": component, "value": value, "mutability": mutability, "time": _day(connection, day)},
            )
        for variable, day in (("Speed", 2), ("SPEED", 1)):
            await connection.execute(
                text(
                    "INSERT INTO alerts (tenant_id, station_id, component, component_instance, evse_id, connector_id,"
                    " variable, variable_instance, monitor_id, is_cleared, event_time, event, update_time)"
                    " VALUES ('default', 'CS-1', 'Fan', '', -1, -1, :variable, '', 7, :no, :time, :event, :time)"
                ),
                {"variable": variable, "no": False, "time": _day(connection, day), "event": variable.encode()},
            )

    await upgrade(empty_database_url)

    async with engine.connect() as connection:
        variables = await connection.execute(
            text("SELECT name_key, component, value, mutability FROM variables ORDER BY name_key")
        )
        assert variables.all() == [("evse\n\npower\n", "EVSE", "new", 2), ("other\n\npower\n", "Other", "x", 1)]
        alerts = await connection.execute(text("SELECT component, variable, event FROM alerts"))
        assert [(row[0], row[1], bytes(row[2])) for row in alerts] == [("fan", "speed", b"Speed")]
    await engine.dispose()


async def test_a_station_with_a_capacity_gets_a_plan(empty_database_url: str) -> None:
    """A core looks at it first of all; of two capacities of one station there is one plan."""
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0015")
        for evse_id in (0, 1):
            await connection.execute(
                text(
                    "INSERT INTO charging_capacities (tenant_id, station_id, evse_id, max_current_a, update_time)"
                    " VALUES ('default', 'CS-1', :evse_id, 32, :time)"
                ),
                {"evse_id": evse_id, "time": _day(connection, 1 + evse_id)},
            )

    await upgrade(empty_database_url)

    async with UnitOfWorkFactory(engine, write_events)() as work:
        [plan], _ = await PlanRepository(work.session).list("default", Page(9))
        assert (plan.station_id, plan.plan, plan.sent, plan.verify) == ("CS-1", b"", b"{}", False)
        assert plan.due_time == datetime(2026, 11, 2, tzinfo=UTC)
    await engine.dispose()


async def test_keys_of_before_have_no_last_use_and_get_no_end(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0020")
        for key_id in ("k1", "k2"):
            await connection.execute(
                text(
                    "INSERT INTO api_keys (key_id, display_name, scopes, secret_hash, create_time)"
                    " VALUES (:key_id, 'operator (key file)', 'commands:send', :hash, :time)"
                ),
                {"key_id": key_id, "hash": b"x" * 32, "time": _day(connection, 1)},
            )

    await upgrade(empty_database_url)

    async with UnitOfWorkFactory(engine, write_events)() as work:
        keys, _ = await KeyRepository(work.session).list("default", Page(9), operators=True)
        assert [(key.key_id, key.expire_time, key.last_use_time, key.key_file, key.replaced_by) for key in keys] == [
            ("k1", None, None, None, None),
            ("k2", None, None, None, None),
        ]
        assert {(key.secret_hash, key.scopes, key.roles) for key in keys} == {(b"x" * 32, "commands:send", "")}
    await engine.dispose()


async def test_selectors_and_tariffs_of_before_are_what_they_were(empty_database_url: str) -> None:
    """A selector is by no place, and a tariff changed when its version was made."""
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0059")
        for statement in (
            "INSERT INTO configuration_selectors (tenant_id, vendor, model, configuration_id)"
            " VALUES ('default', 'acme', '', 'acme'), ('default', '', '', 'all')",
            "INSERT INTO tariffs (tenant_id, tariff_id, version, create_time) VALUES ('default', 'T', 2, :first)",
            "INSERT INTO tariff_versions (tenant_id, tariff_id, version, definition, create_time)"
            " VALUES ('default', 'T', 1, :none, :first), ('default', 'T', 2, :none, :second)",
        ):
            values = {"none": b"", "first": _day(connection, 1), "second": _day(connection, 2)}
            named = {name: value for name, value in values.items() if f":{name}" in statement}
            await connection.execute(text(statement), named)

    await upgrade(empty_database_url)
    async with engine.begin() as connection:
        # A core of before the upgrade that still runs.
        await connection.execute(
            text(
                "INSERT INTO configuration_selectors (tenant_id, vendor, model, configuration_id)"
                " VALUES ('default', 'late', '', 'late')"
            )
        )

    async with UnitOfWorkFactory(engine, write_events)() as work:
        choices = await ConfigurationRepository(work.session).choices("default")
        assert [choices.choose(None, vendor, "One", NOWHERE) for vendor in ("Acme", "Bolt", "Late")] == [
            *("acme", "all", "late")
        ]
        ((tariff, version),) = (await TariffRepository(work.session).list("default", Page(9)))[0]
        assert tariff.update_time == version.create_time
        assert version.version == 2
    await engine.dispose()


async def test_profiles_of_before_throttle_nothing_and_limits_stay_what_they_are(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0019")
        values = {"profile": b"\x08\x01", "no": False, "time": _day(connection, 1)}
        await connection.execute(
            text(
                "INSERT INTO charging_profiles (tenant_id, station_id, profile_id, evse_id, purpose, stack_level,"
                " transaction_id, profile, state, reason, found, planned, source, create_time, update_time) VALUES"
                " ('default', 'CS-1', 1, 1, 4, 0, 'T-1', :profile, 2, '', :no, :no, 'CSO', :time, :time)"
            ),
            values,
        )
        await connection.execute(
            text(
                "INSERT INTO transaction_limits (tenant_id, station_id, transaction_id, max_cost, prepaid,"
                " watches_token, state, reason, attempts, problem, set_by, update_time) VALUES"
                " ('default', 'CS-1', 'T-1', '5.00', :no, :no, 5, 1, 5, 'refused', 'token', :time)"
            ),
            {name: values[name] for name in ("no", "time")},
        )

    await upgrade(empty_database_url)

    async with engine.connect() as connection:
        profiles = await connection.execute(text("SELECT transaction_id, profile, throttles FROM charging_profiles"))
        assert [(row[0], bytes(row[1]), bool(row[2])) for row in profiles] == [("T-1", b"\x08\x01", False)]
        limits = await connection.execute(text("SELECT max_cost, state, attempts, problem FROM transaction_limits"))
        assert limits.all() == [("5.00", 5, 5, "refused")]
    await engine.dispose()


async def test_assignments_and_reservations_of_before_are_billed_as_they_were(empty_database_url: str) -> None:
    """An assignment holds from when it was made; a reservation that is active began when it was accepted."""
    engine = create_engine(empty_database_url)
    reserve = (
        "INSERT INTO reservations (tenant_id, station_id, reservation_id, id_token_lookup, request, expire_time,"
        " deadline_time, state, state_time, is_told, detail, transaction_id, create_time, update_time)"
        " VALUES ('default', 'CS-1', :id, '', :nothing, :late, :late, :state, :time, :no, '', '', :made, :time)"
    )
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0013")
        times = {name: _day(connection, day) for name, day in (("made", 1), ("time", 2), ("late", 9))}
        for state in (2, 4, 5):
            await connection.execute(text(reserve), {**times, "id": state, "state": state, "no": False, "nothing": b""})
        await connection.execute(
            text(
                "INSERT INTO tariff_assignments (tenant_id, assignment_id, tariff_id, station_id, evse_id, group_id,"
                " id_token, id_token_lookup, id_token_type, create_time)"
                " VALUES ('default', 'A-1', 'DAY', '', 0, '', '', '', '', :made)"
            ),
            {"made": times["made"]},
        )

    await upgrade(empty_database_url)

    async with UnitOfWorkFactory(engine, write_events)() as work:
        rows = await work.session.execute(select(Reservation.state, Reservation.accept_time).order_by(Reservation.id))
        assert [(state, time and time.day) for state, time in rows] == [(2, 2), (4, 1), (5, None)]
        made = (await work.session.scalars(select(TariffAssignment))).one()
        assert (made.assignment_id, made.from_time, made.to_time) == ("A-1", None, None)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO tariff_assignments (tenant_id, assignment_id, tariff_id, station_id, evse_id, group_id,"
                " id_token, id_token_lookup, id_token_type, create_time, to_time)"
                " SELECT tenant_id, 'A-2', tariff_id, '', 0, '', '', '', '', create_time, create_time"
                " FROM tariff_assignments"
            )
        )
        await connection.run_sync(_down, "0013")
        left = await connection.execute(text("SELECT assignment_id FROM tariff_assignments"))
        assert left.scalars().all() == ["A-1"]
    await engine.dispose()


def _up_to(connection: Connection, revision: str) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _day(connection: AsyncConnection, day: int) -> datetime | str:
    time = datetime(2026, 11, day, tzinfo=UTC)
    return time if connection.dialect.name == "postgresql" else time.strftime("%Y-%m-%d %H:%M:%S.%f")


async def test_roots_of_contracts_move_to_the_certificate_store_and_back(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    roots = issue("MO root"), issue("V2G root")
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0027")
        await connection.execute(
            text(
                "INSERT INTO authorization_settings (tenant_id, master_pass_group_id, contract_roots, ocsp_hosts,"
                " authorizer_address, authorizer_tls, authorizer_ca_certificates, authorizer_credential,"
                " authorizer_ask, authorizer_offline_policy)"
                " VALUES ('default', '', :roots, '[]', '', :no, '', '', 0, 0)"
            ),
            {"roots": pem(*roots), "no": False},
        )

    await upgrade(empty_database_url)

    async with UnitOfWorkFactory(engine, write_events)() as work:
        stored, _ = await CertificateStoreRepository(work.session).list("default", Page(9), use=CERTIFICATE_USE_MO_ROOT)
        assert {row.subject: row.pem for row in stored} == {
            one.certificate.subject.rfc4514_string(): pem(one) for one in roots
        }
    async with engine.begin() as connection:
        await connection.run_sync(_down, "0027")
        found = await connection.scalar(text("SELECT contract_roots FROM authorization_settings"))
        assert sorted(found.split("-----END")) == sorted(pem(*roots).split("-----END"))
    await engine.dispose()


async def test_the_stations_of_campaigns_before_are_counted(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0028")
        values = {"time": _day(connection, 1), "none": b""}
        await connection.execute(
            text(
                "INSERT INTO firmware_campaigns (tenant_id, campaign_id, state, reason, definition, max_parallel,"
                " max_attempts, attempt_delay, forgiven, created_by, create_time, update_time)"
                " VALUES ('default', 'C', 2, '', :none, 1, 1, 1, 0, 'x', :time, :time),"
                " ('default', 'D', 2, '', :none, 1, 1, 1, 0, 'x', :time, :time)"
            ),
            values,
        )
        for station_id, state in (("CS-1", 1), ("CS-2", 6), ("CS-3", 6), ("CS-4", 5)):
            await connection.execute(
                text(
                    "INSERT INTO firmware_campaign_stations (tenant_id, campaign_id, station_id, state, reason,"
                    " attempts, update_time) VALUES ('default', 'C', :station_id, :state, '', 0, :time)"
                ),
                {"station_id": station_id, "state": state, "time": values["time"]},
            )

    await upgrade(empty_database_url)

    async with engine.connect() as connection:
        columns = "campaign_id, station_count, skipped"
        rows = await connection.execute(text(f"SELECT {columns} FROM firmware_campaigns ORDER BY campaign_id"))
        assert [tuple(row) for row in rows] == [("C", 4, 2), ("D", 0, 0)]
    await engine.dispose()


_OLD_TOKEN = text(
    "INSERT INTO tokens (tenant_id, lookup, type, id_token, status, group_id, master_pass, language,"
    " second_language, message, charging_priority, description, create_time, version)"
    " VALUES ('default', :lookup, :type, :id_token, 1, '', false, '', '', '', 0, '', :time, 1)"
)


async def test_tokens_of_before_changed_with_the_upgrade_and_have_surrogates(
    empty_database_url: str,
) -> None:
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0038")
        for id_token in ("SHORT", "A-Driver-of-the-app-4711"):
            await connection.execute(
                _OLD_TOKEN,
                {"lookup": id_token.lower(), "type": "Central", "id_token": id_token, "time": _day(connection, 1)},
            )

    began = datetime.now(UTC) - timedelta(seconds=1)
    await upgrade(empty_database_url)

    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT id_token, surrogate FROM tokens ORDER BY id_token DESC"))
        assert [tuple(row) for row in rows] == [
            ("SHORT", None),
            ("A-Driver-of-the-app-4711", surrogate_of("A-Driver-of-the-app-4711", "Central")),
        ]
    async with UnitOfWorkFactory(engine, write_events)(read_only=True) as work:
        tokens, _ = await TokenRepository(work.session).list("default", Page(10), TokenFilter(by_time=True))
    assert [(one.valid, one.whitelist) for one in tokens] == [(True, TOKEN_WHITELIST_ALLOWED)] * 2
    assert all(one.create_time.year == 2026 and one.update_time >= began for one in tokens)
    await engine.dispose()


async def test_second_upgrade_changes_nothing(empty_database_url: str) -> None:
    await upgrade(empty_database_url)
    await upgrade(empty_database_url)

    engine = create_engine(empty_database_url)
    async with engine.connect() as connection:
        rows = (await connection.execute(text("SELECT tenant_id, display_name FROM tenants"))).all()
    assert rows == [("default", "Default")]
    await engine.dispose()


async def test_upgrades_at_the_same_time_take_turns(empty_database_url: str) -> None:
    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(3)))

    engine = create_engine(empty_database_url)
    assert await schema_is_current(engine)
    await engine.dispose()


async def test_empty_database_has_no_current_schema(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    assert not await schema_is_current(engine)
    await engine.dispose()


async def test_tokens_of_older_versions_are_found_by_every_spelling(database_url: str) -> None:
    """Upgrade 18: separators between the bytes of an id do not count any more, in what is stored too."""
    tables, now = metadata().tables, datetime(2025, 3, 1, tzinfo=UTC)
    addresses = ["00:1B:44:11:3A:B7", "00-1B-44-11-3A-B8", "001B44113AB8"]
    ids = {"MacAddress": addresses, "Central": ["a:b"], "ISO14443": ["2069C021"]}
    request = ReserveNowRequest(id=1, id_token=IdToken(id_token="20:69:C0:21", type="ISO14443"))
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        columns = {"request": request.SerializeToString(), "id_token_lookup": "2069c021", "state": 1}
        times = dict.fromkeys(("expire_time", "deadline_time", "state_time", "create_time", "update_time"), now)
        await connection.execute(
            insert(tables["reservations"]).values(
                tenant_id="default", station_id="CS-1", reservation_id=1, **columns, **times
            )
        )
        await connection.run_sync(_down, "0017")
        for kind, spelled in ids.items():
            for one in spelled:
                await connection.execute(
                    _OLD_TOKEN,
                    {"lookup": one.lower(), "type": kind, "id_token": one, "time": _day(connection, 1)},
                )
        await connection.execute(
            text(
                "INSERT INTO local_list_entries (tenant_id, station_id, lookup, type, id_token, stale)"
                " VALUES ('default', 'CS-1', '20:69:c0:21', 'ISO14443', '20:69:C0:21', false)"
            )
        )

    await upgrade(database_url)

    async with engine.connect() as connection:
        tokens = (await connection.execute(text("SELECT id_token, lookup FROM tokens ORDER BY id_token"))).all()
        others = [
            await connection.scalar(text("SELECT lookup FROM local_list_entries")),
            await connection.scalar(text("SELECT id_token_lookup FROM reservations")),
        ]
    assert dict(map(tuple, tokens)) == {
        "00:1B:44:11:3A:B7": "001b44113ab7",
        # The same address was stored twice: the second one stays as it was.
        "00-1B-44-11-3A-B8": "00-1b-44-11-3a-b8",
        "001B44113AB8": "001b44113ab8",
        "a:b": "a:b",
        "2069C021": "2069c021",
    }
    assert others == ["2069c021", "2069c021"]
    async with engine.begin() as connection:
        await connection.run_sync(_down, "0017")
        lookups = set(await connection.scalars(text("SELECT lookup FROM tokens")))
    assert lookups == {one.lower() for each in ids.values() for one in each}
    await engine.dispose()


async def test_tables_of_plug_ins_are_created_where_they_are_missing(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(empty_database_url)
    install_example_block(tmp_path, monkeypatch)

    await upgrade(empty_database_url)
    await upgrade(empty_database_url)

    engine = create_engine(empty_database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(lambda c: inspect(c).has_table("example_readings"))
        assert await connection.run_sync(_differences) == []
    await engine.dispose()


def test_models_of_the_core_are_all_found() -> None:
    """The names that the sections of the design name are there; nothing depends on what was imported before."""
    assert isinstance(metadata(), MetaData)
    assert {"tenants", "stations", "variables", "samples", "outbox", "transactions"} <= set(metadata().tables)


def test_main_upgrades_the_database_of_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "100%.db"

    assert main(["--database", f"sqlite+aiosqlite:///{path}"]) == 0

    assert capsys.readouterr().out.endswith(".db is up to date\n")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest_revision(),)]
    connection.close()


def test_main_upgrades_the_database_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITRINE_DATABASE", f"sqlite+aiosqlite:///{tmp_path}/a.db")

    assert main([]) == 0

    assert (tmp_path / "a.db").exists()


async def test_what_stations_said_of_themselves_and_who_is_connected_is_known_after_the_upgrade(
    empty_database_url: str,
) -> None:
    """Of more stations than are read at once; one of them never booted."""
    engine = create_engine(empty_database_url)
    hardware = ChargingStation(vendor_name="Acme", model="One", firmware_version="1.0").SerializeToString()
    async with engine.begin() as connection:
        await connection.run_sync(_up_to, "0049")
        time = _day(connection, 1)
        await connection.execute(
            text(
                "INSERT INTO stations (tenant_id, station_id, description, enabled, credential_version,"
                " allow_no_password, boot_policy, hardware, create_time, version)"
                " VALUES ('default', :id, '', :yes, 1, :yes, 1, :hardware, :time, 1)"
            ),
            [{"id": f"CS-{n:04}", "yes": True, "time": time, "hardware": hardware if n else None} for n in range(1202)],
        )
        await connection.execute(
            text(
                "INSERT INTO connections (tenant_id, station_id, epoch, edge_id, is_open, ocpp_version, remote_address,"
                " admit_time, open_time) VALUES ('default', 'CS-0001', 7, 'edge-1', :yes, 2, '127.0.0.1', :time, :time)"
            ),
            {"yes": True, "time": time},
        )

    await upgrade(empty_database_url)

    async with UnitOfWorkFactory(engine, write_events)() as work:
        found, token = await list_stations(work.session, "default", Page(9999), LookedStations(vendor_name="Acme"))
        assert (len(found), token) == (1201, "")
        assert {(row[0].model, row[0].firmware_version) for row in found} == {("One", "1.0")}
        [record], _ = await ConnectionRecords(work.session).list("default", Page(9))
        assert (record.epoch, record.open_time, record.close_time) == (7, datetime(2026, 11, 1, tzinfo=UTC), None)
    await engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["--database", "mysql://localhost/x"], 1, "sqlite+aiosqlite or postgresql+asyncpg", id="other"),
        pytest.param(["--database", "nonsense"], 1, "sqlite+aiosqlite or postgresql+asyncpg", id="no-url"),
        pytest.param(["--database", "sqlite+aiosqlite:////no/such/folder/x.db"], 1, "can't be reached", id="folder"),
        pytest.param(
            ["--database", "postgresql+asyncpg://u:secret@127.0.0.1:1/x"], 1, "can't be reached", id="nobody-listens"
        ),
    ],
)
def test_main_says_in_one_line_what_is_wrong(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code

    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert "secret" not in said


def test_main_refuses_the_schema_of_a_newer_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/a.db"
    assert main(["--database", url]) == 0
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    capsys.readouterr()

    assert main(["--database", url]) == 1

    assert "9999" in capsys.readouterr().err


def test_main_refuses_an_unknown_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--databse", "x"]) == 2

    said = capsys.readouterr().err
    assert "--databse" in said
    assert said.count("\n") == 1


async def test_an_upgrade_says_on_a_terminal_what_it_does(empty_database_url: str, tmp_path: Path) -> None:
    def upgraded() -> list[str]:
        ran = on_terminal("db", "upgrade", directory=tmp_path, CITRINE_DATABASE=empty_database_url)
        assert ran.code == 0, ran.text
        assert max(map(len, ran.lines[:-1]), default=0) <= 80
        return ran.lines[:-1]

    assert await asyncio.to_thread(upgraded) == ["making the tables of a new database"]
    engine = create_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_down, "0022")
    await engine.dispose()

    first, *others = await asyncio.to_thread(upgraded)
    assert re.match(r"1 of \d+  0024: \w", first)
    (second, *_) = (line for line in others if not line.startswith("    "))
    assert re.match(r"2 of \d+  0025: Transactions say when their events are to be folded anew", second)
    assert await asyncio.to_thread(upgraded) == []
