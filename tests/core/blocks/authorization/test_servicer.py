"""How a tenant decides on tokens, as the API takes and shows it."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.tenants_pb2 import DeleteTenantRequest
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from tests.support.api import field_violations
from tests.support.core import RunningCore

AUTHORIZER = pb.Authorizer(
    address="authorizer.example:443",
    tls=True,
    credential="the secret",
    ask=pb.Authorizer.ASK_ALL_TOKENS,
    offline_policy=pb.Authorizer.OFFLINE_POLICY_ACCEPT,
    timeout=Duration(seconds=2, nanos=500_000_000),
)


@pytest.fixture
def api(core: RunningCore) -> Any:
    # Any: the types of stubs are those of synchronous channels.
    return core.stub(AuthorizationServiceStub)


async def update(api: Any, *paths: str, metadata: Any = None, **fields: Any) -> pb.AuthorizationSettings:
    settings: pb.AuthorizationSettings = await api.UpdateAuthorizationSettings(
        pb.UpdateAuthorizationSettingsRequest(
            settings=pb.AuthorizationSettings(**fields), update_mask=FieldMask(paths=paths) if paths else None
        ),
        metadata=metadata,
    )
    return settings


async def test_settings_are_changed_one_by_one_and_never_show_the_credential(core: RunningCore, api: Any) -> None:
    before = await api.GetAuthorizationSettings(pb.GetAuthorizationSettingsRequest())
    await update(api, authorizer=AUTHORIZER)
    await update(api, master_pass_group_id="MASTERS")

    shown = await api.GetAuthorizationSettings(pb.GetAuthorizationSettingsRequest())

    assert before == pb.AuthorizationSettings(etag=before.etag)
    expected = pb.Authorizer()
    expected.CopyFrom(AUTHORIZER)
    expected.credential, expected.has_credential = "", True
    assert (shown.authorizer, shown.master_pass_group_id) == (expected, "MASTERS")


async def test_a_credential_is_for_one_address(core: RunningCore, api: Any) -> None:
    await update(api, authorizer=AUTHORIZER)
    same = pb.Authorizer(address=AUTHORIZER.address, tls=True)

    kept = await update(api, authorizer=same)
    moved = await update(api, authorizer=pb.Authorizer(address="elsewhere.example:443"))
    back = await update(api, authorizer=same)
    none = await update(api, "authorizer")

    assert [one.authorizer.has_credential for one in (kept, moved, back)] == [True, False, False]
    assert not none.HasField("authorizer")


async def test_of_two_updates_of_the_same_settings_one_is_aborted(core: RunningCore, api: Any) -> None:
    """Also of those that are not stored yet, and where only a credential differs, which is not shown."""
    defaults = await api.GetAuthorizationSettings(pb.GetAuthorizationSettingsRequest())

    calls = [update(api, etag=defaults.etag, master_pass_group_id=name) for name in ("A", "B")]
    ends = await asyncio.gather(*calls, return_exceptions=True)

    [refused] = [one for one in ends if isinstance(one, grpc.aio.AioRpcError)]
    assert refused.code() is grpc.StatusCode.ABORTED
    before = await update(api, authorizer=AUTHORIZER)
    changed = pb.Authorizer()
    changed.CopyFrom(AUTHORIZER)
    changed.credential = "another"
    after = await update(api, etag=before.etag, authorizer=changed)
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await update(api, etag=before.etag, exact_token_ids=True)
    assert (late.value.code(), after.authorizer) == (grpc.StatusCode.ABORTED, before.authorizer)


async def test_settings_are_of_one_tenant_and_go_with_it(core: RunningCore, api: Any) -> None:
    await core.add_tenant("acme")
    await update(api, metadata=core.metadata("acme"), authorizer=AUTHORIZER)

    ours = await api.GetAuthorizationSettings(pb.GetAuthorizationSettingsRequest())
    tenants: Any = core.stub(TenantsServiceStub)
    await tenants.DeleteTenant(DeleteTenantRequest(tenant_id="acme"))
    await core.add_tenant("acme")
    again = await api.GetAuthorizationSettings(pb.GetAuthorizationSettingsRequest(), metadata=core.metadata("acme"))

    assert ours == again == pb.AuthorizationSettings(etag=ours.etag)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"master_pass_group_id": "x" * 37}, "settings.master_pass_group_id"),
    ({"contract_roots": "no certificate"}, "settings.contract_roots"),
    ({"authorizer": pb.Authorizer(tls=True)}, "settings.authorizer.address"),
    ({"authorizer": pb.Authorizer(address="host")}, "settings.authorizer.address"),
    ({"authorizer": pb.Authorizer(address=":0")}, "settings.authorizer.address"),
    ({"authorizer": pb.Authorizer(address="a:1", timeout=Duration(seconds=21))}, "settings.authorizer.timeout"),
    ({"authorizer": pb.Authorizer(address="a:1", credential="a\r\nb: c")}, "settings.authorizer.credential"),
    ({"authorizer": pb.Authorizer(address="a:1", ca_certificates="x")}, "settings.authorizer.ca_certificates"),
]


async def test_wrong_settings_are_named(core: RunningCore, api: Any) -> None:
    named = []
    for fields, _ in WRONG:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await update(api, **fields)
        named += field_violations(raised.value)

    assert named == [field for _, field in WRONG]
