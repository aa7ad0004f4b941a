"""Functional block D, Local authorization list: the tokens that stations keep.

What a station should hold and what it confirmed to hold are stored entry by entry; what differs is to be sent.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from citrine.api.v1 import local_auth_list_pb2_grpc
from citrine_core.blocks.local_auth_list.handlers import LocalAuthListHandlers
from citrine_core.blocks.local_auth_list.jobs import LocalLists
from citrine_core.blocks.local_auth_list.repository import LocalListRepository
from citrine_core.blocks.local_auth_list.servicer import LocalAuthListServicer
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = ["LocalAuthListHandlers", "LocalAuthListServicer", "LocalListRepository", "LocalLists", "block"]

INTERVAL = timedelta(seconds=30)
"""How long a list that becomes due waits for us at most."""


def block(services: Services) -> Block:
    """Return the block, put together."""
    lists = LocalLists(services)
    job = Job("local lists", INTERVAL, lists.synchronize)
    lists.wake = job.wake

    async def tokens_changed(work: UnitOfWork, tenant_id: str, keys: Sequence[tuple[str, str]]) -> None:
        if await LocalListRepository(work.session).tokens_changed(tenant_id, keys, services.clock()):
            work.after_commit(job.wake)

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        await LocalListRepository(work.session).forget(tenant_id, station_id)

    services.on_token_change.append(tokens_changed)
    servicer = LocalAuthListServicer(services, lists, job.wake)
    return Block(
        "local_auth_list",
        [LocalAuthListHandlers(services, job.wake)],
        [partial(local_auth_list_pb2_grpc.add_LocalAuthListServiceServicer_to_server, servicer)],
        ["citrine.api.v1.LocalAuthListService"],
        jobs=[job],
        forget_station=forget_station,
    )
