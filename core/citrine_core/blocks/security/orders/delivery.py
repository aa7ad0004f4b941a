"""The job that sends stations the certificates that were signed for them."""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import security_pb2 as pb
from citrine.ocpp.v2.security_pb2 import CertificateSignedRequest, CertificateSigningUseEnum
from citrine_core.background import Apart
from citrine_core.blocks.provisioning.queries import find_variables
from citrine_core.blocks.security.orders.changes import end, sent_digest_of
from citrine_core.blocks.security.orders.models import CertificateOrder
from citrine_core.blocks.security.orders.repository import CertificateOrderRepository
from citrine_core.blocks.security.orders.signing import LEASE, MOST
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["Delivery", "fitting_chain"]

logger = logging.getLogger(__name__)

LONGEST_CHAIN = 10_000
"""Most characters of certificateChain in OCPP."""

_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Message:
    tenant_id: str
    station_id: str
    request: CertificateSignedRequest


def fitting_chain(chain: str, limit: int) -> str:
    """Return as much of a chain as a station takes: the certificates from the first on; empty if it takes none."""
    fitting = ""
    for pem in _PEM.findall(chain):
        if len(fitting) + len(pem) > limit:
            break
        fitting += pem
    return fitting


class Delivery:
    """Sends certificates to stations that are connected. Several cores may run it concurrently.

    The handlers record the ends of the commands. A certificate whose core was gone before is resent.
    """

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._commands = services.commands
        self._apart: Apart[tuple[str, str]] = Apart("delivery of certificates")
        self._preparing: Apart[str] = Apart("delivery of certificates")

    async def run(self) -> None:
        """Send everything that is due now."""
        goes_on = True
        while goes_on:
            now = self._clock()
            async with self._unit_of_work(read_only=True) as work:
                due = await CertificateOrderRepository(work.session).find_outgoing(now, MOST)
            handled, messages = await self._prepare_all(due, now)
            await asyncio.gather(
                *(self._apart.run((one.tenant_id, one.station_id), self._send, one) for one in messages)
            )
            # Where another core is at all of them, it goes on with the rest.
            goes_on = len(due) == MOST and handled > 0

    async def _prepare_all(self, due: Sequence[str], now: datetime) -> tuple[int, Sequence[_Message]]:
        """Claim orders, and return how many are not due any more, and what to send.

        One that fails is tried again later, and keeps no other.
        """
        claimed = 0
        messages: list[_Message] = []

        async def prepare(order_ids: Sequence[str]) -> None:
            nonlocal claimed
            async with self._unit_of_work() as work:
                orders = await CertificateOrderRepository(work.session).claim_outgoing(now, order_ids)
                prepared = [await self._prepare(work, order, now) for order in orders]
                await work.commit()
            claimed += len(orders)
            messages.extend(one for one in prepared if one is not None)

        failed = await self._preparing.run_together(due, prepare)
        if failed:
            async with self._unit_of_work() as work:
                for order_id in failed:
                    until = now + self._preparing.pause_of(order_id)
                    await CertificateOrderRepository(work.session).postpone(order_id, now, until)
                await work.commit()
        return claimed + len(failed), messages

    async def _prepare(self, work: UnitOfWork, order: CertificateOrder, now: datetime) -> _Message | None:
        """Claim an order and return what to send; None if the station takes no chain of this size (A02.FR.16)."""
        limit = await self._limit(work, order.tenant_id, order.station_id)
        chain = fitting_chain(order.chain, limit)
        if not chain:
            problem = f"the station takes at most {limit} characters, and the certificate alone has more"
            end(work, order, pb.CERTIFICATE_ORDER_STATE_FAILED, problem, now)
            return None
        order.state = pb.CERTIFICATE_ORDER_STATE_SENT
        order.sent_digest = sent_digest_of(chain)
        order.update_time, order.next_time = now, now + LEASE
        request = CertificateSignedRequest(certificate_chain=chain)
        if order.certificate_type:
            # A02.FR.14
            request.certificate_type = CertificateSigningUseEnum.ValueType(order.certificate_type)
        if order.request_id is not None:
            # A02.FR.25
            request.request_id = order.request_id
        return _Message(order.tenant_id, order.station_id, request)

    async def _limit(self, work: UnitOfWork, tenant_id: str, station_id: str) -> int:
        """Return the most characters of a chain that a station takes, as its device model says."""
        rows = await find_variables(work.session, tenant_id, station_id, {"securityctrlr"})
        given: Sequence[int] = [
            int(row.value)
            for row in rows
            if row.variable.lower() == "maxcertificatechainsize" and row.value and row.value.isdecimal()
        ]
        return min([LONGEST_CHAIN, *(limit for limit in given if limit > 0)])

    async def _send(self, message: _Message) -> None:
        target = common.CommandTarget(station_id=message.station_id, reason="it ordered the certificate")
        try:
            await self._commands.send(system_caller(message.tenant_id, "certificate order"), target, message.request)
        except CoreError as error:
            extra = {"station_id": message.station_id, "problem": str(error)}
            logger.info("a certificate could not be sent to its station", extra=extra)
