"""The record of the certificates that a station has, updated by what it answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from citrine.events.v1.events_pb2 import Event, InstalledCertificateChanged
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import HASH_ALGORITHM_ENUM_SHA256, CertificateHashData, HashAlgorithmEnum
from citrine_core.blocks.certificates.checks import CaCertificate, read_certificate
from citrine_core.blocks.certificates.models import InstalledCertificate
from citrine_core.errors import InvalidArgument
from citrine_core.resources.certificate_store.parsing import hash_data_of
from citrine_core.resources.ocsp import CertId

__all__ = [
    "TYPES",
    "Installation",
    "changed_event",
    "find_match",
    "install",
    "matches",
    "missing_from",
    "report",
    "stored_hash_data",
]

_Installed = ocpp.InstallCertificateUseEnum
_Reported = ocpp.GetCertificateIdUseEnum

TYPES = {
    _Installed.INSTALL_CERTIFICATE_USE_ENUM_V2G_ROOT_CERTIFICATE: (
        _Reported.GET_CERTIFICATE_ID_USE_ENUM_V2G_ROOT_CERTIFICATE
    ),
    _Installed.INSTALL_CERTIFICATE_USE_ENUM_MO_ROOT_CERTIFICATE: (
        _Reported.GET_CERTIFICATE_ID_USE_ENUM_MO_ROOT_CERTIFICATE
    ),
    _Installed.INSTALL_CERTIFICATE_USE_ENUM_CSMS_ROOT_CERTIFICATE: (
        _Reported.GET_CERTIFICATE_ID_USE_ENUM_CSMS_ROOT_CERTIFICATE
    ),
    _Installed.INSTALL_CERTIFICATE_USE_ENUM_MANUFACTURER_ROOT_CERTIFICATE: (
        _Reported.GET_CERTIFICATE_ID_USE_ENUM_MANUFACTURER_ROOT_CERTIFICATE
    ),
    _Installed.INSTALL_CERTIFICATE_USE_ENUM_OEM_ROOT_CERTIFICATE: (
        _Reported.GET_CERTIFICATE_ID_USE_ENUM_OEM_ROOT_CERTIFICATE
    ),
}
"""The type under which a station reports a certificate that was installed as another type."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A certificate that a station accepted."""

    tenant_id: str
    station_id: str
    certificate_type: int
    """GetCertificateIdUseEnum"""
    certificate: CaCertificate
    command_id: str
    requested_by: str
    time: datetime


def matches(row: InstalledCertificate, data: CertificateHashData) -> bool:
    """Return whether hash data, of whichever algorithm, identifies the certificate of a row."""
    if _key(data) == (row.hash_algorithm, row.issuer_name_hash, row.issuer_key_hash, row.serial_number):
        return True
    if not row.certificate or (row.hash_algorithm == data.hash_algorithm and row.issuer_key_hash):
        return False
    try:
        return read_certificate(row.certificate).matches(CertId.of(data))
    except (InvalidArgument, ValueError):
        return False


def find_match(
    rows: Sequence[InstalledCertificate], data: CertificateHashData, certificate_type: int = 0
) -> InstalledCertificate | None:
    """Return the row of a certificate, of one type or of any."""
    of_type = (row for row in rows if not certificate_type or row.certificate_type == certificate_type)
    return next((row for row in of_type if matches(row, data)), None)


def install(rows: Sequence[InstalledCertificate], done: Installation, now: datetime) -> InstalledCertificate:
    """Return the row of a certificate that a station accepted: the one that it had already (M05.FR.17), or a new one.

    Args:
        rows: The rows of the station.
        done: What it accepted.
        now: The current time.
    """
    used = next((row.hash_algorithm for row in rows if row.report_time is not None), HASH_ALGORITHM_ENUM_SHA256)
    certificate = done.certificate.certificate
    data = hash_data_of(certificate, certificate, HashAlgorithmEnum.ValueType(used))
    if not done.certificate.is_self_signed:
        data.issuer_key_hash = ""
    of_type = [row for row in rows if row.certificate_type == done.certificate_type]
    row = next((one for one in of_type if _is_of(one, done.certificate)), None)
    if row is None:
        row = _new_row(done.tenant_id, done.station_id, done.certificate_type, data, now)
    facts = done.certificate.facts
    row.certificate, row.fingerprint = facts.pem, facts.fingerprint
    row.subject, row.expire_time = facts.subject, facts.valid_until
    row.install_time, row.command_id, row.requested_by = done.time, done.command_id, done.requested_by
    return row


def report(
    rows: Sequence[InstalledCertificate], tenant_id: str, station_id: str, chain: ocpp.CertificateHashDataChain,
    now: datetime,
) -> InstalledCertificate:  # fmt: skip
    """Return the row of a certificate that a station reported, with the hash data that it uses."""
    data = chain.certificate_hash_data
    row = find_match(rows, data, chain.certificate_type)
    if row is None:
        return _new_row(tenant_id, station_id, chain.certificate_type, data, now, chain)
    _fill(row, data, chain)
    return row


def missing_from(
    rows: Sequence[InstalledCertificate], types: Sequence[int], found: Sequence[InstalledCertificate]
) -> list[InstalledCertificate]:
    """Return the rows that a report on types (empty: all) did not contain."""
    return [row for row in rows if (not types or row.certificate_type in types) and row not in found]


def _is_of(row: InstalledCertificate, certificate: CaCertificate) -> bool:
    if row.fingerprint:
        return row.fingerprint == certificate.facts.fingerprint
    try:
        return certificate.matches(CertId.of(stored_hash_data(row)))
    except ValueError:
        return False


def stored_hash_data(row: InstalledCertificate) -> CertificateHashData:
    """Return the hash data of a row, as the station reported it."""
    return ocpp.CertificateHashDataChain.FromString(row.content).certificate_hash_data


def _new_row(
    tenant_id: str,
    station_id: str,
    certificate_type: int,
    data: CertificateHashData,
    now: datetime,
    chain: ocpp.CertificateHashDataChain | None = None,
) -> InstalledCertificate:
    row = InstalledCertificate(
        tenant_id=tenant_id,
        station_id=station_id,
        certificate_type=certificate_type,
        certificate="",
        fingerprint="",
        subject="",
        command_id="",
        requested_by="",
        create_time=now,
    )
    _fill(row, data, chain)
    return row


def _fill(
    row: InstalledCertificate, data: CertificateHashData, chain: ocpp.CertificateHashDataChain | None = None
) -> None:
    if chain is None:
        use = ocpp.GetCertificateIdUseEnum.ValueType(row.certificate_type)
        chain = ocpp.CertificateHashDataChain(certificate_hash_data=data, certificate_type=use)
    row.hash_algorithm, row.issuer_name_hash, row.issuer_key_hash, row.serial_number = _key(data)
    row.content = chain.SerializeToString(deterministic=True)


def _key(data: CertificateHashData) -> tuple[int, str, str, str]:
    # PostgreSQL can't hold NUL, and the texts are the station's.
    name, key, serial = (
        text.lower().replace("\0", "\N{REPLACEMENT CHARACTER}")
        for text in (data.issuer_name_hash, data.issuer_key_hash, data.serial_number)
    )
    return data.hash_algorithm, name, key, serial.lstrip("0") or "0"


def changed_event(row: InstalledCertificate, kind: InstalledCertificateChanged.Kind.ValueType) -> Event:
    """Return the event that says what became of a certificate."""
    body = InstalledCertificateChanged(
        kind=kind,
        certificate_type=ocpp.GetCertificateIdUseEnum.ValueType(row.certificate_type),
        fingerprint=row.fingerprint,
        subject=row.subject,
        serial_number=row.serial_number,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, installed_certificate_changed=body)
