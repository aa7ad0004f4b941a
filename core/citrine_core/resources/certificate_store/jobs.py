"""The job that sends events about certificates that expire."""

from citrine.events.v1.events_pb2 import CertificateExpiring, Event
from citrine_core.resources.certificate_store.repository import CertificateStoreRepository
from citrine_core.rpc import to_timestamp
from citrine_core.services import Services

__all__ = ["CertificateExpiry"]

MOST = 500
"""Most events of one transaction."""


class CertificateExpiry:
    """Sends one event about each certificate that expires soon. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Send the events that are due now."""
        while await self._notify():
            pass

    async def _notify(self) -> bool:
        async with self._unit_of_work() as work:
            rows = await CertificateStoreRepository(work.session).claim_notices(self._clock(), MOST)
            for row in rows:
                row.notice_due_time = None
                body = CertificateExpiring(
                    fingerprint=row.fingerprint, subject=row.subject, valid_to=to_timestamp(row.valid_until)
                )
                work.emit(Event(tenant_id=row.tenant_id, certificate_expiring=body))
            await work.commit()
        return len(rows) == MOST
