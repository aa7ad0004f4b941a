"""The job that has certificates signed that stations ordered."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from citrine.api.v1 import security_pb2 as pb
from citrine_core.background import Apart
from citrine_core.blocks.security.orders.changes import end, retry
from citrine_core.blocks.security.orders.models import CertificateOrder, IssuedCertificate
from citrine_core.blocks.security.orders.protos import changed_event
from citrine_core.blocks.security.orders.repository import CertificateOrderRepository, IssuedCertificateRepository
from citrine_core.certificate_authorities import (
    AuthorityUnavailable,
    CertificateAuthority,
    OrderRefused,
    SigningRequest,
)
from citrine_core.db import UnitOfWork
from citrine_core.services import Services

__all__ = ["Signing"]

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""Time after which another core tries an order again; an attempt must have ended by then."""

SIGNING_TIME = 60.0
"""Seconds that an authority has to sign."""

PATIENCE = timedelta(days=1)
"""How long an authority may be unavailable until an order fails."""

MOST = 32
"""Most orders under way at a time on a core."""

_ORDERED = pb.CERTIFICATE_ORDER_STATE_ORDERED


class Signing:
    """Asks the authorities for what stations ordered. Several cores may run it concurrently.

    Authorities are asked outside of any transaction. What a core asked for and did not store is asked for again.

    Args:
        services: Services of the core.
        authorities: Authorities by CertificateSigningUseEnum.
        wake_delivery: Called when a certificate waits to be sent.
    """

    def __init__(
        self, services: Services, authorities: Mapping[int, CertificateAuthority], wake_delivery: Callable[[], None]
    ) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._renewal = services.settings.station_certificate_renewal
        self._authorities = authorities
        self._wake_delivery = wake_delivery
        self._apart: Apart[str] = Apart("signing of certificates")

    async def run(self) -> None:
        """Have everything signed that is due now."""
        claimed = MOST
        while claimed == MOST:
            async with self._unit_of_work() as work:
                now = self._clock()
                orders = await CertificateOrderRepository(work.session).claim_ordered(now, MOST)
                for order in orders:
                    order.next_time = now + LEASE
                await work.commit()
            await asyncio.gather(*(self._apart.run(order.order_id, self._sign, order) for order in orders))
            claimed = len(orders)

    async def _sign(self, order: CertificateOrder) -> None:
        certificate, problem, is_final = None, "", False
        try:
            certificate = await self._ask(order)
        except (AuthorityUnavailable, TimeoutError) as error:
            problem = str(error) or "the authority did not answer in time"
        except (OrderRefused, ValueError) as error:
            problem, is_final = f"the authority refused it: {error}", True
        if problem:
            extra = {"station_id": order.station_id, "order_id": order.order_id}
            logger.warning("a certificate was not signed: %s", problem, extra=extra)
        async with self._unit_of_work() as work:
            now = self._clock()
            stored = await CertificateOrderRepository(work.session).find_for_update(order.order_id)
            if stored is None or stored.state != _ORDERED:
                # The station ordered another one meanwhile, or was deleted.
                return
            if certificate is not None:
                await self._store(work, stored, *certificate, now)
            elif is_final or now - stored.create_time > PATIENCE:
                end(work, stored, pb.CERTIFICATE_ORDER_STATE_FAILED, problem, now)
            else:
                retry(work, stored, _ORDERED, problem, now)
            await work.commit()

    async def _ask(self, order: CertificateOrder) -> tuple[str, IssuedCertificate]:
        """Return what the authority signs, and its record.

        Raises:
            AuthorityUnavailable: When it can't be asked now.
            TimeoutError: When it takes too long.
            OrderRefused: When it refuses.
            ValueError: When what it signed is not what was asked for.
        """
        # Imported only where certificates are signed: the import takes time and memory.
        from citrine_core.blocks.security.orders.requests import read_signed

        authority = self._authorities.get(order.certificate_type)
        if authority is None:
            raise AuthorityUnavailable("this core has no authority for such certificates")
        async with asyncio.timeout(SIGNING_TIME):
            chain = await authority.order(SigningRequest(order.csr, order.common_name, order.organization))
        facts = read_signed(chain, order.csr)
        return chain, IssuedCertificate(
            tenant_id=order.tenant_id,
            station_id=order.station_id,
            fingerprint=facts.fingerprint,
            certificate_type=order.certificate_type,
            common_name=order.common_name,
            serial_number=facts.serial_number,
            valid_from=facts.valid_from,
            valid_until=facts.valid_until,
            order_id=order.order_id,
            renew_due_time=facts.valid_until - min(self._renewal, (facts.valid_until - facts.valid_from) / 3),
            renew_attempts=0,
        )

    async def _store(
        self, work: UnitOfWork, order: CertificateOrder, chain: str, certificate: IssuedCertificate, now: datetime
    ) -> None:
        order.state = pb.CERTIFICATE_ORDER_STATE_SIGNED
        order.reason, order.attempts = "", 0
        order.chain, order.fingerprint = chain, certificate.fingerprint
        order.update_time = order.next_time = now
        work.emit(changed_event(order))
        await IssuedCertificateRepository(work.session).add(certificate)
        work.after_commit(self._wake_delivery)
