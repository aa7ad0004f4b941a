"""Whether the client certificate of a station is revoked, as its OCSP responder says (security profile 3, A00)."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from citrine.api.v1.certificate_store_pb2 import CertificateUse
from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine_core.config import CoreSettings
from citrine_core.resources.certificate_store.parsing import read_certificates
from citrine_core.resources.certificate_store.queries import find_trusted
from citrine_core.resources.ocsp import CertId, Ocsp, OcspStatus, responder_of
from citrine_core.services import Services

__all__ = ["StationRevocation", "station_revocation"]

logger = logging.getLogger(__name__)

ISSUERS_LIFETIME = timedelta(minutes=1)
"""How long issuers are cached."""

AT_ONCE = 64
"""Most certificates that are asked about at a time."""


def station_revocation(services: Services) -> "StationRevocation | None":
    """Return whom to ask, as the settings say; None: nobody is asked."""
    return None if services.settings.station_certificate_ocsp == "off" else StationRevocation(services)


class StationRevocation:
    """Asks OCSP responders about certificates of stations.

    Issuers are the certificates of the store for station CAs, of any tenant, and the local authority's, for whose
    certificates nobody else need be asked unless they name a responder. A certificate whose status nobody says is let
    in by "soft", and refused by "hard".

    Args:
        services: Services of the core.
    """

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._is_hard = settings.station_certificate_ocsp == "hard"
        self._own = _own_issuers(settings)
        self._ocsp = Ocsp.of(services)
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._issuers: Sequence[x509.Certificate] = ()
        self._until: datetime | None = None

    async def problem(self, der: bytes) -> "HandshakeRefusal.Reason.ValueType | None":
        """Return why a certificate lets nobody in; None if it does.

        Raises:
            DatabaseUnavailable: When the issuers can't be read.
        """
        certificate = x509.load_der_x509_certificate(der)
        async with self._slots:
            status = await self._status(certificate)
        if status is OcspStatus.REVOKED:
            return HandshakeRefusal.REASON_CERTIFICATE_REVOKED
        if status is OcspStatus.UNKNOWN and self._is_hard:
            return HandshakeRefusal.REASON_CERTIFICATE_STATUS_UNKNOWN
        return None

    async def _status(self, certificate: x509.Certificate) -> OcspStatus:
        now = self._clock()
        issuer = next((one for one in await self._known(now) if _issued(certificate, one)), None)
        url = responder_of(certificate)
        if issuer in self._own and url is None:
            # What this core's own authority signed is revoked here alone, which admission looks up anyway.
            return OcspStatus.GOOD
        if issuer is None or url is None:
            missing = "its issuer is not in the certificate store" if url is not None else "it names no responder"
            about = {"subject": certificate.subject.rfc4514_string()[:200], "problem": missing}
            logger.info("nobody can be asked whether a certificate is revoked", extra=about)
            return OcspStatus.UNKNOWN
        # The URL is that of an authority that the operator trusts, so it may be in the operator's own network.
        return await self._ocsp.status(CertId.issued(certificate, issuer), url, [issuer], now, None)

    async def _known(self, now: datetime) -> Sequence[x509.Certificate]:
        if self._until is None or self._until <= now:
            async with self._unit_of_work(read_only=True) as work:
                found = await find_trusted(work.session, [CertificateUse.CERTIFICATE_USE_STATION_CA])
            stored = [one for rows in found.values() for _, pem in rows for one in read_certificates(pem)]
            self._issuers, self._until = [*self._own, *stored], now + ISSUERS_LIFETIME
        return self._issuers


def _own_issuers(settings: CoreSettings) -> Sequence[x509.Certificate]:
    """Return the certificates of the local authority, which was found to be readable when it was made."""
    path = settings.station_ca_certificate_file
    return read_certificates(path.read_text(encoding="ascii")) if path is not None else ()


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
