"""The API in the process of a test: resources and events on a real server and a real database, no stations."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import (
    keys_pb2,
    keys_pb2_grpc,
    locations_pb2,
    locations_pb2_grpc,
    stations_pb2,
    stations_pb2_grpc,
    tenants_pb2,
    tenants_pb2_grpc,
    tokens_pb2,
    tokens_pb2_grpc,
)
from citrine.events.v1 import events_service_pb2, events_service_pb2_grpc
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.dispatch import Block
from citrine_core.events import EventFeed, EventsServicer, FrameHub
from citrine_core.resources.edges import EdgeAuthenticator
from citrine_core.resources.keys import ApiKey, KeyAuthenticator, KeyRepository, KeysServicer
from citrine_core.resources.keys.secrets import new_key
from citrine_core.resources.locations.servicer import LocationsServicer
from citrine_core.resources.stations.servicer import StationsServicer
from citrine_core.resources.tenants import Tenant, TenantDirectory, TenantRepository, TenantsServicer
from citrine_core.resources.tokens import TokensServicer
from citrine_core.rpc import Access, RpcHealth, build_server
from citrine_core.services import Services

__all__ = ["Api", "api", "error_info", "field_violations"]

EDGE_CREDENTIAL = "the credential of the edge link"


class TestClock:
    """A clock that a test may set forward."""

    __test__ = False

    def __init__(self) -> None:
        self.ahead = 0.0

    def utc_now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.ahead, UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead


class Api:
    """A running server, with what stands behind it."""

    def __init__(self, engine: AsyncEngine, *, silence: float = 15.0) -> None:
        self.clock = TestClock()
        self.feed = EventFeed(self.clock.utc_now)
        self.watched: asyncio.Queue[tuple[str, str, bool]] = asyncio.Queue()
        """What edges would be told: tenant and id of a station, and whether to report its frames."""
        self.frames = FrameHub(lambda *what: self.watched.put_nowait(what), tuple)
        self.unit_of_work = UnitOfWorkFactory(engine, self.feed.write)
        self.observed: list[tuple[str, grpc.StatusCode]] = []
        self.disconnected: list[tuple[str, str]] = []
        # No rpc of these services sends a command.
        commands = cast(Any, None)
        self.services = Services(
            CoreSettings(),
            self.unit_of_work,
            self.clock.utc_now,
            commands,
            disconnect=self._disconnect,
            forget_station=self._forget_station,
        )
        keys = KeyAuthenticator(self.unit_of_work, self.clock.utc_now, self.clock.monotonic)
        tenants = TenantDirectory(self.unit_of_work, self.clock.monotonic)
        edges = EdgeAuthenticator(self.unit_of_work, self.clock.utc_now, EDGE_CREDENTIAL)
        self.access = Access([keys], tenants.exists, edges.identify)
        blocks = self._blocks(silence)
        self.health = RpcHealth([name for block in blocks for name in block.service_names])
        self.server = build_server(blocks, self.access, self._observe, health_servicer=self.health.servicer())
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.channel: grpc.aio.Channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")
        self.stations = stations_pb2_grpc.StationsServiceStub(self.channel)
        self.locations = locations_pb2_grpc.LocationsServiceStub(self.channel)
        self.tokens = tokens_pb2_grpc.TokensServiceStub(self.channel)
        self.tenants = tenants_pb2_grpc.TenantsServiceStub(self.channel)
        self.keys = keys_pb2_grpc.KeysServiceStub(self.channel)
        self.events = events_service_pb2_grpc.EventsServiceStub(self.channel)

    async def key(
        self, tenant_id: str | None = None, scopes: Sequence[str] = ("*",), expire_time: datetime | None = None
    ) -> str:
        """Make an API key; without a tenant one of the operator."""
        key = new_key()
        row = ApiKey(
            key_id=key.key_id,
            tenant_id=tenant_id,
            display_name=f"test of {tenant_id or 'the operator'}",
            scopes=" ".join(sorted(scopes)),
            secret_hash=key.secret_hash,
            expire_time=expire_time,
            create_time=self.clock.utc_now(),
        )
        async with self.unit_of_work() as work:
            await KeyRepository(work.session).add(row)
            await work.commit()
        return str(key)

    async def tenant(self, tenant_id: str) -> str:
        """Make a tenant and return a key of it."""
        async with self.unit_of_work() as work:
            await TenantRepository(work.session).add(
                Tenant(tenant_id=tenant_id, display_name="", create_time=self.clock.utc_now())
            )
            await work.commit()
        return await self.key(tenant_id)

    def _blocks(self, silence: float) -> list[Block]:
        services = self.services
        return [
            _block(stations_pb2, stations_pb2_grpc, "StationsService", StationsServicer(services)),
            _block(locations_pb2, locations_pb2_grpc, "LocationsService", LocationsServicer(services)),
            _block(tokens_pb2, tokens_pb2_grpc, "TokensService", TokensServicer(services)),
            _block(tenants_pb2, tenants_pb2_grpc, "TenantsService", TenantsServicer(services)),
            _block(keys_pb2, keys_pb2_grpc, "KeysService", KeysServicer(services)),
            _block(
                events_service_pb2,
                events_service_pb2_grpc,
                "EventsService",
                EventsServicer(services, self.feed, self.frames, silence),
            ),
        ]

    async def _disconnect(self, tenant_id: str, station_id: str, reason: str) -> bool:
        self.disconnected.append((tenant_id, station_id))
        return True

    async def _forget_station(self, work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        work.after_commit(lambda: self.disconnected.append((tenant_id, station_id)))

    def _observe(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        self.observed.append((method, code))


def _block(messages: Any, services: Any, name: str, servicer: object) -> Block:
    add = getattr(services, f"add_{name}Servicer_to_server")
    full_name = messages.DESCRIPTOR.services_by_name[name].full_name
    return Block(name, add_servicers=[lambda server: add(servicer, server)], service_names=[full_name])


def auth(key: str, tenant_id: str | None = None) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a caller."""
    chosen = (("citrine-tenant", tenant_id),) if tenant_id is not None else ()
    return (("authorization", f"Bearer {key}"), *chosen)


def _details(error: grpc.aio.AioRpcError) -> Any:
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    return status_pb2.Status.FromString(packed).details[0]


def field_violations(error: grpc.aio.AioRpcError) -> list[str]:
    """Return the fields that google.rpc.BadRequest of an error names."""
    request = error_details_pb2.BadRequest()
    assert _details(error).Unpack(request)
    return [violation.field for violation in request.field_violations]


def error_info(error: grpc.aio.AioRpcError) -> Any:
    """Return google.rpc.ErrorInfo of an error."""
    info = error_details_pb2.ErrorInfo()
    assert _details(error).Unpack(info)
    return info


@pytest.fixture
async def api(engine: AsyncEngine) -> AsyncIterator[Api]:
    """The API on a fresh database of each kind in turn."""
    api = Api(engine)
    feeding = asyncio.create_task(api.feed.run(api.unit_of_work))
    await api.server.start()
    await api.health.set_serving(True)
    yield api
    api.feed.stop()
    api.frames.stop()
    await api.channel.close()
    await api.server.stop(grace=None)
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
