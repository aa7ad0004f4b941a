"""ListTokens by what its users look for, and each query from an index, in tables of 100,000 tokens."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import tokens_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine_core.db import Page, UnitOfWorkFactory, create_engine
from citrine_core.events import write_events
from citrine_core.resources.tokens import TokenFilter, TokenRepository
from tests.support.api import Api, auth, field_violations
from tests.support.databases import administrate
from tests.support.postgres import PostgresServer
from tests.support.renewed_database import TEMPLATE
from tests.support.statements import statements

ROWS = 100_000

FIRST = 1767225600
"""When the first of them changed, in seconds since 1970; each other one a second later than the one before."""

LATE = Timestamp(seconds=FIRST + 400_000)

BLOCKED = pb.TOKEN_STATUS_BLOCKED


@pytest.fixture
async def who(api: Api) -> tuple[tuple[str, str], ...]:
    return auth(await api.key("default"))


async def listed(api: Api, who: Any, **fields: Any) -> list[str]:
    """Return the ids of all pages of a list, each of one token."""
    found, page = [], ""
    while True:
        request = pb.ListTokensRequest(page_size=1, page_token=page, **fields)
        response = await api.tokens.ListTokens(request, metadata=who)
        found += [token.id_token for token in response.tokens]
        page = response.next_page_token
        if not page:
            return found


async def test_tokens_are_listed_by_what_they_are(api: Api, who: Any) -> None:
    tokens = [
        pb.Token(id_token="04:A2:B3:C4", type="ISO14443", group_id="G"),
        pb.Token(id_token="04A2B3C5", type="ISO14443", status=BLOCKED, group_id="G"),
        pb.Token(id_token="DE-ABC-C12345678-X", type="eMAID", contract_id="DE-ABC-C12345678-X"),
        pb.Token(id_token="app-1", type="Central", contract_id="deabcc12345678x", country_code="de", party_id="abc"),
        pb.Token(id_token="app-2", type="Central", country_code="DE", party_id="XYZ", valid=False),
    ]
    for token in tokens:
        await api.tokens.CreateToken(pb.CreateTokenRequest(token=token), metadata=who)

    assert await listed(api, who, group_id="G") == ["04:A2:B3:C4", "04A2B3C5"]
    assert await listed(api, who, status=BLOCKED) == ["04A2B3C5"]
    assert await listed(api, who, valid=False) == ["app-2"]
    assert len(await listed(api, who, valid=True)) == 4
    assert await listed(api, who, contract_id="DE*ABC*C12345678*X") == ["app-1", "DE-ABC-C12345678-X"]
    assert await listed(api, who, country_code="DE", party_id="abc") == ["app-1"]
    assert await listed(api, who, id_token_prefix="04:a2:B") == ["04:A2:B3:C4", "04A2B3C5"]
    assert await listed(api, who, id_token_prefix="APP-") == ["app-1", "app-2"]
    assert await listed(api, who, id_token_prefix="APP-", valid=True) == ["app-1"]


async def test_a_country_without_a_party_is_refused(api: Api, who: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await listed(api, who, country_code="DE")

    assert field_violations(raised.value) == ["party_id"]


async def test_a_client_asks_for_what_changed_since_the_latest_time_that_it_saw(api: Api, who: Any) -> None:
    made = [
        await api.tokens.CreateToken(pb.CreateTokenRequest(token=pb.Token(id_token=name, type="Central")), metadata=who)
        for name in ("c", "b", "a")
    ]
    changes = pb.UpdateTokenRequest(token=pb.Token(id_token="c", type="Central", message="x"))
    changed = await api.tokens.UpdateToken(changes, metadata=who)

    assert await listed(api, who, update_time=TimeRange()) == ["b", "a", "c"]
    assert await listed(api, who, update_time=TimeRange(start=made[2].update_time)) == ["a", "c"]
    assert await listed(api, who, update_time=TimeRange(end=changed.update_time)) == ["b", "a"]
    assert await listed(api, who, update_time=TimeRange(start=Timestamp(seconds=2**33))) == []
    assert changed.update_time.ToNanoseconds() > changed.create_time.ToNanoseconds()


_FILL = """
INSERT INTO tokens (tenant_id, lookup, type, id_token, status, valid, group_id, contract_id, contract_lookup,
 country_code, party_id, master_pass, language, second_language, message, charging_priority, description,
 create_time, update_time, version)
SELECT 'default', 't-' || n, 'Central', 'T-' || n, CASE WHEN n % 100 = 0 THEN 2 ELSE 1 END, n % 100 <> 1,
 CASE WHEN n % 2 = 0 THEN 'G-' || (n % 1000) ELSE '' END, CASE WHEN n % 3 = 0 THEN 'C-' || n ELSE '' END,
 CASE WHEN n % 3 = 0 THEN 'c' || n ELSE '' END, CASE WHEN n % 5 = 0 THEN 'NL' ELSE '' END,
 CASE WHEN n % 5 = 0 THEN 'P' || (10 + n % 50) ELSE '' END, false, '', '', '', 0, '', {time}, {time}, 1
FROM {numbers}
"""

_NUMBERS = f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) SELECT n FROM c)"

_FILLS = {
    "sqlite": _FILL.format(numbers=_NUMBERS, time=f"strftime('%Y-%m-%d %H:%M:%f000', {FIRST} + n, 'unixepoch')"),
    "postgresql": _FILL.format(numbers=f"generate_series(1, {ROWS}) AS n", time=f"to_timestamp({FIRST} + n)"),
}


async def _fill(url: str) -> None:
    engine = create_engine(url, limited=False)
    async with engine.begin() as connection:
        await connection.execute(text(_FILLS[engine.dialect.name]))
    async with engine.begin() as connection:
        await connection.execute(text("ANALYZE tokens"))
    await engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(
    request: pytest.FixtureRequest, sqlite_template: Path, sqlite_folder: Path, postgres: PostgresServer
) -> Iterator[str]:
    """URL of a database of each kind with many tokens."""
    if request.param == "sqlite":
        path = Path(shutil.copy(sqlite_template, sqlite_folder / "tokens.db"))
        asyncio.run(_fill(f"sqlite+aiosqlite:///{path}"))
        yield f"sqlite+aiosqlite:///{path}"
        path.unlink()
        return
    asyncio.run(administrate(postgres, f"CREATE DATABASE many_tokens TEMPLATE {TEMPLATE}"))
    asyncio.run(_fill(postgres.url("many_tokens")))
    yield postgres.url("many_tokens")
    asyncio.run(administrate(postgres, "DROP DATABASE many_tokens WITH (FORCE)"))


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(filled_url)
    yield engine
    await engine.dispose()


async def plan(engine: AsyncEngine, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"{explain} {statement}", tuple(parameters))
        return "\n".join(str(row._mapping["detail"] if engine.dialect.name == "sqlite" else row[0]) for row in rows)


@pytest.mark.parametrize(
    ("fields", "index"),
    [
        pytest.param({}, "pk_tokens|sqlite_autoindex_tokens_1", id="all"),
        pytest.param({"group_id": "G-500"}, "ix_tokens_group", id="group"),
        pytest.param({"status": BLOCKED}, "ix_tokens_status", id="status"),
        pytest.param({"valid": False}, "ix_tokens_invalid", id="invalid"),
        pytest.param({"contract_id": "C-30000"}, "ix_tokens_contract", id="contract"),
        pytest.param({"country_code": "NL", "party_id": "P10"}, "ix_tokens_owner", id="owner"),
        pytest.param({"id_token_prefix": "T-400"}, "pk_tokens|sqlite_autoindex_tokens_1", id="prefix"),
        pytest.param(
            {"update_time": TimeRange(start=Timestamp(seconds=FIRST + 50_000))},
            "ix_tokens_update_time",
            id="time",
        ),
    ],
)
async def test_a_page_is_read_from_an_index_in_its_order(
    filled: AsyncEngine, fields: dict[str, Any], index: str
) -> None:
    wanted = TokenFilter.of(pb.ListTokensRequest(**fields))
    with statements(filled) as seen:
        async with UnitOfWorkFactory(filled, write_events)(read_only=True) as work:
            tokens = TokenRepository(work.session)
            first, token = await tokens.list("default", Page(50), wanted)
            after, _ = await tokens.list("default", Page.of_token(token, 50, ""), wanted) if token else ((), "")

    assert len(first) == (1 if "contract_id" in fields else 50)
    assert not {row.lookup for row in first} & {row.lookup for row in after}
    for statement, parameters in (one for one in seen if "FROM tokens" in one[0]):
        shown = await plan(filled, statement, parameters)
        assert any(name in shown for name in index.split("|")), shown
        assert not [step for step in ("Seq Scan", "Sort", "TEMP B-TREE") if step in shown], shown
