"""KeysService."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
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


async def rotate(api: Api, key: str, key_id: str, **fields: Any) -> pb.RotateKeyResponse:
    rotated: pb.RotateKeyResponse = await api.keys.RotateKey(
        pb.RotateKeyRequest(key_id=key_id, **fields), metadata=auth(key)
    )
    return rotated


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


@pytest.mark.in_turn
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


async def test_a_key_is_shown_alone(api: Api) -> None:
    operator = await api.key()
    made = await make(api, operator, "default")

    key = await api.keys.GetKey(pb.GetKeyRequest(key_id=made.key.key_id), metadata=auth(operator))

    assert key == made.key
    assert key.HasField("create_time")
    assert not key.HasField("last_use_time")
    other = await api.tenant("acme")
    error = await refused(api.keys.GetKey(pb.GetKeyRequest(key_id=made.key.key_id), metadata=auth(other)))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_a_rotated_key_goes_on_for_its_grace_time(api: Api) -> None:
    operator = await api.key()
    old = await make(api, operator, "default", scopes=["stations:read", "tokens:read"])

    new = await rotate(api, operator, old.key.key_id, grace=Duration(seconds=600))

    assert (new.key.display_name, new.key.tenant_id) == ("backend", "default")
    assert list(new.key.scopes) == ["stations:read", "tokens:read"]
    assert not new.key.HasField("expire_time")
    assert new.replaced.replaced_by == new.key.key_id
    for secret in (old.secret, new.secret):
        await api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(secret))
    api.clock.ahead += 601
    await api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(new.secret))
    error = await refused(api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(old.secret)))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert str(error.details()).startswith("the API key is not valid any more: it expired at ")


async def test_grace_is_an_hour_where_nobody_says_and_never_longer_than_the_key(api: Api) -> None:
    operator, now = await api.key(), api.clock.utc_now()
    eternal = await make(api, operator)
    short = await make(api, operator, expire_time=timestamp(now + timedelta(minutes=5)))

    of_eternal = await rotate(api, operator, eternal.key.key_id)
    of_short = await rotate(api, operator, short.key.key_id)

    grace = of_eternal.replaced.expire_time.ToDatetime(UTC) - now
    assert timedelta(hours=1) <= grace < timedelta(hours=1, minutes=1)
    assert of_short.replaced.expire_time == short.key.expire_time == of_short.key.expire_time


async def test_a_key_without_grace_ends_at_once(api: Api) -> None:
    operator = await api.key()
    old = await make(api, operator)

    await rotate(api, operator, old.key.key_id, grace=Duration())

    error = await refused(api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(old.secret)))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_key_rotates_itself_if_it_may_make_keys(api: Api) -> None:
    key = await api.key("default", ["keys:write"])

    new = await rotate(api, key, key.split("_")[1])

    assert (await rotate(api, new.secret, new.key.key_id)).key.scopes == ["keys:write"]


async def test_nobody_rotates_a_key_that_may_do_more(api: Api) -> None:
    """Who gets its secret would be able to do all that it may."""
    operator, weak = await api.key(), await api.key("default", ["keys:write"])
    strong = await make(api, operator, "default", scopes=["*"])

    error = await refused(rotate(api, weak, strong.key.key_id))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    error = await refused(rotate(api, weak, operator.split("_")[1]))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    await api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(strong.secret))
    shown = await api.keys.GetKey(pb.GetKeyRequest(key_id=strong.key.key_id), metadata=auth(operator))
    assert shown == strong.key


@pytest.mark.in_turn
@pytest.mark.parametrize("state", ["revoked", "expired", "rotated"])
async def test_what_is_not_valid_is_not_rotated(api: Api, state: str) -> None:
    operator, end = await api.key(), api.clock.utc_now() + timedelta(minutes=1)
    made = await make(api, operator, expire_time=timestamp(end) if state == "expired" else None)
    if state == "revoked":
        await api.keys.RevokeKey(pb.RevokeKeyRequest(key_id=made.key.key_id), metadata=auth(operator))
    elif state == "rotated":
        await rotate(api, operator, made.key.key_id)
    else:
        api.clock.ahead += 61

    error = await refused(rotate(api, operator, made.key.key_id))

    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert state in str(error.details())


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"key_id": ""}, "key_id", id="no key"),
        pytest.param({"grace": Duration(seconds=-1)}, "grace", id="negative grace"),
        pytest.param({"grace": Duration(seconds=91 * 86400)}, "grace", id="long grace"),
        pytest.param({"expire_time": Timestamp(seconds=1)}, "expire_time", id="in the past"),
    ],
)
async def test_wrong_field_of_a_rotation_is_named(api: Api, fields: Any, field: str) -> None:
    operator = await api.key()
    made = await make(api, operator)

    error = await refused(rotate(api, operator, **{"key_id": made.key.key_id, **fields}))

    assert field_violations(error) == [field]


async def test_a_caller_learns_who_it_is_whatever_its_scopes(api: Api) -> None:
    key = (await make(api, await api.key(), "default", scopes=[], roles=["viewer"], display_name="wall")).secret
    nothing = (await make(api, await api.key(), "default", scopes=["tokens:read"])).secret

    viewer = await api.keys.GetCaller(pb.GetCallerRequest(), metadata=auth(key))
    reader = await api.keys.GetCaller(pb.GetCallerRequest(), metadata=auth(nothing))
    operator = await api.keys.GetCaller(pb.GetCallerRequest(), metadata=auth(await api.key(), "default"))

    assert (viewer.display_name, viewer.tenant_id, list(viewer.roles)) == ("wall", "default", ["viewer"])
    assert "stations:read" in viewer.scopes
    assert "stations:write" not in viewer.scopes
    assert list(reader.scopes) == ["tokens:read"]
    assert (operator.operator, operator.tenant_id, list(operator.scopes)) == (True, "default", ["*"])
    assert (await refused(api.keys.GetCaller(pb.GetCallerRequest()))).code() == grpc.StatusCode.UNAUTHENTICATED
