"""From the request of a station to its certificate, with a local authority (A02, A03)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from google.protobuf.message import Message

from citrine.api.v1 import security_pb2 as pb
from citrine.api.v1.security_pb2_grpc import SecurityServiceStub
from citrine.api.v1.stations_pb2 import DeleteStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2 import security_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import GENERIC_STATUS_ENUM_ACCEPTED, HASH_ALGORITHM_ENUM_SHA256, StatusInfo
from citrine_core.blocks.security.orders.models import CertificateOrder, IssuedCertificate
from citrine_core.blocks.security.queries import find_refused_certificates, record_certificate_use
from citrine_core.resources.certificate_store.parsing import hash_data_of
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.pki import ORGANIZATION, Authority, new_key
from tests.support.signing_requests import signing_request
from tests.support.waiting import WAIT

STATION, V2G = (
    ocpp.CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE,
    ocpp.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE,
)


class Setup:
    """A core with an authority for stations below a root, and one station that is connected."""

    def __init__(self, core: RunningCore, edge: FakeEdge, station: FakeSession, root: Authority) -> None:
        self.core = core
        self.edge = edge
        self.station = station
        self.root = root
        self.security: Any = core.stub(SecurityServiceStub)
        self.answer: Callable[[Message], Message | link.CommandFailure | None] = self.accept
        edge.on_command = lambda command: self.answer(unwrap(command.request))
        self.sent: list[ocpp.CertificateSignedRequest] = []

    def accept(self, request: Message) -> Message | None:
        """Answer Accepted."""
        if isinstance(request, ocpp.CertificateSignedRequest):
            self.sent.append(request)
            return ocpp.CertificateSignedResponse(status=ocpp.CERTIFICATE_SIGNED_STATUS_ENUM_ACCEPTED)
        assert isinstance(request, remote_control.TriggerMessageRequest)
        accepted = remote_control.TRIGGER_MESSAGE_STATUS_ENUM_ACCEPTED
        return remote_control.TriggerMessageResponse(status=accepted)

    async def sign(self, csr: str, kind: int = STATION, **fields: Any) -> ocpp.SignCertificateResponse:
        """Have the station send a request."""
        request = ocpp.SignCertificateRequest(csr=csr, **fields)
        if kind:
            request.certificate_type = kind  # type: ignore[assignment]  # a number of the enum
        response: ocpp.SignCertificateResponse = await self.station.call(request)
        return response

    async def orders(self) -> list[pb.CertificateOrder]:
        """Return the orders, the latest first."""
        return list((await self.security.ListCertificateOrders(pb.ListCertificateOrdersRequest())).certificate_orders)

    async def certificates(self) -> list[pb.IssuedCertificate]:
        """Return the certificates, the latest first."""
        listed = await self.security.ListIssuedCertificates(pb.ListIssuedCertificatesRequest())
        return list(listed.issued_certificates)

    async def order_in(self, *states: int) -> pb.CertificateOrder:
        """Wait until the latest order is in one of some states, and return it."""
        async with asyncio.timeout(WAIT):
            while not (orders := await self.orders()) or orders[0].state not in states:
                await asyncio.sleep(0.05)
        return orders[0]


@pytest.fixture
async def setup(database_url: str, tmp_path: Path) -> AsyncIterator[Setup]:
    root = Authority.root()
    certificate, key = root.below("CA of stations").own.write(tmp_path, "ca")
    certificate.write_text(certificate.read_text() + root.pem)
    settings = {
        "station_ca_certificate_file": certificate,
        "station_ca_key_file": key,
        "certificate_owners": f"Others; {ORGANIZATION}",
        "certificate_orders_per_hour": 4,
    }
    async with running_core(database_url, tmp_path, **settings) as core:
        await core.add_station("CS-1", registration=1)
        async with core.edge() as edge:
            yield Setup(core, edge, await edge.connect("CS-1", PASSWORD), root)


async def test_A02_FR_11_a_station_is_sent_the_certificate_that_it_ordered(setup: Setup) -> None:
    key = new_key()

    answer = await setup.sign(signing_request("CS-1", key))
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)

    assert answer.status == GENERIC_STATUS_ENUM_ACCEPTED
    leaf, above, root = x509.load_pem_x509_certificates(order.certificate_chain.encode())
    assert leaf.public_key() == key.public_key()
    assert leaf.subject.rfc4514_string() == f"CN=CS-1,O={ORGANIZATION}"
    leaf.verify_directly_issued_by(above)
    above.verify_directly_issued_by(root)
    assert [one.certificate_chain for one in setup.sent] == [order.certificate_chain]
    assert setup.sent[0].certificate_type == STATION
    (certificate,) = await setup.certificates()
    assert (certificate.fingerprint, certificate.order_id) == (order.fingerprint, order.order_id)
    assert certificate.state == pb.ISSUED_CERTIFICATE_STATE_INSTALLED
    assert certificate.valid_to.ToDatetime(UTC) == leaf.not_valid_after_utc


async def test_A02_FR_25_the_request_id_comes_back(setup: Setup) -> None:
    await setup.sign(signing_request("CS-1"), request_id=7)
    await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)

    assert [one.request_id for one in setup.sent] == [7]


async def test_a_combined_certificate_is_ordered_without_a_type(setup: Setup) -> None:
    await setup.sign(signing_request("CS-1"), 0)
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)

    assert order.certificate_type == 0
    assert not setup.sent[0].HasField("certificate_type")


async def test_A02_FR_12_what_can_not_be_ordered_is_rejected_with_the_reason(setup: Setup) -> None:
    other_root = Authority.root("another").own.certificate
    others = hash_data_of(other_root, other_root, HASH_ALGORITHM_ENUM_SHA256)

    answers = [
        await setup.sign(signing_request("CS-1"), V2G),
        await setup.sign(signing_request("CS-2")),
        await setup.sign(signing_request("CS-1"), hash_root_certificate=others),
    ]

    assert [one.status_info.reason_code for one in answers] == ["UnsupportedRequest", "InvalidCSR", "InvalidValue"]
    assert all(one.status_info.additional_info for one in answers)
    assert await setup.orders() == []


async def test_A02_FR_27_the_root_may_be_named(setup: Setup) -> None:
    root = setup.root.own.certificate
    data = hash_data_of(root, root, HASH_ALGORITHM_ENUM_SHA256)
    data.serial_number = f"00{data.serial_number.upper()}"

    answer = await setup.sign(signing_request("CS-1"), hash_root_certificate=data)

    assert answer.status == GENERIC_STATUS_ENUM_ACCEPTED


async def test_A02_FR_17_the_same_request_again_is_no_second_order(setup: Setup) -> None:
    setup.answer = lambda request: None
    csr = signing_request("CS-1")

    await setup.sign(csr)
    first = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_SENT)
    again = await setup.sign(csr)

    assert again.status == GENERIC_STATUS_ENUM_ACCEPTED
    assert [one.order_id for one in await setup.orders()] == [first.order_id]


async def test_what_a_station_rejects_is_an_event_and_is_not_sent_again(setup: Setup) -> None:
    def reject(request: Message) -> Message:
        setup.sent.append(request)  # type: ignore[arg-type]  # nothing else is sent
        info = StatusInfo(reason_code="InvalidCertificate", additional_info="not ours")
        rejected = ocpp.CERTIFICATE_SIGNED_STATUS_ENUM_REJECTED
        return ocpp.CertificateSignedResponse(status=rejected, status_info=info)

    setup.answer = reject
    csr = signing_request("CS-1")

    await setup.sign(csr)
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_REJECTED)
    again = await setup.sign(csr)

    assert order.reason == "InvalidCertificate: not ours"
    assert (again.status_info.reason_code, len(setup.sent)) == ("InvalidCSR", 1)
    (certificate,) = await setup.certificates()
    assert certificate.state == pb.ISSUED_CERTIFICATE_STATE_REVOKED


async def test_a_station_orders_only_so_many_in_an_hour(setup: Setup) -> None:
    answers = [await setup.sign(signing_request("CS-1")) for _ in range(5)]

    assert [one.status == GENERIC_STATUS_ENUM_ACCEPTED for one in answers] == [True] * 4 + [False]
    assert answers[-1].status_info.additional_info == "it ordered 4 certificates within an hour"


async def test_a_certificate_waits_for_its_station(setup: Setup) -> None:
    setup.answer = lambda request: link.CommandFailure(reason=link.CommandFailure.REASON_GONE)
    await setup.sign(signing_request("CS-1"))
    await setup.order_in(pb.CERTIFICATE_ORDER_STATE_SIGNED)
    await setup.station.close()
    setup.answer = setup.accept

    setup.station = await setup.edge.connect("CS-1", PASSWORD)
    await make_due(setup)

    await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)
    assert len(setup.sent) == 1


async def make_due(setup: Setup) -> None:
    """Have everything that is tried later tried now."""
    async with setup.core.core.unit_of_work() as work:
        for order in await setup.orders():
            row = await work.session.get(CertificateOrder, order.order_id)
            assert row is not None
            if row.next_time is not None:
                row.next_time = datetime.now(UTC)
        await work.commit()


async def test_A02_FR_16_a_chain_is_cut_to_what_the_station_takes(setup: Setup) -> None:
    await reported(setup, "SecurityCtrlr", "MaxCertificateChainSize", "1200")

    await setup.sign(signing_request("CS-1"))
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)

    assert len(setup.sent[0].certificate_chain) <= 1200 < len(order.certificate_chain)
    assert order.certificate_chain.startswith(setup.sent[0].certificate_chain)


async def test_a_station_that_takes_no_certificate_is_an_event(setup: Setup) -> None:
    await reported(setup, "SecurityCtrlr", "MaxCertificateChainSize", "100")

    await setup.sign(signing_request("CS-1"))
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_FAILED)

    assert "at most 100 characters" in order.reason
    assert setup.sent == []


async def reported(setup: Setup, component: str, variable: str, value: str) -> None:
    """Have a variable of the station reported."""
    request = provisioning.NotifyReportRequest(request_id=1, seq_no=0)
    request.generated_at.GetCurrentTime()
    data = request.report_data.add()
    data.component.name, data.variable.name = component, variable
    data.variable_attribute.add(value=value)
    await setup.station.call(request)


async def test_the_certificate_before_counts_until_the_new_one_is_used(setup: Setup) -> None:
    for _ in range(2):
        await setup.sign(signing_request("CS-1"))
        await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)
    orders = await setup.orders()
    old, new = orders[1].fingerprint, orders[0].fingerprint
    before = {one.fingerprint: one.state for one in await setup.certificates()}

    async with setup.core.core.unit_of_work() as work:
        await record_certificate_use(work, "default", "CS-1", new, datetime.now(UTC))
        await work.commit()

    after = {one.fingerprint: one.state for one in await setup.certificates()}
    installed = pb.ISSUED_CERTIFICATE_STATE_INSTALLED
    assert before == {old: pb.ISSUED_CERTIFICATE_STATE_REPLACED, new: installed}
    assert after == {old: pb.ISSUED_CERTIFICATE_STATE_REVOKED, new: installed}


async def test_A02_FR_10_who_connects_by_the_new_certificate_can_not_by_the_one_before(setup: Setup) -> None:
    certificates = []
    for _ in range(2):
        await setup.sign(signing_request("CS-1"))
        order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)
        leaf = x509.load_pem_x509_certificates(order.certificate_chain.encode())[0]
        certificates.append(leaf.public_bytes(serialization.Encoding.DER))
    old, new = certificates

    answers = [await setup.edge.admit("CS-1", certificate=one) for one in (old, new, old, new)]

    assert [isinstance(one, link.Admitted) for one in answers] == [True, True, False, True]


async def test_A00_FR_511_the_name_may_be_the_one_that_the_station_is_registered_with(setup: Setup) -> None:
    await setup.core.add_station("CS-2", registration=1, certificate_name="SN-0815")
    setup.station = await setup.edge.connect("CS-2", PASSWORD)

    answer = await setup.sign(signing_request("SN-0815"))

    assert answer.status == GENERIC_STATUS_ENUM_ACCEPTED


async def test_a_certificate_that_was_used_is_installed_whatever_the_station_answered(setup: Setup) -> None:
    """Stations close the socket with their Accepted on the way."""
    setup.answer = lambda request: link.CommandFailure(reason=link.CommandFailure.REASON_LOST)
    await setup.sign(signing_request("CS-1"))
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_SIGNED)

    async with setup.core.core.unit_of_work() as work:
        await record_certificate_use(work, "default", "CS-1", order.fingerprint, datetime.now(UTC))
        await work.commit()

    await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)


async def test_A02_FR_01_a_station_is_asked_to_renew_before_the_end(setup: Setup) -> None:
    await setup.sign(signing_request("CS-1"))
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)
    asked: asyncio.Queue[Message] = asyncio.Queue()

    def note(request: Message) -> Message | None:
        asked.put_nowait(request)
        return setup.accept(request)

    setup.answer = note
    async with setup.core.core.unit_of_work() as work:
        row = await work.session.get(IssuedCertificate, ("default", "CS-1", order.fingerprint))
        assert row is not None
        assert row.renew_due_time == row.valid_until - timedelta(days=30)
        row.renew_due_time = datetime.now(UTC)
        await work.commit()
    async with asyncio.timeout(WAIT):
        request = await asked.get()

    sign = remote_control.MESSAGE_TRIGGER_ENUM_SIGN_CHARGING_STATION_CERTIFICATE
    assert request == remote_control.TriggerMessageRequest(requested_message=sign)
    (certificate,) = await setup.certificates()
    assert certificate.renew_time.ToDatetime(UTC) > datetime.now(UTC) + timedelta(minutes=5)


async def test_an_operator_revokes_a_certificate(setup: Setup) -> None:
    await setup.sign(signing_request("CS-1"))
    order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)

    request = pb.RevokeIssuedCertificateRequest(station_id="CS-1", fingerprint=order.fingerprint)
    revoked = await setup.security.RevokeIssuedCertificate(request)

    assert revoked.state == pb.ISSUED_CERTIFICATE_STATE_REVOKED
    async with setup.core.core.unit_of_work(read_only=True) as work:
        refused = await find_refused_certificates(work.session, [order.fingerprint, "f" * 64], datetime.now(UTC))
    assert refused == {order.fingerprint}


async def test_a_station_of_the_same_id_inherits_no_certificate_and_revoked_ones_stay_refused(setup: Setup) -> None:
    for _ in range(2):
        await setup.sign(signing_request("CS-1"))
        await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)
    replaced = (await setup.orders())[1].fingerprint

    stations: Any = setup.core.stub(StationsServiceStub)
    await stations.DeleteStation(DeleteStationRequest(station_id="CS-1"))

    assert await setup.orders() == []
    assert [one.fingerprint for one in await setup.certificates()] == [replaced]


async def test_an_authority_that_is_gone_is_asked_again(setup: Setup, tmp_path: Path) -> None:
    key = tmp_path / "ca.key"
    away = key.rename(tmp_path / "away.key")

    await setup.sign(signing_request("CS-1"))
    async with asyncio.timeout(WAIT):
        while not (await setup.orders())[0].attempts:
            await asyncio.sleep(0.05)
    waiting = (await setup.orders())[0]
    away.rename(key)
    await make_due(setup)

    assert waiting.state == pb.CERTIFICATE_ORDER_STATE_ORDERED
    assert "can't be read" in waiting.reason
    await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)


async def test_a_certificate_for_vehicles_lets_nobody_in(database_url: str, tmp_path: Path) -> None:
    """Its authority may be trusted by the edge, for combined certificates."""
    root = Authority.root("V2G root")
    certificate, key = root.own.write(tmp_path, "v2g")
    settings = {"v2g_ca_certificate_file": certificate, "v2g_ca_key_file": key}
    async with running_core(database_url, tmp_path, **settings) as core:
        await core.add_station("CS-1", registration=1)
        async with core.edge() as edge:
            setup = Setup(core, edge, await edge.connect("CS-1", PASSWORD), root)
            leaves = []
            for kind in (V2G, 0):
                await setup.sign(signing_request("CS-1"), kind)
                order = await setup.order_in(pb.CERTIFICATE_ORDER_STATE_INSTALLED)
                leaf = x509.load_pem_x509_certificates(order.certificate_chain.encode())[0]
                leaves.append(leaf.public_bytes(serialization.Encoding.DER))

            answers = [await edge.admit("CS-1", certificate=one) for one in leaves]

    assert [isinstance(one, link.Admitted) for one in answers] == [False, True]
