"""KeysService."""

from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import keys_pb2 as pb
from citrine.api.v1 import stations_pb2
from citrine_core.resources.keys import KeyRepository
from tests.support.api import Api, auth, field_violations


def timestamp(time: datetime) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(time)
    return result


async def make(api: Api, key: str, tenant_id: str | None = None, **fields: Any) -> pb.CreateKeyResponse:
    request = pb.CreateKeyRequest(**{"display_name": "backend", "scopes": ["stations:read"], **fields})
    made: pb.CreateKeyResponse = await api.keys.CreateKey(request, metadata=auth(key, tenant_id))
    return made


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


async def test_new_key_works_and_only_its_hash_is_stored(api: Api) -> None:
    made = await make(api, await api.key(), "default")

    await api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(made.secret))

    assert made.secret.startswith(f"citrine_{made.key.key_id}_")
    assert (made.key.tenant_id, list(made.key.scopes)) == ("default", ["stations:read"])
    async with api.unit_of_work(read_only=True) as work:
        row = await KeyRepository(work.session).find(made.key.key_id)
    assert row is not None
    assert made.secret[-43:].encode() not in row.secret_hash
    assert len(row.secret_hash) == 32


async def test_key_gives_no_more_than_it_holds(api: Api) -> None:
    key = await api.key("default", ["keys:write", "stations:read"])

    assert (await make(api, key)).key.tenant_id == "default"
    for more in ({"scopes": ["stations:write"]}, {"scopes": ["*"]}, {"operator": True}):
        error = await refused(make(api, key, **more))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_key_gives_no_longer_than_it_is_valid(api: Api) -> None:
    end = api.clock.utc_now() + timedelta(hours=1)
    key = await api.key("default", expire_time=end)

    assert (await refused(make(api, key))).code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await make(api, key, expire_time=timestamp(end))).key.HasField("expire_time")


async def test_operator_makes_keys_of_the_operator(api: Api) -> None:
    made = await make(api, await api.key(), operator=True)

    assert made.key.tenant_id == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"display_name": ""}, "display_name", id="no name"),
        pytest.param({"display_name": "x" * 101}, "display_name", id="long name"),
        pytest.param({"scopes": []}, "scopes", id="no scope"),
        pytest.param({"scopes": ["*", "Stations"]}, "scopes[1]", id="no such scope"),
        pytest.param({"expire_time": Timestamp(seconds=1)}, "expire_time", id="in the past"),
    ],
)
async def test_wrong_field_of_a_new_key_is_named(api: Api, fields: Any, field: str) -> None:
    error = await refused(make(api, await api.key(), **fields))

    assert field_violations(error) == [field]


async def test_tenant_sees_its_own_keys_and_the_operator_also_its_own(api: Api) -> None:
    operator, key, other = await api.key(), await api.key("default"), await api.tenant("acme")

    of_tenant = await api.keys.ListKeys(pb.ListKeysRequest(), metadata=auth(key))
    of_operator = await api.keys.ListKeys(pb.ListKeysRequest(), metadata=auth(operator))

    assert {one.key_id for one in of_tenant.keys} == {key.split("_")[1]}
    assert {one.key_id for one in of_operator.keys} == {key.split("_")[1], operator.split("_")[1]}
    assert other.split("_")[1] not in {one.key_id for one in of_operator.keys}


async def test_list_is_paged_and_shows_revoked_keys(api: Api) -> None:
    operator = await api.key()
    made = await make(api, operator)
    await api.keys.RevokeKey(pb.RevokeKeyRequest(key_id=made.key.key_id), metadata=auth(operator))

    first = await api.keys.ListKeys(pb.ListKeysRequest(page_size=1), metadata=auth(operator))
    request = pb.ListKeysRequest(page_size=1, page_token=first.next_page_token)
    second = await api.keys.ListKeys(request, metadata=auth(operator))

    keys = {key.key_id: key.HasField("revoke_time") for key in (*first.keys, *second.keys)}
    assert keys == {made.key.key_id: True, operator.split("_")[1]: False}


async def test_tenant_does_not_revoke_a_key_of_the_operator(api: Api) -> None:
    operator, key = await api.key(), await api.key("default")

    error = await refused(api.keys.RevokeKey(pb.RevokeKeyRequest(key_id=operator.split("_")[1]), metadata=auth(key)))

    assert error.code() is grpc.StatusCode.NOT_FOUND
