"""Tests of errors and log lines of the database: no level of logging shows a value of a statement."""

import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from citrine.api.v1.stations_pb2 import CreateStationRequest, SetStationPasswordRequest, Station
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.stations.models import Station as StationRow
from tests.support.core import RunningCore, running_core

PASSWORD = "a-password-that-nobody-reads"
TOKEN = "CAFEBABE000102"


def lines(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged, with the texts of exceptions."""
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(record) for record in caplog.records)


async def use(core: RunningCore) -> None:
    """Store and read secrets by all ways there are: through SQLAlchemy, in bulk, and straight to the driver."""
    stations: Any = core.stub(StationsServiceStub)
    tokens: Any = core.stub(TokensServiceStub)
    await stations.CreateStation(CreateStationRequest(station=Station(station_id="CS-1"), password=PASSWORD))
    await stations.SetStationPassword(SetStationPasswordRequest(station_id="CS-1", password=PASSWORD))
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token=TOKEN, type="ISO14443")))
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(AuthorizeRequest(id_token=IdToken(id_token=TOKEN, type="ISO14443")))


async def test_nothing_that_is_stored_is_logged_at_the_lowest_level(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_core(database_url, tmp_path) as core:
        await use(core)
        async with core.core.unit_of_work(read_only=True) as work:
            row = await work.session.get_one(StationRow, ("default", "CS-1"))

    said = lines(caplog)
    assert row.password_hash is not None
    assert row.password_hash.startswith("$argon2id$")
    for secret in (PASSWORD, row.password_hash, "$argon2id$", TOKEN):
        assert secret not in said


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("INSERT INTO stations (tenant_id, station_id, password_hash) VALUES (:t, 'x', :s)", id="not null"),
        pytest.param("INSERT INTO tenants (tenant_id, display_name) VALUES (:t, :s)", id="unique, or not null"),
        pytest.param("SELECT CAST(:s AS INTEGER) / 0 FROM tenants WHERE tenant_id = :t OR 1 = :s", id="a wrong type"),
        pytest.param("SELECT * FROM nowhere WHERE a = :s OR a = :t", id="no such table"),
    ],
)
async def test_errors_say_no_value(unit_of_work: UnitOfWorkFactory, statement: str) -> None:
    said = ""
    try:
        async with unit_of_work() as work:
            await work.session.execute(text(statement), {"t": "default", "s": "the-secret"})
    except DBAPIError as error:
        cause: BaseException | None = error
        while cause is not None:
            said += f"{cause} {cause!r} {getattr(cause, 'detail', '')}"
            cause = cause.__cause__ or cause.__context__

    assert "the-secret" not in said
    assert "default" not in said
