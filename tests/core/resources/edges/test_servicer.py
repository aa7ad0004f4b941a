"""Edges with a credential of their own: made, listed, revoked, and what their links may do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from citrine.api.v1 import edges_pb2, edges_pb2_grpc
from citrine.api.v1.keys_pb2 import CreateKeyRequest
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from tests.support.core import CREDENTIAL, RunningCore, running_core
from tests.support.fake_edge import fake_edge

REVOKED_WITHIN = 60.0
"""Seconds until a revoked edge has no link to any core."""


@pytest.fixture
def edges(core: RunningCore) -> edges_pb2_grpc.EdgesServiceStub:
    return core.stub(edges_pb2_grpc.EdgesServiceStub)


async def add(core: RunningCore, name: str) -> str:
    stub = core.stub(edges_pb2_grpc.EdgesServiceStub)
    return (await stub.CreateEdge(edges_pb2.CreateEdgeRequest(edge_name=name))).credential


async def listed(core: RunningCore) -> dict[str, edges_pb2.Edge]:
    stub = core.stub(edges_pb2_grpc.EdgesServiceStub)
    return {edge.edge_name: edge for edge in (await stub.ListEdges(edges_pb2.ListEdgesRequest())).edges}


async def revoke(core: RunningCore, name: str) -> None:
    stub = core.stub(edges_pb2_grpc.EdgesServiceStub)
    await stub.RevokeEdge(edges_pb2.RevokeEdgeRequest(edge_name=name))


async def code_of(call: Any) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_an_edge_links_by_its_own_credential(core: RunningCore) -> None:
    credential = await add(core, "north")

    async with fake_edge(core.address, credential, "edge-1"), fake_edge(core.address, credential, "edge-2"):
        north = (await listed(core))["north"]

    assert north.has_credential
    assert north.processes == 2


async def test_a_wrong_secret_of_a_known_name_is_refused(core: RunningCore) -> None:
    credential = await add(core, "north")

    with pytest.raises(AssertionError, match="UNAUTHENTICATED"):
        async with fake_edge(core.address, credential[:-1] + ("x" if credential[-1] != "x" else "y")):
            pass


@pytest.fixture
async def both(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[RunningCore, RunningCore]]:
    """Two cores on one database."""
    (tmp_path / "second").mkdir()
    async with running_core(database_url, tmp_path) as one, running_core(database_url, tmp_path / "second") as two:
        yield one, two


async def test_a_revoked_edge_loses_its_links_to_all_cores_and_the_others_keep_theirs(
    both: tuple[RunningCore, RunningCore],
) -> None:
    north, south = await add(both[0], "north"), await add(both[0], "south")
    async with (
        fake_edge(both[0].address, north, "edge-1") as first,
        fake_edge(both[1].address, north, "edge-1") as second,
        fake_edge(both[1].address, south, "edge-2") as other,
        fake_edge(both[1].address, CREDENTIAL, "edge-3") as unnamed,
    ):
        await revoke(both[0], "north")

        async with asyncio.timeout(REVOKED_WITHIN):
            await asyncio.wait([first._ended, second._ended], return_when=asyncio.ALL_COMPLETED)
        assert not other._ended.done()
        assert not unnamed._ended.done()
        with pytest.raises(AssertionError, match="UNAUTHENTICATED"):
            async with fake_edge(both[1].address, north, "edge-1"):
                pass


async def test_an_edge_does_not_get_the_id_of_another(core: RunningCore) -> None:
    north, south = await add(core, "north"), await add(core, "south")

    async with fake_edge(core.address, north, "edge-1") as linked:
        with pytest.raises(AssertionError, match="PERMISSION_DENIED"):
            async with fake_edge(core.address, south, "edge-1"):
                pass
        assert not linked._ended.done()
    # It is the edge's as long as it is known, also without a link.
    with pytest.raises(AssertionError, match="PERMISSION_DENIED"):
        async with fake_edge(core.address, CREDENTIAL, "edge-1") as unnamed:
            await unnamed.next("disconnect")


async def test_a_name_has_one_credential_and_is_not_used_again(
    core: RunningCore, edges: edges_pb2_grpc.EdgesServiceStub
) -> None:
    request = edges_pb2.CreateEdgeRequest(edge_name="north")
    await add(core, "north")
    again = await code_of(edges.CreateEdge(request))
    await revoke(core, "north")
    revoked = await code_of(edges.CreateEdge(request))

    assert again is grpc.StatusCode.ALREADY_EXISTS
    assert revoked is grpc.StatusCode.FAILED_PRECONDITION
    assert (await listed(core))["north"].HasField("revoke_time")


async def test_a_name_may_be_revoked_before_anybody_used_it(core: RunningCore) -> None:
    await revoke(core, "stolen")
    await revoke(core, "stolen")

    assert (await listed(core))["stolen"].HasField("revoke_time")


@pytest.mark.in_turn
@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 65, "-a"])
async def test_what_is_no_name_is_refused(edges: edges_pb2_grpc.EdgesServiceStub, name: str) -> None:
    create, revoke = edges_pb2.CreateEdgeRequest(edge_name=name), edges_pb2.RevokeEdgeRequest(edge_name=name)

    assert await code_of(edges.CreateEdge(create)) is grpc.StatusCode.INVALID_ARGUMENT
    assert await code_of(edges.RevokeEdge(revoke)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_only_the_operator_of_all_tenants_manages_edges(
    core: RunningCore, edges: edges_pb2_grpc.EdgesServiceStub
) -> None:
    keys = core.stub(KeysServiceStub)
    key = await keys.CreateKey(CreateKeyRequest(display_name="of a tenant", scopes=["*"]))

    call = edges.ListEdges(edges_pb2.ListEdgesRequest(), metadata=(("authorization", f"Bearer {key.secret}"),))

    assert await code_of(call) is grpc.StatusCode.PERMISSION_DENIED
