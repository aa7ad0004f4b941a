"""Operator keys of whole cores: what is valid after a start, and after many."""

from pathlib import Path

import grpc
import pytest

from citrine.api.v1 import keys_pb2 as pb
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from tests.support.core import RunningCore, running_core


async def keys_of(core: RunningCore) -> list[pb.Key]:
    listed = await core.stub(KeysServiceStub).ListKeys(pb.ListKeysRequest())
    return list(listed.keys)


def valid(keys: list[pb.Key]) -> list[str]:
    return [key.key_id for key in keys if not key.HasField("revoke_time")]


async def test_ten_starts_without_the_key_file_leave_one_valid_key(database_url: str, tmp_path: Path) -> None:
    for _ in range(10):
        (tmp_path / "operator.key").unlink(missing_ok=True)
        async with running_core(database_url, tmp_path) as core:
            keys = await keys_of(core)

    assert len(keys) == 10
    assert valid(keys) == [core.key.split("_")[1]]
    # None of them is for ever: each was revoked, or ends after its core.
    assert all(key.HasField("expire_time") and key.key_file.endswith("operator.key") for key in keys)


async def test_a_start_with_the_key_file_keeps_the_key(database_url: str, tmp_path: Path) -> None:
    async with running_core(database_url, tmp_path) as core:
        first = core.key
    async with running_core(database_url, tmp_path) as core:
        assert core.key == first
        assert len(await keys_of(core)) == 1


async def test_cores_of_one_database_have_a_key_each_and_leave_that_of_the_other(
    database_url: str, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    async with running_core(database_url, here) as one:
        async with running_core(database_url, there) as other:
            assert len(valid(await keys_of(one))) == 2
        (there / "operator.key").unlink()
        async with running_core(database_url, there) as again:
            assert set(valid(await keys_of(one))) == {one.key.split("_")[1], again.key.split("_")[1]}
            assert again.key != other.key


async def test_what_is_replaced_is_refused_by_every_core_within_seconds(database_url: str, tmp_path: Path) -> None:
    async with running_core(database_url, tmp_path) as core:
        lost = core.key
    (tmp_path / "operator.key").unlink()

    async with running_core(database_url, tmp_path) as core:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await core.stub(KeysServiceStub).ListKeys(
                pb.ListKeysRequest(), metadata=[("authorization", f"Bearer {lost}")]
            )

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert str(refused.value.details()).startswith("the API key is not valid any more: it was revoked at ")


async def test_the_key_of_the_file_makes_keys_without_an_end_and_is_not_rotated(
    database_url: str, tmp_path: Path
) -> None:
    """Its own end only says how long it outlives its core."""
    async with running_core(database_url, tmp_path) as core:
        stub = core.stub(KeysServiceStub)

        made = await stub.CreateKey(pb.CreateKeyRequest(display_name="billing", scopes=["stations:read"]))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.RotateKey(pb.RotateKeyRequest(key_id=core.key.split("_")[1]))

    assert not made.key.HasField("expire_time")
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert f"remove {_key_file(core)}" in str(refused.value.details())


async def test_uses_of_all_cores_are_stored_when_they_stop(database_url: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    async with running_core(database_url, here) as one:
        await keys_of(one)
        async with running_core(database_url, there) as other:
            before = {key.key_id: key.HasField("last_use_time") for key in await keys_of(other)}
        after = {key.key_id: key.last_use_time for key in await keys_of(one)}

    mine, its = one.key.split("_")[1], other.key.split("_")[1]
    assert before == {mine: False, its: False}
    assert after[its].seconds > 0
    assert after[its].seconds % 60 == 0


def _key_file(core: RunningCore) -> str:
    assert core.core.key_file is not None
    return core.core.key_file.name
