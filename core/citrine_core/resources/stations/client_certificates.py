"""Client certificates: which station connected with each, and which of them are revoked."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import stations_pb2 as pb
from citrine_core.db import one_of
from citrine_core.db.bulk import BulkInsert
from citrine_core.resources.stations.models import ClientCertificate
from citrine_core.rpc import to_timestamp

__all__ = ["CertificateUser", "ClientCertificates", "client_certificate_to_proto"]

_TABLE = ClientCertificate.metadata.tables["client_certificates"]

_ADD = BulkInsert(
    _TABLE,
    (
        *("sha256", "tenant_id", "station_id", "subject", "issuer", "serial_number"),
        *("expire_time", "first_use_time", "revoke_time"),
    ),
    ignore=True,
)


class CertificateUser(NamedTuple):
    """The station that used a certificate first."""

    tenant_id: str
    station_id: str
    revoked: bool


class ClientCertificates:
    """Reads and writes client certificates."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_users(self, fingerprints: Collection[str]) -> dict[str, CertificateUser]:
        """Return the users of those of the certificates that were used before, by fingerprint."""
        columns = (_TABLE.c.sha256, _TABLE.c.tenant_id, _TABLE.c.station_id, _TABLE.c.revoke_time)
        rows = await (await self._session.connection()).execute(
            select(*columns).where(one_of(_TABLE.c.sha256, set(fingerprints)))
        )
        return {row[0]: CertificateUser(row[1], row[2], row[3] is not None) for row in rows}

    async def add_all(self, used: Collection[ClientCertificate]) -> dict[str, CertificateUser]:
        """Store certificates that were used for the first time; return the users of all of them.

        If another station was faster, the certificate is that one's.
        """
        rows = [
            (
                *(one.sha256, one.tenant_id, one.station_id, one.subject, one.issuer, one.serial_number),
                *(one.expire_time, one.first_use_time, None),
            )
            for one in sorted(used, key=lambda one: one.sha256)  # so that two cores can't deadlock
        ]
        if not rows:
            return {}
        await _ADD.execute(self._session, rows)
        return await self.find_users([one.sha256 for one in used])

    async def list_of(self, tenant_id: str, station_id: str) -> Sequence[ClientCertificate]:
        """Return the certificates of a station, the newest first."""
        query = select(ClientCertificate).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id)
        return (await self._session.scalars(query.order_by(_TABLE.c.first_use_time.desc(), _TABLE.c.sha256))).all()

    async def revoke(self, tenant_id: str, station_id: str, sha256: str, now: datetime) -> bool:
        """Refuse a certificate of a station from now on; return False if it is none of the station's."""
        result = await (await self._session.connection()).execute(
            update(_TABLE)
            .where(_TABLE.c.sha256 == sha256, _TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id)
            .values(revoke_time=func.coalesce(_TABLE.c.revoke_time, now))
        )
        return result.rowcount > 0

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the certificates of a station, except for revoked ones, which stay refused."""
        await self._session.execute(
            delete(_TABLE).where(
                _TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id, _TABLE.c.revoke_time.is_(None)
            )
        )


def client_certificate_to_proto(row: ClientCertificate) -> pb.StationCertificate:
    """Return a certificate as the API shows it."""
    return pb.StationCertificate(
        sha256=row.sha256,
        subject=row.subject,
        issuer=row.issuer,
        serial_number=row.serial_number,
        valid_to=to_timestamp(row.expire_time),
        first_use_time=to_timestamp(row.first_use_time),
        revoke_time=to_timestamp(row.revoke_time),
    )
