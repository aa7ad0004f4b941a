"""Parts that the composition root puts together: the services of the resources, and what they know for all rpcs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from citrine.api.v1 import (
    commands_pb2_grpc,
    connections_pb2_grpc,
    edges_pb2_grpc,
    keys_pb2_grpc,
    locations_pb2_grpc,
    stations_pb2_grpc,
    tenants_pb2_grpc,
    tokens_pb2_grpc,
)
from citrine.events.v1 import events_service_pb2_grpc
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import Block, Inquiries, Item
from citrine_core.events import EventFeed, EventsServicer, FrameHub
from citrine_core.jobs import Job
from citrine_core.link import LinkRegistry
from citrine_core.oidc import IssuerKeys, TokenAuthenticator, TokenRules
from citrine_core.resources import (
    audit,
    certificate_store,
    charge_records,
    operations,
    persons,
    poisoned_messages,
    refusals,
    reports,
    statistics,
)
from citrine_core.resources.certificate_store.repository import CERTIFICATES
from citrine_core.resources.commands import CommandsServicer
from citrine_core.resources.commands.typed_calls import TypedCalls
from citrine_core.resources.configurations.repository import CONFIGURATIONS
from citrine_core.resources.connections import ConnectionsServicer
from citrine_core.resources.edges import EdgesServicer
from citrine_core.resources.idempotency import ANSWER_SECRETS
from citrine_core.resources.keys import KeysServicer
from citrine_core.resources.keys.repository import KEYS
from citrine_core.resources.locations.queries import retire_evses
from citrine_core.resources.locations.servicer import LocationsServicer
from citrine_core.resources.stations.queries import is_station
from citrine_core.resources.stations.repository import STATIONS
from citrine_core.resources.stations.servicer import StationsServicer
from citrine_core.resources.tenants import TenantDirectory, TenantsServicer
from citrine_core.resources.tenants.quotas import QuotaDirectory
from citrine_core.resources.tokens import TokensServicer
from citrine_core.resources.tokens.repository import TOKENS
from citrine_core.rpc import Authenticator, RpcHealth
from citrine_core.rpc.access import scopes_by_rpc, scopes_of
from citrine_core.services import Services

__all__ = ["TokenSignIn", "announcing", "knows_station", "resource_blocks", "resources_of", "sign_in_by_token"]


@dataclass(frozen=True, slots=True)
class TokenSignIn:
    """How callers are identified by tokens."""

    authenticators: Sequence[Authenticator] = ()
    jobs: Sequence[Job] = ()


def sign_in_by_token(settings: CoreSettings, tenants: TenantDirectory) -> TokenSignIn:
    """Return how callers are identified by tokens; nothing where no issuer is set.

    Raises:
        InvalidSetting: When a setting about tokens has no meaning.
    """
    rules = TokenRules.of(settings)
    if rules is None:
        return TokenSignIn()
    keys = IssuerKeys(rules)
    return TokenSignIn([TokenAuthenticator(rules, keys, tenants.exists)], [keys.job])


def resource_blocks(
    services: Services, feed: EventFeed, links: LinkRegistry, submit: Callable[[Item], None]
) -> list[Block]:
    """Return the resources that have handlers or jobs, or submit items to the lanes."""
    return [
        poisoned_messages.block(services, submit),
        persons.block(services),
        reports.block(services, feed),
        refusals.block(services, links),
        certificate_store.block(services),
        audit.block(services),
        Block("locations", forget_station=partial(retire_evses, clock=services.clock)),
        charge_records.block(services),
        Block("idempotency", secrets=[ANSWER_SECRETS]),
        statistics.block(services),
        operations.block(services),
        Block(
            "quotas",
            jobs=[QuotaDirectory.of(services).job],
            counted=[STATIONS, TOKENS, KEYS, CERTIFICATES, CONFIGURATIONS],
        ),
    ]


def resources_of(services: Services, feed: EventFeed, frames: FrameHub, blocks: Sequence[Block]) -> list[Block]:
    """Return the services that no functional block owns, in the form of blocks."""
    of_blocks = [name for block in blocks for name in block.service_names]
    commands = CommandsServicer(services, scopes_by_rpc(of_blocks), TypedCalls(blocks))
    # Any: each adder takes the servicer of its own service.
    servicers: list[tuple[Any, Any, str]] = [
        (stations_pb2_grpc.add_StationsServiceServicer_to_server, StationsServicer(services), "Stations"),
        (tokens_pb2_grpc.add_TokensServiceServicer_to_server, TokensServicer(services), "Tokens"),
        (tenants_pb2_grpc.add_TenantsServiceServicer_to_server, TenantsServicer(services), "Tenants"),
        (commands_pb2_grpc.add_CommandsServiceServicer_to_server, commands, "Commands"),
        (connections_pb2_grpc.add_ConnectionsServiceServicer_to_server, ConnectionsServicer(services), "Connections"),
        (locations_pb2_grpc.add_LocationsServiceServicer_to_server, LocationsServicer(services), "Locations"),
        (edges_pb2_grpc.add_EdgesServiceServicer_to_server, EdgesServicer(services), "Edges"),
    ]
    names = [f"citrine.api.v1.{name}Service" for name in (*(name for *_, name in servicers), "Keys")]
    names.append("citrine.events.v1.EventsService")
    known = scopes_of([*names, *of_blocks])
    keys = partial(keys_pb2_grpc.add_KeysServiceServicer_to_server, KeysServicer(services, known))
    events = partial(
        events_service_pb2_grpc.add_EventsServiceServicer_to_server, EventsServicer(services, feed, frames)
    )
    adders = [*(partial(add, servicer) for add, servicer, _ in servicers), keys, events]
    return [Block("resources", add_servicers=adders, service_names=names)]


async def knows_station(unit_of_work: UnitOfWorkFactory, tenant_id: str, station_id: str) -> bool:
    """Return whether a tenant has a station."""
    async with unit_of_work(read_only=True) as work:
        return await is_station(work.session, tenant_id, station_id)


def announcing(inquiries: Inquiries, links: LinkRegistry, rpc_health: RpcHealth) -> Callable[[bool], Awaitable[None]]:
    """Return what is to be called when an outage begins (False) and when it ends (True)."""

    async def announce(serving: bool) -> None:
        if not serving:
            inquiries.forget()
        links.announce(serving)
        # Of no effect once the core drains.
        await rpc_health.set_serving(serving)

    return announce
