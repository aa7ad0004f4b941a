"""CertificateStoreService: what is stored, what is refused, and who trusts it."""

from datetime import UTC
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import authorization_pb2
from citrine.api.v1 import certificate_store_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.certificate_store_pb2_grpc import CertificateStoreServiceStub
from citrine.events.v1 import events_service_pb2
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine_core.resources.certificate_store import ContractRoots
from citrine_core.resources.certificate_store.queries import count_certificates
from tests.support.api import field_violations
from tests.support.contracts import Issued, issue, pem
from tests.support.core import RunningCore

V2G_ROOT, MO_ROOT, CSMS_ROOT = (
    pb.CERTIFICATE_USE_V2G_ROOT,
    pb.CERTIFICATE_USE_MO_ROOT,
    pb.CERTIFICATE_USE_CSMS_ROOT,
)


@pytest.fixture
def store(core: RunningCore) -> Any:
    # Any: the types of stubs are those of synchronous channels.
    return core.stub(CertificateStoreServiceStub)


async def create(store: Any, issued: Issued, *uses: int, metadata: Any = None, **fields: Any) -> pb.StoredCertificate:
    request = pb.CreateStoredCertificateRequest(
        certificate=pb.StoredCertificate(pem=pem(issued), uses=uses, **fields)  # type: ignore[arg-type]
    )
    created: pb.StoredCertificate = await store.CreateStoredCertificate(request, metadata=metadata)
    return created


async def listed(store: Any, use: int = 0, metadata: Any = None) -> list[pb.StoredCertificate]:
    request = pb.ListStoredCertificatesRequest(use=use)  # type: ignore[arg-type]
    return list((await store.ListStoredCertificates(request, metadata=metadata)).certificates)


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


async def test_a_stored_certificate_says_what_it_is(core: RunningCore, store: Any) -> None:
    root = issue("V2G root")

    created = await create(store, root, V2G_ROOT, description="of the test")

    request = pb.GetStoredCertificateRequest(fingerprint=root.certificate.fingerprint(hashes.SHA256()).hex())
    found = await store.GetStoredCertificate(request)
    assert found == created
    assert (found.subject, found.issuer, found.root) == ("CN=V2G root", "CN=V2G root", True)
    assert found.serial_number == f"{root.certificate.serial_number:x}"
    assert found.valid_to.ToDatetime(UTC) == root.certificate.not_valid_after_utc
    assert (list(found.uses), found.description, found.pem) == ([V2G_ROOT], "of the test", pem(root))


async def test_certificates_are_listed_by_use_and_of_one_tenant(core: RunningCore, store: Any) -> None:
    await core.add_tenant("other")
    long = await create(store, issue("long", days=300), V2G_ROOT, MO_ROOT)
    short = await create(store, issue("short", days=100), CSMS_ROOT)

    assert await listed(store) == [short, long]
    assert await listed(store, MO_ROOT) == [long]
    assert await listed(store, metadata=core.metadata("other")) == []


async def test_uses_are_changed_and_the_etag_tells_of_others(core: RunningCore, store: Any) -> None:
    created = await create(store, issue("root"), V2G_ROOT)

    def update(etag: str) -> Any:
        certificate = pb.StoredCertificate(fingerprint=created.fingerprint, uses=[MO_ROOT], etag=etag)
        return store.UpdateStoredCertificate(pb.UpdateStoredCertificateRequest(certificate=certificate))

    changed = await update(created.etag)
    error = await refused(update(created.etag))

    assert list(changed.uses) == [MO_ROOT]
    assert error.code() is grpc.StatusCode.ABORTED


async def test_a_certificate_is_stored_once_and_can_be_removed(core: RunningCore, store: Any) -> None:
    root = issue("root")
    created = await create(store, root, V2G_ROOT)

    error = await refused(create(store, root, MO_ROOT))
    await store.DeleteStoredCertificate(pb.DeleteStoredCertificateRequest(fingerprint=created.fingerprint))

    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert await listed(store) == []
    await create(store, root, MO_ROOT)


async def test_what_is_no_certificate_of_an_authority_is_refused(core: RunningCore, store: Any) -> None:
    root = issue("root")
    key = root.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    texts = {
        "nothing": "exactly one",
        pem(root, issue("second")): "exactly one",
        pem(root) + key: "private key",
        pem(issue("leaf", root, ca=False)): "an authority",
        pem(issue("old", days=1)): "expired",
        pem(root).replace("MII", "AAA", 1): "in PEM",
    }

    errors = []
    for text in texts:
        certificate = pb.StoredCertificate(pem=text, uses=[V2G_ROOT])
        call = store.CreateStoredCertificate(pb.CreateStoredCertificateRequest(certificate=certificate))
        errors.append(await refused(call))
    without_use = await refused(create(store, root))

    assert [field_violations(one) for one in errors] == [["certificate.pem"]] * len(texts)
    assert [text for error, text in zip(errors, texts.values(), strict=True) if text not in error.details()] == []  # type: ignore[operator]
    assert field_violations(without_use) == ["certificate.uses"]


async def test_contracts_may_lead_to_v2g_and_mo_roots(core: RunningCore, store: Any) -> None:
    roots = ContractRoots.of(core.core.services)
    v2g, mo, csms = issue("V2G"), issue("MO"), issue("CSMS")

    stored = await create(store, v2g, V2G_ROOT)
    await create(store, mo, MO_ROOT)
    await create(store, csms, CSMS_ROOT)
    trusted = roots.find("default")
    await store.DeleteStoredCertificate(pb.DeleteStoredCertificateRequest(fingerprint=stored.fingerprint))

    assert pem(v2g) in trusted
    assert pem(mo) in trusted
    assert pem(csms) not in trusted
    assert roots.find("default") == pem(mo)


async def test_the_settings_of_authorization_show_and_set_the_mo_roots(core: RunningCore, store: Any) -> None:
    settings: Any = core.stub(AuthorizationServiceStub)
    old, both, new = issue("old"), issue("both"), issue("new")
    await create(store, old, MO_ROOT)
    await create(store, both, MO_ROOT, V2G_ROOT)

    before = await settings.GetAuthorizationSettings(authorization_pb2.GetAuthorizationSettingsRequest())
    after = await settings.UpdateAuthorizationSettings(
        authorization_pb2.UpdateAuthorizationSettingsRequest(
            settings=authorization_pb2.AuthorizationSettings(contract_roots=pem(new)),
            update_mask=FieldMask(paths=["contract_roots"]),
        )
    )

    assert len(before.contract_roots) == len(pem(old, both))
    assert pem(old) in before.contract_roots
    assert pem(both) in before.contract_roots
    assert after.contract_roots == pem(new)
    assert {one.subject: list(one.uses) for one in await listed(store)} == {"CN=both": [V2G_ROOT], "CN=new": [MO_ROOT]}


async def test_a_certificate_that_expires_soon_is_told_of_once(core: RunningCore, store: Any) -> None:
    events: Any = core.stub(EventsServiceStub)
    created = await create(store, issue("root", days=20), V2G_ROOT)
    await create(store, issue("later", days=200), V2G_ROOT)
    stream = events.Subscribe(events_service_pb2.SubscribeRequest(kinds=["certificate_expiring"], from_token="0"))

    event = await anext(one.event async for one in stream if one.event.HasField("certificate_expiring"))

    stream.cancel()
    told = event.certificate_expiring
    assert (told.fingerprint, told.subject) == (created.fingerprint, "CN=root")
    assert told.valid_to == created.valid_to
    async with core.core.unit_of_work(read_only=True) as work:
        counted = await count_certificates(work.session)
    assert counted == {"valid": 1, "expiring": 1, "expired": 0}
