"""Whether a client certificate is that of the station that presents it (security profile 3, part 2, A00).

Its chain was verified by the edge, or by the proxy in front. No input or output.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from sqlalchemy import Row

from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine_core.resources.stations.client_certificates import CertificateUser
from citrine_core.resources.stations.models import ClientCertificate

__all__ = ["Presented", "certificate_problem", "read_certificate"]

_TEXT = 500
"""Characters of a subject or issuer that are stored."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client certificate says."""

    sha256: str
    names: frozenset[str]
    """Common names, and subjectAltNames that are DNS names or URIs."""
    organizations: frozenset[str]
    subject: str
    issuer: str
    serial_number: str
    valid_from: datetime
    valid_until: datetime

    def row(self, tenant_id: str, station_id: str, now: datetime) -> ClientCertificate:
        """Return the row for its first use by a station."""
        return ClientCertificate(
            sha256=self.sha256,
            tenant_id=tenant_id,
            station_id=station_id,
            subject=self.subject,
            issuer=self.issuer,
            serial_number=self.serial_number,
            expire_time=self.valid_until,
            first_use_time=now,
        )


def read_certificate(der: bytes) -> Presented | None:
    """Return what a certificate says, or None if it can't be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _values(certificate.subject, NameOID.COMMON_NAME) | _alternative_names(certificate)
        return Presented(
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
            names=names,
            organizations=_values(certificate.subject, NameOID.ORGANIZATION_NAME),
            subject=_cut(certificate.subject.rfc4514_string()),
            issuer=_cut(certificate.issuer.rfc4514_string()),
            serial_number=f"{certificate.serial_number:x}"[:64],
            valid_from=certificate.not_valid_before_utc,
            valid_until=certificate.not_valid_after_utc,
        )
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
        return None


def certificate_problem(
    presented: Presented,
    row: Row[*tuple[Any, ...]],
    user: CertificateUser | None,
    tenant_id: str,
    owners: Collection[str],
    now: datetime,
) -> "HandshakeRefusal.Reason.ValueType | None":
    """Return why a station may not connect with a certificate, or None if it may.

    Args:
        presented: The certificate.
        row: The station.
        user: The station that used the certificate before. None: no station did.
        tenant_id: Tenant of the station.
        owners: Who may own it (A00.FR.404). Empty: anybody.
        now: Current time.
    """
    is_its_own = presented.sha256 == row.certificate_sha256
    if not is_its_own and not presented.names & {row.station_id, row.certificate_name or row.station_id}:
        return HandshakeRefusal.REASON_CERTIFICATE_NAME
    if owners and not presented.organizations.intersection(owners):
        return HandshakeRefusal.REASON_CERTIFICATE_OWNER
    if user is not None and (user.tenant_id, user.station_id) != (tenant_id, row.station_id):
        return HandshakeRefusal.REASON_CERTIFICATE_OF_OTHER_STATION
    if user is not None and user.revoked:
        return HandshakeRefusal.REASON_CERTIFICATE_REVOKED
    if presented.valid_from > now or (presented.valid_until < now and not row.accept_expired_certificate):
        return HandshakeRefusal.REASON_CERTIFICATE_EXPIRED
    return None


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> frozenset[str]:
    return frozenset(str(one.value) for one in name.get_attributes_for_oid(oid))


def _alternative_names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    names = found.get_values_for_type(x509.DNSName) + found.get_values_for_type(x509.UniformResourceIdentifier)
    return frozenset(names)


def _cut(text: str) -> str:
    return text.replace("\0", "")[:_TEXT]
