"""What is checked before a certificate is installed or deleted, and what the record shows."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import certificates_pb2 as pb
from citrine.api.v1.certificate_store_pb2 import (
    CERTIFICATE_USE_V2G_ROOT,
    CreateStoredCertificateRequest,
    StoredCertificate,
)
from citrine.api.v1.certificate_store_pb2_grpc import CertificateStoreServiceStub
from citrine.api.v1.stations_pb2 import DeleteStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.ocpp.codec import decode
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2.provisioning_pb2 import NotifyReportRequest
from tests.core.blocks.certificates.conftest import TARGET, Certificates
from tests.support.contracts import DAY, issue, pem
from tests.support.core import RunningCore
from tests.support.waiting import WAIT


async def refusal(rpc: Awaitable[object]) -> tuple[str, str]:
    """Return the status and the text with which a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await rpc
    return refused.value.code().name, str(refused.value.details())


async def test_M05_FR_02_an_installed_certificate_is_in_the_record(certificates: Certificates) -> None:
    """At once, without asking the station again, with who asked for it."""
    root = issue("CSMS root")

    status = await certificates.install(root)

    (found,) = await certificates.listed(station_id="CS-1")
    assert status == "ACCEPTED"
    assert found.certificate_type == ocpp.GET_CERTIFICATE_ID_USE_ENUM_CSMS_ROOT_CERTIFICATE
    assert (found.subject, found.requested_by) == ("CN=CSMS root", "operator (key file)")
    assert found.valid_to.ToDatetime(UTC) == root.certificate.not_valid_after_utc
    assert found.HasField("install_time")
    assert not found.HasField("report_time")
    assert found.command_id


async def test_what_is_no_ca_certificate_is_not_sent(certificates: Certificates) -> None:
    root = issue("CSMS root")
    leaf, expired = issue("leaf", root, ca=False), issue("old root", days=1)

    found = [
        await refusal(certificates.install(one))
        for one in (leaf, expired, pem(root, root), "nothing", pem(root).replace("M", "x"))
    ]

    assert {code for code, _ in found} == {"INVALID_ARGUMENT"}
    assert "must be a certificate of an authority" in found[0][1]
    assert "expired at" in found[1][1]
    assert "must be exactly one certificate in PEM, and not 2" in found[2][1]
    assert certificates.store.asked == []


async def test_what_stands_around_a_certificate_is_not_sent(certificates: Certificates) -> None:
    root = issue("CSMS root")

    await certificates.install(f"Bag Attributes\n{pem(root)}\n")

    assert certificates.store.asked[0][1]["certificate"] == pem(root)


async def test_a_certificate_of_the_store_is_installed(certificates: Certificates, core: RunningCore) -> None:
    """For a use that it has there."""
    root = issue("V2G root")
    stored = await core.stub(CertificateStoreServiceStub).CreateStoredCertificate(
        CreateStoredCertificateRequest(certificate=StoredCertificate(pem=pem(root), uses=[CERTIFICATE_USE_V2G_ROOT]))
    )

    def request(use: str, fingerprint: str, certificate: str = "") -> pb.InstallCertificateRequest:
        number = ocpp.InstallCertificateUseEnum.Value(f"INSTALL_CERTIFICATE_USE_ENUM_{use}_CERTIFICATE")
        wanted = ocpp.InstallCertificateRequest(certificate_type=number, certificate=certificate)
        return pb.InstallCertificateRequest(target=TARGET, request=wanted, stored_fingerprint=fingerprint)

    await certificates.api.InstallCertificate(request("V2G_ROOT", stored.fingerprint.upper()))

    (found,) = await certificates.listed()
    assert found.fingerprint == stored.fingerprint
    refused = [
        request("CSMS_ROOT", stored.fingerprint),
        request("V2G_ROOT", "ab"),
        request("V2G_ROOT", stored.fingerprint, pem(root)),
    ]
    codes = [(await refusal(certificates.api.InstallCertificate(one)))[0] for one in refused]
    assert codes == ["FAILED_PRECONDITION", "NOT_FOUND", "INVALID_ARGUMENT"]


async def test_a_certificate_needs_a_type(certificates: Certificates) -> None:
    request = ocpp.InstallCertificateRequest(certificate=pem(issue("CSMS root")))

    code, text = await refusal(
        certificates.api.InstallCertificate(pb.InstallCertificateRequest(target=TARGET, request=request))
    )

    assert (code, text) == ("INVALID_ARGUMENT", "request.certificate_type: must be set")


async def test_a_station_is_sent_no_more_than_it_takes(certificates: Certificates) -> None:
    report = {
        "requestId": 1,
        "generatedAt": datetime.now(UTC).isoformat(),
        "seqNo": 0,
        "reportData": [
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "MaxCertificateChainSize"},
                "variableAttribute": [{"value": "300"}],
            }
        ],
    }
    await certificates.session.call(decode(NotifyReportRequest, report))

    code, text = await refusal(certificates.install(issue("CSMS root")))

    assert code == "FAILED_PRECONDITION"
    assert "the station takes certificates of at most 300 characters" in text
    assert certificates.store.asked == []


async def test_the_last_csms_root_is_deleted_by_force_alone(certificates: Certificates) -> None:
    root, second, v2g = issue("CSMS root"), issue("second CSMS root"), issue("V2G root")
    await certificates.install(root)
    await certificates.install(second)
    await certificates.install(v2g, "V2G_ROOT")

    first = await certificates.delete(root)
    other_type = await certificates.delete(v2g)
    code, text = await refusal(certificates.delete(second))
    forced = await certificates.delete(second, force=True)

    assert (first, other_type, forced) == ("ACCEPTED", "ACCEPTED", "ACCEPTED")
    assert code == "FAILED_PRECONDITION"
    assert "last CSMS root certificate" in text
    assert await certificates.listed() == []


async def test_a_deletion_under_way_counts_as_done(certificates: Certificates) -> None:
    """Two at a time, or two that wait for their station, would else leave it without a CSMS root certificate."""
    first, second = issue("CSMS root"), issue("second CSMS root")
    await certificates.install(first)
    await certificates.install(second)
    edge = certificates.session.edge
    edge.on_command = lambda command: None
    asked = len(edge.commands)
    running = asyncio.ensure_future(certificates.delete(first))
    async with asyncio.timeout(WAIT):
        while len(edge.commands) == asked:
            await asyncio.sleep(0.01)

    code, text = await refusal(certificates.delete(second))
    running.cancel()

    assert code == "FAILED_PRECONDITION"
    assert "last CSMS root certificate" in text


async def test_a_certificate_that_is_not_in_the_record_is_deleted_by_force_alone(certificates: Certificates) -> None:
    """It may be the station's last CSMS root certificate."""
    root, second = issue("CSMS root"), issue("second CSMS root")
    certificates.store.installed = [
        ("CSMSRootCertificate", root.certificate),
        ("CSMSRootCertificate", second.certificate),
    ]

    code, text = await refusal(certificates.delete(root))
    await certificates.report()

    assert code == "FAILED_PRECONDITION"
    assert "GetInstalledCertificateIds" in text
    assert await certificates.delete(root) == "ACCEPTED"


@pytest.mark.in_turn
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("upper_case", [False, True])
async def test_M04_FR_07_a_station_is_sent_its_own_hash_data(
    certificates: Certificates, algorithm: str, upper_case: bool
) -> None:
    """Whichever algorithm the caller uses, and as the station spells it."""
    root = issue("V2G root")
    certificates.store.algorithm, certificates.store.upper_case = algorithm, upper_case
    await certificates.install(root, "V2G_ROOT")
    await certificates.report()

    status = await certificates.delete(root, "SHA256")

    assert status == "ACCEPTED"
    assert certificates.store.asked[-1][1]["certificateHashData"] == {
        **certificates.store.hash_data(root.certificate),
        "hashAlgorithm": algorithm,
    }


async def test_the_record_is_filtered(certificates: Certificates) -> None:
    root, v2g = issue("CSMS root"), issue("V2G root", days=5)
    await certificates.install(root)
    await certificates.install(v2g, "V2G_ROOT")
    soon = Timestamp()
    soon.FromDatetime(datetime.now(UTC) + 4 * DAY)
    serial = f"{v2g.certificate.serial_number:X}"
    fingerprint = (await certificates.listed())[0].fingerprint

    found = [
        [one.subject for one in await certificates.listed(**filters)]
        for filters in (
            {"certificate_type": ocpp.GET_CERTIFICATE_ID_USE_ENUM_V2G_ROOT_CERTIFICATE},
            {"serial_number": serial},
            {"fingerprint": fingerprint.upper()},
            {"expires_before": soon},
        )
    ]

    assert found == [["CN=V2G root"], ["CN=V2G root"], ["CN=CSMS root"], ["CN=V2G root"]]


async def test_a_filter_that_can_match_nothing_is_refused(certificates: Certificates) -> None:
    code, text = await refusal(certificates.listed(fingerprint="AB:CD"))

    assert (code, text) == ("INVALID_ARGUMENT", "fingerprint: must be hexadecimal digits, at most 64")


async def test_a_removed_station_leaves_no_record(certificates: Certificates, core: RunningCore) -> None:
    await certificates.install(issue("CSMS root"))

    await core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-1"))

    assert await certificates.listed() == []
