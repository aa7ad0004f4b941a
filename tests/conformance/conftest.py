"""Fixtures of the conformance suite: Citrine as real processes, and a station of its own for each case.

A case is a function `test_TC_x_nn_CSMS` whose docstring is its title. It plays the station with `station`, does the
manual actions through `api`, and uses the reusable states in states.py.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import blake2b
from typing import Any

import pytest

from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine_sdk import Citrine
from tests.conformance.authorities import Authorities
from tests.conformance.station import ConformanceStation, played_station
from tests.support.contract_pools import Pool, pool, pool_url
from tests.support.databases import administrate
from tests.support.deployment import Deployment, free_port
from tests.support.postgres import PostgresServer
from tests.support.shared_processes import SharedProcesses

PASSWORD = "correct-horse-battery"

AddStation = Callable[..., contextlib.AbstractAsyncContextManager[ConformanceStation]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case on the databases that --conformance-databases names."""
    if "database" in metafunc.fixturenames:
        names = metafunc.config.getoption("--conformance-databases").split(",")
        metafunc.parametrize("database", names, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the report of a case carry its title, also from another process."""
    for item in items:
        function = getattr(item, "function", None)
        if function is not None and function.__name__.startswith(("test_TC_", "test_EC_")):
            item.user_properties.append(("conformance", (function.__doc__ or "").strip().removesuffix(".")))


@pytest.fixture(scope="session")
def database() -> str:
    """Kind of database that the cases run on: "sqlite" or "postgresql"."""
    raise NotImplementedError("parametrized by pytest_generate_tests")


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    """Who signs the certificates that stations order."""
    return Authorities.new()


@pytest.fixture(scope="session")
def contract_pool_port() -> int:
    """Port at which the CSMS asks for contracts of EVs."""
    return free_port()


@pytest.fixture(scope="session")
def deployments(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authorities: Authorities,
    contract_pool_port: int,
) -> Iterator[SharedProcesses]:
    """What the cases run on; stopped before the database server is."""
    wants_postgres = "postgresql" in request.config.getoption("--conformance-databases")
    postgres: PostgresServer | None = request.getfixturevalue("postgres") if wants_postgres else None
    directory = tmp_path_factory.mktemp("conformance")

    def new_database(name: str) -> str:
        if postgres is None or name == "sqlite":
            return f"sqlite+aiosqlite:///{directory / 'citrine.db'}"
        asyncio.run(administrate(postgres, "CREATE DATABASE conformance"))
        return postgres.url("conformance")

    settings = {"contract_pool_url": pool_url(contract_pool_port), **authorities.settings(directory)}
    deployments = SharedProcesses(directory, new_database, migrated=False, **settings)
    yield deployments
    deployments.stop()


@pytest.fixture
def deployment(deployments: SharedProcesses, database: str) -> Deployment:
    """One core and one edge, which all cases on a database share."""
    return deployments.get(database)


@pytest.fixture
async def contract_pool(contract_pool_port: int) -> AsyncIterator[Pool]:
    """The contract certificate pool that the CSMS asks."""
    async with pool(contract_pool_port) as running:
        yield running


@pytest.fixture
async def api(deployment: Deployment) -> AsyncIterator[Citrine]:
    """The API, called by the operator on the default tenant."""
    async with deployment.client() as citrine:
        yield citrine


@pytest.fixture
def case(request: pytest.FixtureRequest) -> str:
    """Id of the case and its database, which stations and tokens of the case are named after."""
    return str(request.node.originalname).removeprefix("test_").removesuffix("_CSMS").replace("_", "-")


@pytest.fixture
async def id_token(api: Citrine, case: str) -> dict[str, Any]:
    """A token that may charge, as `idToken` of OCPP: <Configured valid_idtoken_idtoken>."""
    uid = blake2b(case.encode(), digest_size=7).hexdigest().upper()
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=uid, type="ISO14443")))
    return {"idToken": uid, "type": "ISO14443"}


@pytest.fixture
def ocpp_version() -> str:
    """What the station of the case speaks."""
    return "2.0.1"


@pytest.fixture
def add_station(
    deployment: Deployment, api: Citrine, case: str, id_token: dict[str, Any], ocpp_version: str
) -> AddStation:
    """Registers stations and connects them, for cases that want another one or several.

    `async with add_station("-2", boot_policy=...) as station`: a suffix of its id, and fields of its
    citrine.api.v1.Station; its password may be another.
    """

    @contextlib.asynccontextmanager
    async def add(suffix: str = "", password: str = PASSWORD, **fields: Any) -> AsyncIterator[ConformanceStation]:
        station_id = f"{case}{suffix}"
        await api.stations.CreateStation(
            CreateStationRequest(station=Station(station_id=station_id, **fields), password=password)
        )
        async with played_station(deployment.url(), station_id, password, version=ocpp_version) as station:
            station.id_token = id_token
            yield station

    return add


@pytest.fixture
async def station(add_station: AddStation) -> AsyncIterator[ConformanceStation]:
    """The station of the case: registered and connected, and not yet booted."""
    async with add_station() as station:
        yield station
