"""A whole core in the process of the test: its gRPC server on a free port, its database a fresh one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from argon2 import PasswordHasher

from citrine.api.v1.keys_pb2 import CreateKeyRequest
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine_core.blocks import blocks_of
from citrine_core.config import CoreSettings
from citrine_core.core import Core, MakeBlocks
from citrine_core.db.engine import BUSY_TIMEOUT
from citrine_core.resources.stations.models import Station
from citrine_core.resources.tenants import Tenant
from tests.support.engines import new_engine
from tests.support.fake_edge import FakeEdge, fake_edge
from tests.support.waiting import WAIT

__all__ = ["CREDENTIAL", "PASSWORD", "RunningCore", "core", "running_core"]

CREDENTIAL = "credential of the edge link"
"""What edges must know of cores in tests."""

PASSWORD = "password-of-the-station"
"""Password of the stations that tests add."""

Stub = TypeVar("Stub")

DATABASE_TIME = timedelta(seconds=10)


_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""A hash says what it takes to compare it: as little as can be, where the core's takes 7 ms each time."""


@cache
def hash_once(password: str | bytes) -> str:
    """Return a hash of a password that somebody chose, made once for all tests."""
    return _HASHER.hash(password)


@dataclass
class RunningCore:
    """A core that serves, with ways in for clients and edges."""

    core: Core
    address: str
    http_address: str
    key: str
    channel: grpc.aio.Channel
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def metadata(self, tenant_id: str = "default") -> list[tuple[str, str]]:
        """Return the metadata of a call by the operator on a tenant."""
        return [("authorization", f"Bearer {self.key}"), ("citrine-tenant", tenant_id)]

    def stub(self, stub_class: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """Return a stub on a channel whose calls the operator makes, on the default tenant."""
        return stub_class(self.channel)

    def edge(self, edge_id: str = "edge-1") -> contextlib.AbstractAsyncContextManager[FakeEdge]:
        """Link an edge."""
        return fake_edge(self.address, CREDENTIAL, edge_id)

    async def add_tenant(self, tenant_id: str) -> None:
        """Add a tenant."""
        async with self.core.unit_of_work() as work:
            work.session.add(Tenant(tenant_id=tenant_id, display_name=tenant_id, create_time=datetime.now(UTC)))
            await work.commit()

    async def add_key(self, tenant_id: str) -> str:
        """Return a new key of a tenant, with all scopes."""
        request = CreateKeyRequest(display_name=f"test of {tenant_id}", scopes=["*"])
        created = await self.stub(KeysServiceStub).CreateKey(request, metadata=self.metadata(tenant_id))
        return created.secret

    async def add_station(
        self, station_id: str, *, tenant_id: str = "default", password: str | None = PASSWORD, **columns: Any
    ) -> None:
        """Add a station. Columns are those of the stations table."""
        row = {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "password_hash": None if password is None else hash_once(password),
            "create_time": datetime.now(UTC),
            **columns,
        }
        async with self.core.unit_of_work() as work:
            work.session.add(Station(**row))
            await work.commit()


@contextlib.asynccontextmanager
async def running_core(url: str, directory: Path, **settings: Any) -> AsyncIterator[RunningCore]:
    """Run a core on a database with our tables, for the time of a block.

    Args:
        url: Of the database.
        directory: Where its files go.
        settings: Of the core; and `busy_timeout`, seconds that SQLite waits for another process; and `make_blocks`,
            which makes the functional blocks.
    """
    key_file = directory / "operator.key"
    busy_timeout: float = settings.pop("busy_timeout", BUSY_TIMEOUT)
    make_blocks: MakeBlocks = settings.pop("make_blocks", blocks_of)
    values = {
        "database": url,
        "grpc_listen": "127.0.0.1:0",
        "core_http_listen": "127.0.0.1:0",
        "edge_credential": CREDENTIAL,
        "operator_key_file": key_file,
        "encryption_key_file": directory / "encryption.keys",
        "drain_time": timedelta(seconds=5),
        **settings,
    }
    engine = new_engine(url, busy_timeout=busy_timeout)
    core = Core(CoreSettings(**values), engine, make_blocks=make_blocks)
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()

    def on_listening(grpc_address: str, http_address: str) -> None:
        listening.set_result((grpc_address, http_address))

    running = asyncio.create_task(core.run(stop, on_listening))
    try:
        await asyncio.wait([running, listening], return_when=asyncio.FIRST_COMPLETED, timeout=WAIT)
        if running.done():
            await running
        address, http_address = listening.result()
        key = key_file.read_text().strip()
        interceptors = _operator(key)
        async with grpc.aio.insecure_channel(address, interceptors=interceptors) as channel:
            yield RunningCore(core, address, http_address, key, channel, stop)
    finally:
        stop.set()
        try:
            await running
        finally:
            await engine.dispose()


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    """A core on a fresh database of each kind in turn."""
    async with running_core(database_url, tmp_path) as running:
        yield running


def _operator(key: str) -> list[grpc.aio.ClientInterceptor]:
    return [_UnaryAsOperator(key), _StreamAsOperator(key)]


class _AsOperator:
    def __init__(self, key: str) -> None:
        self._key = key

    def _with_key(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        if metadata.get("authorization") is None:
            metadata.add("authorization", f"Bearer {self._key}")
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )


class _UnaryAsOperator(_AsOperator, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_key(client_call_details), request)


class _StreamAsOperator(_AsOperator, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_key(client_call_details), request)
