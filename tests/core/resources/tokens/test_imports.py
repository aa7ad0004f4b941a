"""ImportTokens and ExportTokens: page by page, by a few statements, and each wrong token named."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import audit_pb2, tenants_pb2
from citrine.api.v1 import tokens_pb2 as pb
from citrine.api.v1.audit_pb2_grpc import AuditServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.events.v1.events_pb2 import TokenChanged
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine_core.resources.tokens import imports
from tests.support.api import Api, auth
from tests.support.core import RunningCore
from tests.support.statements import statements

PREVIEW, WHOLE_PAGES = pb.TOKEN_IMPORT_MODE_PREVIEW, pb.TOKEN_IMPORT_MODE_WHOLE_PAGES


@pytest.fixture
async def who(api: Api) -> tuple[tuple[str, str], ...]:
    return auth(await api.key("default"))


def token(number: int, **fields: Any) -> pb.Token:
    return pb.Token(id_token=f"T-{number}", type="Central", **fields)


async def imported(
    api: Api, who: Any, *pages: Sequence[pb.Token], mode: Any = 0, mask: Iterable[str] = ()
) -> list[pb.ImportTokensResponse]:
    async def requests() -> AsyncIterator[pb.ImportTokensRequest]:
        for page in pages:
            yield pb.ImportTokensRequest(tokens=page, mode=mode, update_mask=FieldMask(paths=mask) if mask else None)

    return [response async for response in api.tokens.ImportTokens(requests(), metadata=who)]


async def exported(api: Api, who: Any, **fields: Any) -> list[pb.Token]:
    call = api.tokens.ExportTokens(pb.ExportTokensRequest(**fields), metadata=who)
    return [one async for response in call for one in response.tokens]


def counts(response: pb.ImportTokensResponse) -> tuple[int, int, int, bool]:
    return response.created, response.updated, response.unchanged, response.stored


async def test_new_tokens_are_created_and_those_that_exist_are_overwritten(api: Api, who: Any) -> None:
    kept = pb.Token(id_token="t-1", type="Central", group_id="G", message="Hello", description="old")
    await api.tokens.CreateToken(pb.CreateTokenRequest(token=kept), metadata=who)
    await api.tokens.AddCredit(pb.AddCreditRequest(id_token="T-1", amount="20.00"), metadata=who)
    page = [token(number, group_id="G", contract_id=f"NL-TNM-C0000000{number}") for number in range(1, 4)]

    first = await imported(api, who, page[:2], page[2:])
    again = await imported(api, who, page)

    assert [counts(one) for one in first] == [(1, 1, 0, True), (1, 0, 0, True)]
    assert [one.first_index for one in first] == [0, 2]
    assert [counts(one) for one in again] == [(0, 0, 3, True)]
    found = await exported(api, who)
    assert [one.id_token for one in found] == ["t-1", "T-2", "T-3"]
    assert (found[0].message, found[0].contract_id, found[0].prepaid.paid) == ("", "NL-TNM-C00000001", "20.00")
    assert [one.etag for one in found] == ["3", "1", "1"]
    assert all(one.valid and one.whitelist == pb.TOKEN_WHITELIST_ALLOWED for one in found)


async def test_only_the_fields_of_the_mask_are_overwritten(api: Api, who: Any) -> None:
    await imported(api, who, [token(1, group_id="G", message="Hello", status=pb.TOKEN_STATUS_BLOCKED)])

    (response,) = await imported(
        api, who, [token(1, message="Hi"), token(2, message="New")], mask=["id_token", "type", "message"]
    )

    assert counts(response) == (1, 1, 0, True)
    one, two = await exported(api, who)
    assert (one.group_id, one.message, one.status) == ("G", "Hi", pb.TOKEN_STATUS_BLOCKED)
    assert (two.message, two.status) == ("New", pb.TOKEN_STATUS_ACCEPTED)


WRONG = [
    token(1),
    pb.Token(id_token="", type="Central"),
    token(3, charging_priority=10),
    token(1, message="twice"),
    token(4, language="", second_language="de"),
    token(5, country_code="NL"),
    pb.Token(id_token="no hex", type="ISO14443"),
    token(6),
]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("mode", "stored"), [(0, ["T-1", "T-6"]), (WHOLE_PAGES, []), (PREVIEW, [])], ids=["valid", "whole", "preview"]
)
async def test_each_wrong_token_is_named_with_its_field(api: Api, who: Any, mode: Any, stored: list[str]) -> None:
    responses = await imported(api, who, [token(number) for number in range(100, 110)], WRONG, mode=mode)

    _, response = responses
    assert [(one.index, one.field) for one in response.errors] == [
        (11, "id_token"),
        (12, "charging_priority"),
        (13, "id_token"),
        (14, "second_language"),
        (15, "party_id"),
        (16, "id_token"),
    ]
    assert "index 10" in response.errors[2].description
    assert response.stored == bool(stored)
    assert response.created == (0 if mode == WHOLE_PAGES else 2)
    found = [one.id_token for one in await exported(api, who)]
    assert [name for name in found if len(name) == 3] == stored
    assert len(found) - len(stored) == (0 if mode == PREVIEW else 10)


async def test_a_token_that_was_changed_or_removed_in_between_is_not_stored(api: Api, who: Any) -> None:
    (response,) = await imported(api, who, [token(1)])
    assert response.created == 1

    (response,) = await imported(api, who, [token(1, etag="7", message="x"), token(2, etag="1"), token(3)])

    assert [(one.index, one.field) for one in response.errors] == [(0, "etag"), (1, "etag")]
    assert counts(response) == (1, 0, 0, True)
    assert [one.id_token for one in await exported(api, who)] == ["T-1", "T-3"]


async def test_a_quota_ends_an_import_behind_the_pages_that_are_stored(api: Api, who: Any) -> None:
    quota = tenants_pb2.Quota(kind=tenants_pb2.QUOTA_KIND_TOKENS, limit=3)
    operator = auth(await api.key())
    await api.tenants.UpdateTenant(
        tenants_pb2.UpdateTenantRequest(tenant=tenants_pb2.Tenant(tenant_id="default", quotas=[quota])),
        metadata=operator,
    )

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await imported(api, who, [token(1), token(2)], [token(3), token(4)])

    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert [one.id_token for one in await exported(api, who)] == ["T-1", "T-2"]


@pytest.mark.in_turn
@pytest.mark.parametrize("page", [[], [token(number) for number in range(1001)]], ids=["none", "too many"])
async def test_a_page_has_one_to_a_thousand_tokens(api: Api, who: Any, page: list[pb.Token]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await imported(api, who, page)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_page_takes_the_same_number_of_statements_whatever_its_size(
    api: Api, who: Any, engine: AsyncEngine
) -> None:
    await imported(api, who, [token(number) for number in range(1000)])

    # Half of them new, half of them changed.
    page = [token(number, message="x") for number in range(500, 1500)]
    with statements(engine) as seen:
        (response,) = await imported(api, who, page)

    assert counts(response) == (500, 500, 0, True)
    # Bulk statements go below SQLAlchemy; these are the others.
    assert len(seen) < 12, [statement for statement, _ in seen]
    assert len(await exported(api, who)) == 1500


async def test_each_change_is_an_event(api: Api, who: Any) -> None:
    call = api.events.Subscribe(SubscribeRequest(kinds=["token_changed"]), metadata=who)
    await call.initial_metadata()

    await imported(api, who, [token(1), token(2), pb.Token(id_token="1234", type="KeyCode")])
    await imported(api, who, [token(1), token(2, status=pb.TOKEN_STATUS_BLOCKED, valid=False)])
    await api.tokens.DeleteToken(pb.DeleteTokenRequest(id_token="T-1"), metadata=who)

    seen: list[TokenChanged] = []
    async for response in call:
        seen += [response.event.token_changed] if response.event.HasField("token_changed") else []
        if len(seen) == 5:
            break
    call.cancel()
    assert [(TokenChanged.Kind.Name(one.kind), one.id_token.id_token, one.token.id_token) for one in seen] == [
        ("KIND_CREATED", "T-1", "T-1"),
        ("KIND_CREATED", "T-2", "T-2"),
        ("KIND_CREATED", "***", "***"),
        ("KIND_UPDATED", "T-2", "T-2"),
        ("KIND_DELETED", "T-1", ""),
    ]
    assert not seen[4].HasField("token")
    assert seen[3].token == await api.tokens.GetToken(pb.GetTokenRequest(id_token="T-2"), metadata=who)
    assert seen[3].token.update_time.ToNanoseconds() > seen[1].token.update_time.ToNanoseconds()


async def test_a_tenant_imports_and_exports_its_own(api: Api, who: Any) -> None:
    other = auth(await api.tenant("other"))
    await imported(api, who, [token(1, group_id="G")])
    await imported(api, other, [token(1, group_id="H"), token(2)])

    assert [(one.id_token, one.group_id) for one in await exported(api, who)] == [("T-1", "G")]
    assert [(one.id_token, one.group_id) for one in await exported(api, other)] == [("T-1", "H"), ("T-2", "")]


async def test_who_may_read_tokens_may_export_and_not_import(api: Api, who: Any) -> None:
    reader = auth(await api.key("default", ["tokens:read"]))
    await imported(api, who, [token(1)])

    assert len(await exported(api, reader)) == 1
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await imported(api, reader, [token(2)])
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_pages_that_were_stored_are_in_the_audit(core: RunningCore) -> None:
    # Any: the types of stubs are those of synchronous channels.
    tokens: Any = core.stub(TokensServiceStub)
    audit: Any = core.stub(AuditServiceStub)

    async def requests(mode: Any) -> AsyncIterator[pb.ImportTokensRequest]:
        for number in (1, 2):
            yield pb.ImportTokensRequest(tokens=[token(number)], mode=mode)

    for mode in (PREVIEW, 0, 0):
        assert len([one async for one in tokens.ImportTokens(requests(mode), metadata=core.metadata())]) == 2

    found = await audit.ListAuditRecords(audit_pb2.ListAuditRecordsRequest())
    records = [one for one in found.records if one.method.endswith("ImportTokens")]
    assert ["T-2" in one.request for one in records] == [True, False]


async def test_a_token_of_an_earlier_page_is_named_in_any_spelling_unless_it_was_not_taken(
    api: Api, who: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MOST_REMEMBERED", 3)
    wrong = token(1, charging_priority=99)
    same = pb.Token(id_token="t-1", type="central", message="again")
    pages = [[wrong, token(2)], [token(1)], [same, token(3)], [token(4)], [token(2, message="long since")]]

    answers = await imported(api, who, *pages)

    assert [(one.index, one.same_as_index) for one in answers[2].errors] == [(3, 2)]
    assert [one.HasField("same_as_index") for one in answers[0].errors] == [False]
    assert [counts(answer) for answer in answers[2:]] == [(1, 0, 0, True), (1, 0, 0, True), (0, 1, 0, True)]
    assert {one.id_token: one.message for one in await exported(api, who)} == {
        "T-1": "",
        "T-2": "long since",
        "T-3": "",
        "T-4": "",
    }
