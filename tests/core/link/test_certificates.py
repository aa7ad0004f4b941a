"""Tests of security profiles: which station a client certificate lets in, and what operators learn of the others."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from google.protobuf.message import Message

from citrine.api.v1 import certificate_store_pb2 as store
from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.certificate_store_pb2_grpc import CertificateStoreServiceStub
from citrine.api.v1.security_pb2 import RevokeIssuedCertificateRequest
from citrine.api.v1.security_pb2_grpc import SecurityServiceStub
from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import security_pb2 as ocpp_security
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_POWER_UP,
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    REGISTRATION_STATUS_ENUM_PENDING,
    BootNotificationRequest,
    ChargingStation,
)
from citrine.ocpp.v2.remote_control_pb2 import (
    MESSAGE_TRIGGER_ENUM_SIGN_CHARGING_STATION_CERTIFICATE,
    TRIGGER_MESSAGE_STATUS_ENUM_ACCEPTED,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from citrine_core.blocks.security.orders.models import IssuedCertificate
from citrine_core.link.certificates import read_certificate
from tests.support.contracts import Issued, Responder, issue, pem, responder
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge
from tests.support.pki import DAY, ORGANIZATION, Authority, Certified
from tests.support.waiting import WAIT

AUTHORITY = Authority.root()

BOOT = BootNotificationRequest(
    charging_station=ChargingStation(vendor_name="V", model="M"), reason=BOOT_REASON_ENUM_POWER_UP
)

STATION = ocpp_security.CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE
V2G = ocpp_security.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE


def der_of(issued: Issued) -> bytes:
    return issued.certificate.public_bytes(serialization.Encoding.DER)


async def status_of(edge: FakeEdge, station_id: str, certified: Certified, tenant_id: str = "") -> int:
    """Return the HTTP status of a refusal, 101 for an admission."""
    return await status_by(edge, station_id, certified.der, tenant_id)


async def status_by(edge: FakeEdge, station_id: str, der: bytes, tenant_id: str = "") -> int:
    """Return the same of a certificate in DER."""
    answer = await edge.admit(station_id, certificate=der, tenant_id=tenant_id)
    return answer.status if isinstance(answer, link.Refused) else 101


async def reason_for(core: RunningCore, station_id: str) -> str:
    """Return why a station was refused last."""
    await core.core.refused_stations.publish()
    request = pb.ListHandshakeRefusalsRequest(station_id=station_id)
    listed = await core.stub(StationsServiceStub).ListHandshakeRefusals(request)
    return HandshakeRefusal.Reason.Name(listed.refusals[0].reason).removeprefix("REASON_")


async def show(core: RunningCore, station_id: str) -> pb.Station:
    """Return a station as operators see it."""
    return await core.stub(StationsServiceStub).GetStation(pb.GetStationRequest(station_id=station_id))


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("certified", "columns"),
    [
        pytest.param(AUTHORITY.issue("CS-1"), {}, id="its id as common name"),
        pytest.param(AUTHORITY.issue("Wallbox", dns=["CS-1"]), {}, id="its id as alternative name"),
        pytest.param(AUTHORITY.issue("SN-0815"), {"certificate_name": "SN-0815"}, id="its serial number"),
        pytest.param(AUTHORITY.issue("CS-1", kind="rsa"), {}, id="an RSA key"),
    ],
)
async def test_A00_FR_405_a_station_is_let_in_by_a_certificate_that_names_it(
    core: RunningCore, certified: Certified, columns: dict[str, str]
) -> None:
    """Without a password, which it need not have."""
    await core.add_station("CS-1", password=None, **columns)
    async with core.edge() as edge:
        assert await status_of(edge, "CS-1", certified) == 101
        assert await status_of(edge, "CS-1", certified) == 101

    shown = await show(core, "CS-1")
    assert shown.security_profile == 3
    assert [one.sha256 for one in shown.certificates] == [certified.sha256.hex()]
    assert shown.certificates[0].subject == certified.certificate.subject.rfc4514_string()
    assert shown.certificates[0].valid_to.ToDatetime().year == certified.certificate.not_valid_after_utc.year


async def test_a_station_is_let_in_by_the_certificate_that_it_is_registered_with(core: RunningCore) -> None:
    """Whatever that names; another one that names the same is refused."""
    factory = AUTHORITY.issue("Factory")
    await core.add_station("CS-1", certificate_sha256=factory.sha256.hex())
    async with core.edge() as edge:
        assert await status_of(edge, "CS-1", AUTHORITY.issue("Factory")) == 401
        assert await status_of(edge, "CS-1", factory) == 101


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("certified", "reason"),
    [
        pytest.param(AUTHORITY.issue("CS-2"), "CERTIFICATE_NAME", id="another name"),
        pytest.param(AUTHORITY.issue("CS-1", until=-DAY / 2), "CERTIFICATE_EXPIRED", id="expired"),
        pytest.param(AUTHORITY.issue("CS-1", since=DAY), "CERTIFICATE_EXPIRED", id="not valid yet"),
    ],
)
async def test_A00_FR_407_a_station_with_another_certificate_is_refused_and_operators_learn_why(
    core: RunningCore, certified: Certified, reason: str
) -> None:
    """Also where its password is right: the certificate is its credential at this listener."""
    await core.add_station("CS-1")
    async with core.edge() as edge:
        answer = await edge.admit("CS-1", PASSWORD, certificate=certified.der)
        unknown = await status_of(edge, "CS-9", certified)

    assert isinstance(answer, link.Refused)
    assert (answer.status, unknown) == (401, 401)
    assert await reason_for(core, "CS-1") == reason
    assert (await show(core, "CS-1")).security_profile == 0


async def test_a_certificate_that_can_not_be_read_is_refused(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        answer = await edge.admit("CS-1", certificate=b"\x30\x03\x02\x01\x01")

    assert isinstance(answer, link.Refused)
    assert answer.status == 401
    assert await reason_for(core, "CS-1") == "CERTIFICATE_MALFORMED"


async def test_A00_FR_404_certificates_must_be_of_an_owner_of_stations(database_url: str, tmp_path: Path) -> None:
    async with running_core(database_url, tmp_path, certificate_owners=f"Acme GmbH; {ORGANIZATION}") as core:
        await core.add_station("CS-1")
        async with core.edge() as edge:
            assert await status_of(edge, "CS-1", AUTHORITY.issue("CS-1", organization="Example Ltd")) == 401
            assert await status_of(edge, "CS-1", AUTHORITY.issue("CS-1", organization="")) == 401
            reason = await reason_for(core, "CS-1")
            assert await status_of(edge, "CS-1", AUTHORITY.issue("CS-1")) == 101

    assert reason == "CERTIFICATE_OWNER"


async def test_A00_FR_427_a_certificate_never_serves_two_stations(core: RunningCore) -> None:
    """Neither one that it names beside the first, nor the station of this id in another tenant."""
    certified = AUTHORITY.issue("CS-1", dns=["CS-2"])
    await core.add_tenant("acme")
    await core.add_station("CS-1")
    await core.add_station("CS-2")
    await core.add_station("CS-1", tenant_id="acme")
    async with core.edge() as edge:
        assert await status_of(edge, "CS-1", certified) == 101
        assert await status_of(edge, "CS-2", certified) == 401
        assert await status_of(edge, "CS-1", certified, "acme") == 401

    assert await reason_for(core, "CS-2") == "CERTIFICATE_OF_OTHER_STATION"


async def test_of_two_stations_with_one_certificate_at_once_only_one_is_let_in(core: RunningCore) -> None:
    certified = AUTHORITY.issue("CS-1", dns=["CS-2"])
    await core.add_station("CS-1")
    await core.add_station("CS-2")
    async with core.edge() as edge:
        statuses = await asyncio.gather(*(status_of(edge, one, certified) for one in ("CS-1", "CS-2")))
        again = await asyncio.gather(*(status_of(edge, one, certified) for one in ("CS-1", "CS-2")))

    assert sorted(statuses)[0] == 101
    assert sorted(statuses)[1] in (401, 503)
    assert sorted(again) == [101, 401]


async def test_a_revoked_certificate_is_refused_and_its_websocket_closed(core: RunningCore) -> None:
    """Also once the station was registered anew; another certificate of it is accepted."""
    certified, other = AUTHORITY.issue("CS-1"), AUTHORITY.issue("CS-1")
    stations = core.stub(StationsServiceStub)
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await edge.connect("CS-1", certificate=certified.der)
        colons = certified.sha256.hex(":").upper()
        request = pb.RevokeStationCertificateRequest(station_id="CS-1", certificate_sha256=colons)
        shown = await stations.RevokeStationCertificate(request)
        assert (await edge.next("disconnect")).reason == "its certificate was revoked"
        assert await status_of(edge, "CS-1", certified) == 401
        assert await reason_for(core, "CS-1") == "CERTIFICATE_REVOKED"
        assert await status_of(edge, "CS-1", other) == 101
        await stations.DeleteStation(pb.DeleteStationRequest(station_id="CS-1"))
        await core.add_station("CS-1")
        assert await status_of(edge, "CS-1", certified) == 401

    assert shown.certificates[0].HasField("revoke_time")


def issued(certified: Certified, kind: int, order_id: str) -> IssuedCertificate:
    """Return the row of a certificate that we had signed for CS-1 by an order."""
    return IssuedCertificate(
        tenant_id="default",
        station_id="CS-1",
        fingerprint=certified.sha256.hex(),
        certificate_type=kind,
        common_name="CS-1",
        serial_number=f"{certified.certificate.serial_number:x}",
        valid_from=certified.certificate.not_valid_before_utc,
        valid_until=certified.certificate.not_valid_after_utc,
        order_id=order_id,
    )


async def test_the_use_of_a_renewed_certificate_revokes_the_one_before(core: RunningCore) -> None:
    """And one that was issued for vehicles lets no station in."""
    old, new, v2g = (AUTHORITY.issue("CS-1", since=-days * DAY) for days in (3, 2, 1))
    await core.add_station("CS-1")
    async with core.core.unit_of_work() as work:
        work.session.add_all([issued(old, STATION, "1"), issued(new, STATION, "2"), issued(v2g, V2G, "3")])
        await work.commit()
    async with core.edge() as edge:
        assert await status_of(edge, "CS-1", old) == 101
        assert await status_of(edge, "CS-1", v2g) == 401
        assert await status_of(edge, "CS-1", new) == 101
        assert await status_of(edge, "CS-1", old) == 401
        assert await status_of(edge, "CS-1", new) == 101

    assert await reason_for(core, "CS-1") == "CERTIFICATE_REVOKED"


async def test_a_certificate_that_was_issued_and_not_used_yet_is_revoked_as_any_other(core: RunningCore) -> None:
    """And one that was used is, whichever of the two rpcs is called."""
    first, second = AUTHORITY.issue("CS-1", since=-3 * DAY), AUTHORITY.issue("CS-1", since=-2 * DAY)
    await core.add_station("CS-1")
    async with core.core.unit_of_work() as work:
        work.session.add_all([issued(first, STATION, "1"), issued(second, STATION, "2")])
        await work.commit()
    async with core.edge() as edge:
        request = pb.RevokeStationCertificateRequest(station_id="CS-1", certificate_sha256=second.sha256.hex())
        await core.stub(StationsServiceStub).RevokeStationCertificate(request)
        assert await status_of(edge, "CS-1", second) == 401
        await edge.connect("CS-1", certificate=first.der)
        revoke = RevokeIssuedCertificateRequest(station_id="CS-1", fingerprint=first.sha256.hex())
        await core.stub(SecurityServiceStub).RevokeIssuedCertificate(revoke)
        assert (await edge.next("disconnect")).reason == "its certificate was revoked"
        shown = await core.stub(StationsServiceStub).GetStation(pb.GetStationRequest(station_id="CS-1"))

    assert shown.certificates[0].HasField("revoke_time")


async def test_a_certificate_that_the_station_never_had_can_not_be_revoked(core: RunningCore) -> None:
    await core.add_station("CS-1")
    request = pb.RevokeStationCertificateRequest(station_id="CS-1", certificate_sha256="ab" * 32)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub(StationsServiceStub).RevokeStationCertificate(request)

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_A05_FR_07_a_lower_security_profile_than_before_is_refused(core: RunningCore) -> None:
    """Who has not proved to be the station learns nothing of it."""
    await core.add_station("CS-1")
    async with core.edge() as edge:
        for profile in (1, 2):
            assert isinstance(await edge.admit("CS-1", PASSWORD, profile=profile), link.Admitted)
        lower = await edge.admit("CS-1", PASSWORD, profile=1)
        reason = await reason_for(core, "CS-1")
        unknown = await edge.admit("CS-1", PASSWORD, profile=0)
        stranger = await edge.admit("CS-1", "another-password", profile=1)
        same = await edge.admit("CS-1", PASSWORD, profile=2)
        await edge.admit("CS-1", certificate=AUTHORITY.issue("CS-1").der)
        second = await edge.admit("CS-1", PASSWORD, profile=2)

    assert [one.status for one in (lower, unknown, stranger, second)] == [403, 403, 401, 403]  # type: ignore[union-attr]
    assert isinstance(same, link.Admitted)
    assert reason == "LOWER_SECURITY_PROFILE"


async def test_an_operator_may_lower_the_security_profile(core: RunningCore) -> None:
    stations = core.stub(StationsServiceStub)
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await edge.admit("CS-1", PASSWORD, profile=2)
        lowered = await stations.LowerSecurityProfile(
            pb.LowerSecurityProfileRequest(station_id="CS-1", security_profile=1)
        )
        admitted = await edge.admit("CS-1", PASSWORD, profile=1)
        with pytest.raises(grpc.aio.AioRpcError) as not_above:
            await stations.LowerSecurityProfile(pb.LowerSecurityProfileRequest(station_id="CS-1", security_profile=2))
        with pytest.raises(grpc.aio.AioRpcError) as no_profile:
            await stations.LowerSecurityProfile(pb.LowerSecurityProfileRequest(station_id="CS-1"))

    assert lowered.security_profile == 1
    assert isinstance(admitted, link.Admitted)
    assert not_above.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert no_profile.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_what_a_certificate_must_name_is_changed_by_an_update(core: RunningCore) -> None:
    certified = AUTHORITY.issue("SN-1")
    await core.add_station("CS-1")
    station = pb.Station(station_id="CS-1", certificate_name="SN-1", certificate_sha256=certified.sha256.hex(":"))
    updated = await core.stub(StationsServiceStub).UpdateStation(pb.UpdateStationRequest(station=station))
    station.certificate_sha256 = "abc"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub(StationsServiceStub).UpdateStation(pb.UpdateStationRequest(station=station))

    assert (updated.certificate_name, updated.certificate_sha256) == ("SN-1", certified.sha256.hex())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "certificate_sha256" in (refused.value.details() or "")


def test_names_are_common_names_and_alternative_names() -> None:
    presented = read_certificate(AUTHORITY.issue("One", dns=["two.example"], addresses=["192.0.2.1"]).der)

    assert presented is not None
    assert presented.names == {"One", "two.example"}
    assert presented.organizations == {ORGANIZATION}
    assert presented.valid_until - presented.valid_from == timedelta(days=31)


async def test_A00_FR_429_an_expired_certificate_is_renewed_at_once_where_its_station_may(core: RunningCore) -> None:
    """It is Pending until it comes with another one, whatever it was before."""
    expired, other = AUTHORITY.issue("CS-1", until=-DAY / 2), AUTHORITY.issue("CS-1")
    accepted = REGISTRATION_STATUS_ENUM_ACCEPTED
    await core.add_station("CS-1", accept_expired_certificate=True, registration=accepted)
    asked: asyncio.Queue[Message] = asyncio.Queue()

    def answer(command: link.Command) -> Message:
        asked.put_nowait(unwrap(command.request))
        return TriggerMessageResponse(status=TRIGGER_MESSAGE_STATUS_ENUM_ACCEPTED)

    async with core.edge() as edge:
        edge.on_command = answer
        session = await edge.connect("CS-1", certificate=expired.der)
        async with asyncio.timeout(WAIT):
            request = await asked.get()
        boot = await session.call(BOOT)
        renewed = await edge.connect("CS-1", certificate=other.der)
        boot_after = await renewed.call(BOOT)

    assert session.admitted.registration == REGISTRATION_STATUS_ENUM_PENDING
    assert request == TriggerMessageRequest(requested_message=MESSAGE_TRIGGER_ENUM_SIGN_CHARGING_STATION_CERTIFICATE)
    assert boot.status == REGISTRATION_STATUS_ENUM_PENDING
    assert boot_after.status == accepted


@pytest.fixture
async def ocsp() -> AsyncIterator[Responder]:
    async with responder() as running:
        yield running


@pytest.mark.parametrize("mode", ["soft", "hard"])
async def test_a_certificate_that_its_responder_calls_revoked_lets_nobody_in(
    sqlite_url: str, tmp_path: Path, ocsp: Responder, mode: str
) -> None:
    root = issue("CA of stations")
    good, revoked = (issue("CS-1", root, ca=False, url=ocsp.url) for _ in range(2))
    ocsp.add(good, revoked)
    ocsp.revoke(revoked)
    async with running_core(sqlite_url, tmp_path, station_certificate_ocsp=mode) as core:
        await core.add_station("CS-1")
        stored = store.StoredCertificate(pem=pem(root), uses=[store.CERTIFICATE_USE_STATION_CA])
        request = store.CreateStoredCertificateRequest(certificate=stored)
        await core.stub(CertificateStoreServiceStub).CreateStoredCertificate(request)
        async with core.edge() as edge:
            statuses = [await status_by(edge, "CS-1", der_of(one)) for one in (good, good, revoked)]
        reason = await reason_for(core, "CS-1")

    assert statuses == [101, 101, 401]
    assert reason == "CERTIFICATE_REVOKED"
    assert len(ocsp.asked) == 2


@pytest.mark.parametrize(("mode", "status"), [("off", 101), ("soft", 101), ("hard", 401)])
async def test_a_certificate_whose_status_nobody_says_is_let_in_or_not_as_is_set(
    sqlite_url: str, tmp_path: Path, mode: str, status: int
) -> None:
    async with running_core(sqlite_url, tmp_path, station_certificate_ocsp=mode) as core:
        await core.add_station("CS-1")
        async with core.edge() as edge:
            assert await status_of(edge, "CS-1", AUTHORITY.issue("CS-1")) == status


async def test_a_certificate_of_the_local_authority_needs_no_responder(sqlite_url: str, tmp_path: Path) -> None:
    root = issue("CA of stations")
    files = {"station_ca_certificate_file": tmp_path / "ca.crt", "station_ca_key_file": tmp_path / "ca.key"}
    files["station_ca_certificate_file"].write_text(pem(root))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files["station_ca_key_file"].write_bytes(root.key.private_bytes(*private))
    files["station_ca_key_file"].chmod(0o600)
    async with running_core(sqlite_url, tmp_path, station_certificate_ocsp="hard", **files) as core:
        await core.add_station("CS-1")
        async with core.edge() as edge:
            own, of_others = issue("CS-1", root, ca=False), issue("CS-1", issue("Another"), ca=False)
            assert await status_by(edge, "CS-1", der_of(own)) == 101
            assert await status_by(edge, "CS-1", der_of(of_others)) == 401
            connected = await edge.connect("CS-1", certificate=der_of(own))
            revoke = pb.RevokeStationCertificateRequest(
                station_id="CS-1", certificate_sha256=own.certificate.fingerprint(hashes.SHA256()).hex()
            )
            await core.stub(StationsServiceStub).RevokeStationCertificate(revoke)
            assert await status_by(edge, "CS-1", der_of(own)) == 401
            await connected.close()
