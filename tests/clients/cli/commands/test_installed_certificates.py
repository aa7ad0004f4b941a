"""`citrine certificate install`, `installed`, `get` and `delete`: what is asked, what is printed, how it ends."""

from pathlib import Path

from citrine.api.v1 import certificates_pb2 as pb
from citrine.api.v1.common_pb2 import Command
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import HASH_ALGORITHM_ENUM_SHA256, CertificateHashData
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

COMMAND = Command(command_id="c-1", station_id="CS-1")


def certificate(serial_number: str, fingerprint: str = "") -> pb.InstalledCertificate:
    return pb.InstalledCertificate(
        station_id="CS-1",
        certificate_type=ocpp.GET_CERTIFICATE_ID_USE_ENUM_CSMS_ROOT_CERTIFICATE,
        certificate_hash_data=CertificateHashData(
            hash_algorithm=HASH_ALGORITHM_ENUM_SHA256, serial_number=serial_number
        ),
        fingerprint=fingerprint,
        subject="CN=root" if fingerprint else "",
        requested_by="operator",
    )


def record(core: ScriptedCore, *found: pb.InstalledCertificate) -> None:
    core.on("ListInstalledCertificates", pb.ListInstalledCertificatesResponse(installed_certificates=found))


def test_a_certificate_of_a_file_is_installed(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_text("PEM")
    accepted = ocpp.InstallCertificateResponse(status=ocpp.INSTALL_CERTIFICATE_STATUS_ENUM_ACCEPTED)
    core.on("InstallCertificate", pb.InstallCertificateResponse(command=COMMAND, response=accepted))

    ran = citrine("certificate", "install", "CS-1", "--type", "csms-root", "--file", str(file))

    assert ran.lines == ["CS-1 answered Accepted"]
    (request,) = core.requests("InstallCertificate")
    assert request.request.certificate == "PEM"
    assert request.request.certificate_type == ocpp.INSTALL_CERTIFICATE_USE_ENUM_CSMS_ROOT_CERTIFICATE
    assert request.stored_fingerprint == ""


def test_a_certificate_of_the_store_is_installed(citrine: Cli, core: ScriptedCore) -> None:
    rejected = ocpp.InstallCertificateResponse(status=ocpp.INSTALL_CERTIFICATE_STATUS_ENUM_REJECTED)
    core.on("InstallCertificate", pb.InstallCertificateResponse(command=COMMAND, response=rejected))

    ran = citrine("certificate", "install", "CS-1", "--type", "v2g-root", "--stored", "abcd")

    assert ran.code == 1
    assert "CS-1 answered Rejected" in ran.err
    (request,) = core.requests("InstallCertificate")
    assert (request.request.certificate, request.stored_fingerprint) == ("", "abcd")


def test_there_is_one_certificate_to_install(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    neither = citrine("certificate", "install", "CS-1", "--type", "csms-root")
    unknown = citrine("certificate", "install", "CS-1", "--type", "root", "--stored", "ab")
    missing = citrine("certificate", "install", "CS-1", "--type", "mo-root", "--file", str(tmp_path / "none.pem"))

    assert (neither.code, unknown.code, missing.code) == (2, 2, 1)
    assert "give either --file or --stored" in neither.err
    assert "none.pem can't be read" in missing.err
    assert core.requests("InstallCertificate") == []


def test_the_record_is_listed_by_filters(citrine: Cli, core: ScriptedCore) -> None:
    record(core, certificate("1a2b", "cd" * 32))

    ran = citrine(
        *("certificate", "installed", "--station", "CS-1", "--type", "csms-root", "--fingerprint", "AB:CD"),
        *("--serial-number", "1a:2b", "--expires-before", "2030-01-01T00:00:00Z"),
    )

    assert ran.code == 0
    assert "CN=root" in ran.out
    (request,) = core.requests("ListInstalledCertificates")
    assert (request.station_id, request.fingerprint, request.serial_number) == ("CS-1", "ABCD", "1a2b")
    assert request.certificate_type == ocpp.GET_CERTIFICATE_ID_USE_ENUM_CSMS_ROOT_CERTIFICATE
    assert request.expires_before.seconds == 1893456000


def test_a_station_is_asked_for_its_certificates(citrine: Cli, core: ScriptedCore) -> None:
    answer = ocpp.GetInstalledCertificateIdsResponse(status=ocpp.GET_INSTALLED_CERTIFICATE_STATUS_ENUM_NOT_FOUND)
    core.on("GetInstalledCertificateIds", pb.GetInstalledCertificateIdsResponse(command=COMMAND, response=answer))
    record(core)

    ran = citrine("certificate", "get", "CS-1", "--type", "v2g-certificate-chain")

    assert (ran.code, ran.lines) == (0, ["no certificates are known to be installed"])
    (request,) = core.requests("GetInstalledCertificateIds")
    assert list(request.request.certificate_type) == [ocpp.GET_CERTIFICATE_ID_USE_ENUM_V2G_CERTIFICATE_CHAIN]


def test_a_certificate_is_deleted_by_the_beginning_of_its_id(citrine: Cli, core: ScriptedCore) -> None:
    record(core, certificate("1a2b", "cd" * 32), certificate("1a3c"))
    accepted = ocpp.DeleteCertificateResponse(status=ocpp.DELETE_CERTIFICATE_STATUS_ENUM_ACCEPTED)
    core.on("DeleteCertificate", pb.DeleteCertificateResponse(command=COMMAND, response=accepted))

    by_fingerprint = citrine("certificate", "delete", "CS-1", "CD:CD", "--force")
    by_serial = citrine("certificate", "delete", "CS-1", "1a3")
    several = citrine("certificate", "delete", "CS-1", "1a")
    unknown = citrine("certificate", "delete", "CS-1", "ff")

    assert (by_fingerprint.code, by_serial.code) == (0, 0)
    first, second = core.requests("DeleteCertificate")
    assert (first.request.certificate_hash_data.serial_number, first.force) == ("1a2b", True)
    assert (second.request.certificate_hash_data.serial_number, second.force) == ("1a3c", False)
    assert "several certificates of CS-1 begin with 1a" in several.err
    assert "certificate ff does not exist" in unknown.err
