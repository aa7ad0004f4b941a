"""TokensService."""

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import tokens_pb2 as pb
from tests.support.api import Api, auth, field_violations


@pytest.fixture
async def who(api: Api) -> tuple[tuple[str, str], ...]:
    return auth(await api.key("default"))


async def create(api: Api, who: Any, id_token: str = "AbC-1", type: str = "Central", **fields: Any) -> pb.Token:
    request = pb.CreateTokenRequest(token=pb.Token(id_token=id_token, type=type, **fields))
    token: pb.Token = await api.tokens.CreateToken(request, metadata=who)
    return token


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


async def test_token_is_found_in_any_case(api: Api, who: Any) -> None:
    created = await create(api, who, group_id="G", charging_priority=-9, language="de")

    found = await api.tokens.GetToken(pb.GetTokenRequest(id_token="aBc-1", type="central"), metadata=who)

    assert found == created
    assert (found.id_token, found.type) == ("AbC-1", "Central")
    assert found.status == pb.TOKEN_STATUS_ACCEPTED


async def test_token_in_another_case_exists_already(api: Api, who: Any) -> None:
    await create(api, who)

    error = await refused(create(api, who, id_token="aBC-1"))

    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_type_must_be_given_where_there_are_several(api: Api, who: Any) -> None:
    await create(api, who)
    found = await api.tokens.GetToken(pb.GetTokenRequest(id_token="AbC-1"), metadata=who)
    assert found.type == "Central"

    await create(api, who, type="Local")

    error = await refused(api.tokens.GetToken(pb.GetTokenRequest(id_token="AbC-1"), metadata=who))
    assert field_violations(error) == ["type"]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"id_token": ""}, "token.id_token", id="no id"),
        pytest.param({"id_token": "x" * 256}, "token.id_token", id="long id"),
        pytest.param({"id_token": "\u212a"}, "token.id_token", id="not ASCII"),
        pytest.param({"type": "RFID"}, "token.type", id="no type of OCPP"),
        pytest.param({"type": ""}, "token.type", id="no type"),
        pytest.param({"group_id": "x" * 256}, "token.group_id", id="long group"),
        pytest.param({"language": "x" * 9}, "token.language", id="long language"),
        pytest.param({"charging_priority": 10}, "token.charging_priority", id="high priority"),
        pytest.param({"charging_priority": -(2**31)}, "token.charging_priority", id="low priority"),
        pytest.param({"description": "x" * 256}, "token.description", id="long description"),
        pytest.param({"expire_time": Timestamp(seconds=2**60)}, "token.expire_time", id="no time"),
    ],
)
async def test_wrong_field_of_a_new_token_is_named(api: Api, who: Any, fields: Any, field: str) -> None:
    error = await refused(create(api, who, **fields))

    assert field_violations(error) == [field]


async def test_update_with_a_mask_takes_an_expiry_away(api: Api, who: Any) -> None:
    await create(api, who, expire_time=Timestamp(seconds=253_402_300_799, nanos=999_999_000), master_pass=True)
    request = pb.UpdateTokenRequest(
        token=pb.Token(id_token="abc-1", type="Central", status=pb.TOKEN_STATUS_BLOCKED),
        update_mask=FieldMask(paths=["expire_time", "status"]),
    )

    changed = await api.tokens.UpdateToken(request, metadata=who)

    assert not changed.HasField("expire_time")
    assert changed.status == pb.TOKEN_STATUS_BLOCKED
    assert changed.master_pass
    assert changed.etag == "2"


async def test_update_with_an_old_etag_is_aborted(api: Api, who: Any) -> None:
    await create(api, who)
    request = pb.UpdateTokenRequest(token=pb.Token(id_token="AbC-1", type="Central", description="a", etag="7"))

    error = await refused(api.tokens.UpdateToken(request, metadata=who))

    assert error.code() is grpc.StatusCode.ABORTED


async def test_deleted_token_is_unknown(api: Api, who: Any) -> None:
    await create(api, who)

    await api.tokens.DeleteToken(pb.DeleteTokenRequest(id_token="ABC-1"), metadata=who)

    error = await refused(api.tokens.GetToken(pb.GetTokenRequest(id_token="AbC-1"), metadata=who))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_list_pages_by_id_and_type_and_filters_by_group(api: Api, who: Any) -> None:
    page = pb.ListTokensResponse()
    for id_token, type_name, group_id in (("b", "KeyCode", "G"), ("a", "Local", ""), ("B", "Central", "G")):
        await create(api, who, id_token=id_token, type=type_name, group_id=group_id)

    listed: list[tuple[str, str]] = []
    while not listed or page.next_page_token:
        request = pb.ListTokensRequest(page_size=1, page_token=page.next_page_token)
        page = await api.tokens.ListTokens(request, metadata=who)
        listed += [(one.id_token, one.type) for one in page.tokens]
    group = await api.tokens.ListTokens(pb.ListTokensRequest(group_id="G"), metadata=who)

    assert listed == [("a", "Local"), ("B", "Central"), ("b", "KeyCode")]
    assert [one.id_token for one in group.tokens] == ["B", "b"]


async def test_expiry_is_kept_to_the_microsecond(api: Api, who: Any) -> None:
    time = Timestamp()
    time.FromDatetime(datetime(2031, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC))

    await create(api, who, expire_time=time)

    found = await api.tokens.GetToken(pb.GetTokenRequest(id_token="AbC-1"), metadata=who)
    assert found.expire_time == time
