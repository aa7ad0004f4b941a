"""Functional block D, Local authorization list: the tokens that stations store.

Each entry is stored as the station should have it and as it confirmed it; entries that differ are sent.
"""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

from citrine.api.v1 import local_auth_list_pb2_grpc
from citrine_core.blocks.local_auth_list.handlers import LocalAuthListHandlers
from citrine_core.blocks.local_auth_list.jobs import LocalLists
from citrine_core.blocks.local_auth_list.queries import remove_from_lists
from citrine_core.blocks.local_auth_list.repository import LocalListRepository
from citrine_core.blocks.local_auth_list.servicer import LocalAuthListServicer
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = ["LocalAuthListHandlers", "LocalAuthListServicer", "LocalListRepository", "LocalLists", "block"]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    lists = LocalLists(services)

    async def tokens_changed(work: UnitOfWork, tenant_id: str, keys: Sequence[tuple[str, str]]) -> None:
        if await LocalListRepository(work.session).tokens_changed(tenant_id, keys, services.clock()):
            work.after_commit(lists.job.wake)

    async def owner_changed(work: UnitOfWork, tenant_id: str, party: tuple[str, str]) -> None:
        pause = await LocalListRepository(work.session).all_tokens_changed(tenant_id, services.clock())
        if pause is not None:
            seconds = pause.total_seconds()

            def wake_later() -> None:
                # If this core ends before, the job runs by itself a little later.
                asyncio.get_running_loop().call_later(seconds, lists.job.wake)

            work.after_commit(wake_later)

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        await LocalListRepository(work.session).forget(tenant_id, station_id)

    async def forget_tokens(work: UnitOfWork, tenant_id: str, keys: Collection[tuple[str, str]]) -> None:
        await remove_from_lists(work.session, tenant_id, keys, services.clock())
        work.after_commit(lists.job.wake)

    servicer = LocalAuthListServicer(services, lists, lists.job.wake)
    return Block(
        "local_auth_list",
        [LocalAuthListHandlers(services, lists.job.wake)],
        [partial(local_auth_list_pb2_grpc.add_LocalAuthListServiceServicer_to_server, servicer)],
        ["citrine.api.v1.LocalAuthListService"],
        jobs=[lists.job],
        on_token_change=[tokens_changed],
        on_owner_change=[owner_changed],
        forget_station=forget_station,
        forget_tokens=forget_tokens,
    )
