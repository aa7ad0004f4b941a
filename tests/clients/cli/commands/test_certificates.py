"""`citrine certificate`: what is asked and what is printed."""

from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import certificate_store_pb2 as store
from citrine.api.v1 import security_pb2 as security
from citrine.api.v1.stations_pb2 import Station
from citrine.ocpp.v2.security_pb2 import CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore
from tests.support.contracts import issue, pem

FINGERPRINT = "ab" * 32
ROOT = store.StoredCertificate(
    fingerprint=FINGERPRINT,
    subject="CN=Root",
    issuer="CN=Root",
    root=True,
    uses=[store.CERTIFICATE_USE_V2G_ROOT],
    etag="3",
)
ORDER = security.CertificateOrder(
    order_id="O-1", station_id="CS-1", state=security.CERTIFICATE_ORDER_STATE_REJECTED, reason="not ours"
)
ISSUED = security.IssuedCertificate(
    station_id="CS-1",
    fingerprint=FINGERPRINT,
    certificate_type=CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE,
    state=security.ISSUED_CERTIFICATE_STATE_REPLACED,
)


def test_each_certificate_of_a_file_is_stored(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    core.on("CreateStoredCertificate", ROOT)
    one, two = issue("one"), issue("two")
    (tmp_path / "roots.pem").write_text(f"# roots\n{pem(one)}# and\n{pem(two)}")

    ran = citrine("certificate", "add", "roots.pem", "--use", "v2g-root", "--use", "MO-root")

    assert ran.lines == [f"certificate {FINGERPRINT} of CN=Root stored"] * 2
    asked = [request.certificate for request in core.requests("CreateStoredCertificate")]
    assert [one.pem for one in asked] == [pem(one).strip(), pem(two).strip()]
    assert list(asked[0].uses) == [store.CERTIFICATE_USE_V2G_ROOT, store.CERTIFICATE_USE_MO_ROOT]


def test_files_that_hold_no_certificates_alone_are_not_read(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(f"{pem(issue('one'))}-----BEGIN PRIVATE KEY-----")
    (tmp_path / "empty.pem").write_text("")

    key = citrine("certificate", "add", "key.pem", "--use", "v2g-root")
    nothing = citrine("certificate", "add", "empty.pem", "--use", "v2g-root")
    unknown = citrine("certificate", "add", "empty.pem", "--use", "roots")

    assert "holds a private key" in key.err
    assert "holds no certificate" in nothing.err
    assert (key.code, nothing.code, unknown.code) == (1, 1, 2)
    assert core.seen == []


def test_a_certificate_is_found_by_how_its_fingerprint_begins(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListStoredCertificates", store.ListStoredCertificatesResponse(certificates=[ROOT]))
    core.on("UpdateStoredCertificate", ROOT)
    core.on("DeleteStoredCertificate", Empty())

    shown = citrine("certificate", "show", "AB:AB")
    changed = citrine("certificate", "set", "abab", "--use", "oem-root")
    removed = citrine("certificate", "remove", "abab", "--yes")
    missing = citrine("certificate", "show", "cd")

    assert "issuer       itself" in shown.out
    assert changed.code == 0
    (update,) = core.requests("UpdateStoredCertificate")
    assert update.update_mask == FieldMask(paths=["uses"])
    assert (update.certificate.fingerprint, update.certificate.etag) == (FINGERPRINT, "3")
    assert removed.lines == [f"certificate {FINGERPRINT} removed"]
    assert "cd" in missing.err


def test_orders_are_listed_and_shown(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetStation", Station(station_id="CS-1"))
    core.on("ListCertificateOrders", security.ListCertificateOrdersResponse(certificate_orders=[ORDER]))
    core.on("GetCertificateOrder", ORDER)

    listed = citrine("certificate", "orders", "--station", "CS-1", "--state", "rejected")
    shown = citrine("certificate", "order", "O-1")

    assert core.requests("ListCertificateOrders")[0].state == security.CERTIFICATE_ORDER_STATE_REJECTED
    assert listed.lines[1].split() == ["O-1", "CS-1", "combined", "rejected", "not", "ours"]
    assert "reason   not ours" in shown.out


def test_what_was_issued_is_listed_and_revoked(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListIssuedCertificates", security.ListIssuedCertificatesResponse(issued_certificates=[ISSUED]))
    core.on("RevokeStationCertificate", Station(station_id="CS-1"))

    listed = citrine("certificate", "issued")
    revoked = citrine("certificate", "revoke", "CS-1", FINGERPRINT.upper(), "--yes")

    assert listed.lines[1].split() == ["CS-1", FINGERPRINT, "V2GCertificate", "replaced"]
    assert revoked.lines == [f"certificate {FINGERPRINT} of CS-1 revoked"]
    (request,) = core.requests("RevokeStationCertificate")
    assert (request.station_id, request.certificate_sha256) == ("CS-1", FINGERPRINT)
