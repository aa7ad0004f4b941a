"""What becomes of the record, as stations answer."""

import asyncio

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1 import commands_pb2
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.events.v1 import events_service_pb2 as events
from citrine.events.v1.events_pb2 import InstalledCertificateChanged
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.v2.types_pb2 import HashAlgorithmEnum
from tests.core.blocks.certificates.conftest import Certificates
from tests.support.contracts import issue, pem
from tests.support.pki import Authority, Kind
from tests.support.trust_stores import hash_data_of
from tests.support.waiting import WAIT


async def call(certificates: Certificates, action: str, payload: dict[str, object]) -> None:
    """Send a command by CallStation."""
    request = ParseDict(
        {"target": {"station_id": "CS-1"}, "action": action, "payload": payload}, commands_pb2.CallStationRequest()
    )
    await certificates.core.stub(CommandsServiceStub).CallStation(request)


async def test_M05_FR_03_a_refused_certificate_is_not_in_the_record(certificates: Certificates) -> None:
    certificates.store.refusal = "Failed"

    status = await certificates.install(issue("CSMS root"))

    assert status == "FAILED"
    assert await certificates.listed() == []


async def test_M05_FR_17_a_certificate_that_is_installed_again_is_one(certificates: Certificates) -> None:
    root = issue("CSMS root")

    await certificates.install(root)
    await certificates.report()
    await certificates.install(root)

    (found,) = await certificates.listed()
    assert found.HasField("report_time")


@pytest.mark.in_turn
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
async def test_M03_FR_04_a_report_finds_what_was_installed(
    certificates: Certificates, algorithm: str, kind: Kind
) -> None:
    """By the hash data of any algorithm, which is then shown as the station has it."""
    root = Authority.root("V2G root", kind)
    certificates.store.algorithm = algorithm
    await certificates.install(root.pem, "V2G_ROOT")

    await certificates.report()

    (found,) = await certificates.listed()
    reported = hash_data_of(root.own.certificate, algorithm)
    assert found.fingerprint == root.own.sha256.hex()
    assert found.HasField("report_time")
    assert HashAlgorithmEnum.Name(found.certificate_hash_data.hash_algorithm).endswith(algorithm)
    assert found.certificate_hash_data.issuer_name_hash == reported["issuerNameHash"]
    assert found.certificate_hash_data.issuer_key_hash == reported["issuerKeyHash"]
    assert found.certificate_hash_data.serial_number == reported["serialNumber"]


async def test_hash_data_is_computed_as_stations_compute_it(certificates: Certificates) -> None:
    """In the algorithm that the station uses for others."""
    first, second = issue("V2G root"), issue("MO root")
    certificates.store.algorithm = "SHA512"
    certificates.store.installed = [("V2GRootCertificate", first.certificate)]
    await certificates.report()

    await certificates.install(second, "MO_ROOT")

    found = (await certificates.listed())[1].certificate_hash_data
    computed = hash_data_of(second.certificate, "SHA512")
    assert (found.issuer_name_hash, found.issuer_key_hash) == (computed["issuerNameHash"], computed["issuerKeyHash"])


async def test_a_ca_below_a_root_is_recognised_in_a_report(certificates: Certificates) -> None:
    """Although the hash of its issuer's key can't be computed from it."""
    root = issue("root")
    below = issue("CSMS CA", root)
    await certificates.install(below)
    (before,) = await certificates.listed()

    await certificates.report()
    await certificates.install(below)

    (found,) = await certificates.listed()
    assert before.certificate_hash_data.issuer_key_hash == ""
    assert found.certificate_hash_data.issuer_key_hash
    assert found.HasField("report_time")


async def test_M03_FR_02_a_report_removes_what_it_does_not_contain(certificates: Certificates) -> None:
    """Of the types that were asked for."""
    csms, v2g = issue("CSMS root"), issue("V2G root")
    await certificates.install(csms)
    await certificates.install(v2g, "V2G_ROOT")
    certificates.store.installed = []

    status = await certificates.report("V2G_ROOT_CERTIFICATE")
    after_first = [one.subject for one in await certificates.listed()]
    await certificates.report()

    assert status == "NOT_FOUND"
    assert after_first == ["CN=CSMS root"]
    assert await certificates.listed() == []


async def test_M03_FR_05_a_chain_is_shown_with_its_sub_cas(certificates: Certificates) -> None:
    root = issue("V2G root")
    sub = issue("sub-CA", root)
    leaf = issue("SECC", sub, ca=False)
    chain = {
        "certificateType": "V2GCertificateChain",
        "certificateHashData": hash_data_of(leaf.certificate, issuer=sub.certificate),
        "childCertificateHashData": [hash_data_of(sub.certificate, issuer=root.certificate)],
    }
    certificates.store.answer = lambda action, payload: {  # type: ignore[method-assign]
        "status": "Accepted",
        "certificateHashDataChain": [chain, chain],
    }

    await certificates.report()

    (found,) = await certificates.listed()
    assert found.certificate_hash_data.serial_number == f"{leaf.certificate.serial_number:x}"
    (child,) = found.child_certificate_hash_data
    assert child.serial_number == f"{sub.certificate.serial_number:x}"


async def test_M04_FR_03_what_a_station_does_not_delete_stays(certificates: Certificates) -> None:
    root = issue("V2G root")
    await certificates.install(root, "V2G_ROOT")
    certificates.store.refusal = "Failed"

    status = await certificates.delete(root)

    assert status == "FAILED"
    assert len(await certificates.listed()) == 1


async def test_M04_FR_04_what_a_station_does_not_have_is_removed(certificates: Certificates) -> None:
    root = issue("V2G root")
    await certificates.install(root, "V2G_ROOT")
    certificates.store.installed = []

    status = await certificates.delete(root)

    assert status == "NOT_FOUND"
    assert await certificates.listed() == []


async def test_commands_by_call_station_update_the_record(certificates: Certificates) -> None:
    root = issue("V2G root")

    await call(certificates, "InstallCertificate", {"certificateType": "V2GRootCertificate", "certificate": pem(root)})
    installed = [one.subject for one in await certificates.listed()]
    await call(certificates, "GetInstalledCertificateIds", {})
    await call(certificates, "DeleteCertificate", {"certificateHashData": hash_data_of(root.certificate)})

    assert installed == ["CN=V2G root"]
    assert await certificates.listed() == []


async def test_what_nobody_can_read_is_not_sent(certificates: Certificates) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(certificates, "InstallCertificate", {"certificateType": "V2GRootCertificate", "certificate": "x"})

    assert refused.value.details() == "payload.certificate: must be exactly one certificate in PEM, and not none"
    assert await certificates.listed() == []


async def test_events_say_what_became_of_certificates(certificates: Certificates) -> None:
    ours, other = issue("CSMS root"), issue("V2G root")
    await certificates.install(ours)
    certificates.store.installed.append(("V2GRootCertificate", other.certificate))
    await certificates.report()
    certificates.store.installed = certificates.store.installed[1:]
    await certificates.report()
    await certificates.delete(other)

    told = []
    request = events.SubscribeRequest(from_token="0", kinds=["installed_certificate_changed"])
    async with asyncio.timeout(WAIT):
        async for one in certificates.core.stub(EventsServiceStub).Subscribe(request):
            if one.event.HasField("installed_certificate_changed"):
                body = one.event.installed_certificate_changed
                told.append((InstalledCertificateChanged.Kind.Name(body.kind).removeprefix("KIND_"), body.subject))
                if len(told) == 4:
                    break

    assert told == [("INSTALLED", "CN=CSMS root"), ("FOUND", ""), ("MISSING", "CN=CSMS root"), ("DELETED", "")]
