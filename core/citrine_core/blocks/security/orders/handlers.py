"""Handlers of SignCertificate, and of the answers of stations to CertificateSigned."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from citrine.api.v1 import security_pb2 as pb
from citrine.ocpp.v2 import security_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import GenericStatusEnum, StatusInfo
from citrine_core.blocks.provisioning.queries import find_variables
from citrine_core.blocks.security.orders.changes import ENDED, end, install, retry, sent_digest_of
from citrine_core.blocks.security.orders.models import CertificateOrder
from citrine_core.blocks.security.orders.protos import changed_event, rejected_event
from citrine_core.blocks.security.orders.repository import CertificateOrderRepository, IssuedCertificateRepository
from citrine_core.certificate_authorities import CertificateAuthority
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.ids import new_id
from citrine_core.resources.stations.queries import find_station, is_station
from citrine_core.services import Services

__all__ = ["CertificateOrderHandlers"]

logger = logging.getLogger(__name__)

RETENTION = timedelta(days=90)
"""How long an order is retained after its end, and the record of a certificate."""

MOST_RETAINED = 50
"""Orders of a station that are retained after their end, the latest ones."""

MAX_ATTEMPTS = 5
"""How often a certificate is sent to a station that does not answer, or answers CALLERROR."""

SHORTEST_REPEAT = timedelta(seconds=60)
"""Time from the station's Accepted after which its repeated request shows that it has no certificate yet."""

_State = pb.CertificateOrderState
_Use = ocpp.CertificateSigningUseEnum

_V2G = frozenset(
    {_Use.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE, _Use.CERTIFICATE_SIGNING_USE_ENUM_V2G20_CERTIFICATE}
)


class _Rejected(Exception):
    """A request is answered Rejected (A02.FR.12)."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code


class CertificateOrderHandlers:
    """Handles requests of stations for certificates (A02, A03).

    A request is answered once it is stored; a job asks the authority, and sends the station the certificate. Orders
    and certificates of a station are locked in this order.

    Args:
        services: Services of the core.
        authorities: Authorities by CertificateSigningUseEnum.
        wake: Called when something is to be signed.
    """

    def __init__(
        self, services: Services, authorities: Mapping[int, CertificateAuthority], wake: Callable[[], None]
    ) -> None:
        self._clock = services.clock
        self._authorities = authorities
        self._owners = services.settings.owners
        self._per_hour = services.settings.certificate_orders_per_hour
        self._grace = services.settings.station_certificate_grace
        self._wake = wake

    @handles(ocpp.SignCertificateRequest)
    async def sign_certificate(
        self, work: UnitOfWork, call: Call[ocpp.SignCertificateRequest]
    ) -> ocpp.SignCertificateResponse:
        """Store what a station orders, or say why it can't be ordered (A02.FR.11, A02.FR.12)."""
        try:
            await self._order(work, call)
        except _Rejected as rejected:
            problem = str(rejected)
            kind = call.message.certificate_type
            logger.info("a certificate is not ordered: %s", problem, extra={"station_id": call.station_id})
            work.emit(rejected_event(call.tenant_id, call.station_id, kind, problem))
            info = StatusInfo(reason_code=rejected.code, additional_info=problem[:512])
            return ocpp.SignCertificateResponse(status=GenericStatusEnum.GENERIC_STATUS_ENUM_REJECTED, status_info=info)
        work.after_commit(self._wake)
        return ocpp.SignCertificateResponse(status=GenericStatusEnum.GENERIC_STATUS_ENUM_ACCEPTED)

    async def _order(self, work: UnitOfWork, call: Call[ocpp.SignCertificateRequest]) -> None:
        message, now = call.message, self._clock()
        authority = self._authorities.get(message.certificate_type)
        if authority is None:
            raise _Rejected("UnsupportedRequest", "no authority signs such certificates here")
        if message.HasField("hash_root_certificate") and not authority.leads_to(message.hash_root_certificate):
            # A02.FR.27
            raise _Rejected("InvalidValue", "no authority signs such certificates below the root that is asked for")
        # Imported only where certificates are ordered: the import takes time and memory.
        from citrine_core.blocks.security.orders.requests import RequestRefused, check_request

        try:
            checked = check_request(message.csr, await self._names(work, call), self._owners)
        except RequestRefused as error:
            raise _Rejected(error.code, str(error)) from error
        if checked.common_name != call.station_id and await is_station(
            work.session, call.tenant_id, checked.common_name
        ):
            raise _Rejected("InvalidCSR", "its common name is that of another station")
        repository = CertificateOrderRepository(work.session)
        orders = await repository.of_station(call.tenant_id, call.station_id)
        for order in orders:
            if order.csr_digest == checked.digest and order.certificate_type == message.certificate_type:
                _repeat(order, message, now)
                return
        await self._check_rate(orders, now)
        await self._tidy(work, call, orders, now)
        for order in orders:
            same = (order.certificate_type, order.common_name) == (message.certificate_type, checked.common_name)
            if same and order.state not in ENDED:
                end(work, order, _State.CERTIFICATE_ORDER_STATE_SUPERSEDED, "the station ordered another one", now)
        order = CertificateOrder(
            order_id=new_id(),
            tenant_id=call.tenant_id,
            station_id=call.station_id,
            certificate_type=message.certificate_type,
            csr=checked.csr,
            csr_digest=checked.digest,
            common_name=checked.common_name,
            organization=checked.organization,
            request_id=message.request_id if message.HasField("request_id") else None,
            state=_State.CERTIFICATE_ORDER_STATE_ORDERED,
            reason="",
            chain="",
            fingerprint="",
            attempts=0,
            next_time=now,
            create_time=now,
            update_time=now,
        )
        await repository.add(order)
        work.emit(changed_event(order))

    async def _names(self, work: UnitOfWork, call: Call[ocpp.SignCertificateRequest]) -> set[str]:
        """Return the common names that a station may have: what it calls its SECC counts for vehicles only."""
        station = await find_station(work.session, call.tenant_id, call.station_id)
        names = {call.station_id, station.certificate_name or "" if station is not None else ""} - {""}
        if call.message.certificate_type in _V2G:
            rows = await find_variables(work.session, call.tenant_id, call.station_id, {"iso15118ctrlr"})
            names |= {row.value for row in rows if row.variable.lower() == "seccid" and row.value}
        return names

    async def _check_rate(self, orders: Sequence[CertificateOrder], now: datetime) -> None:
        recent = sum(order.create_time > now - timedelta(hours=1) for order in orders)
        if recent >= self._per_hour:
            raise _Rejected("TooManyElements", f"it ordered {recent} certificates within an hour")

    async def _tidy(
        self,
        work: UnitOfWork,
        call: Call[ocpp.SignCertificateRequest],
        orders: Sequence[CertificateOrder],
        now: datetime,
    ) -> None:
        """Remove what is so old that nobody asks for it, and orders beyond those that a station may have."""
        most = max(MOST_RETAINED, self._per_hour)
        for position, order in enumerate(orders):
            ended = order.finish_time
            if ended is not None and (position >= most or ended < now - RETENTION):
                await CertificateOrderRepository(work.session).remove(order)
        certificates = IssuedCertificateRepository(work.session)
        for row in await certificates.of_station(call.tenant_id, call.station_id):
            if row.valid_until < now - RETENTION:
                await certificates.remove(row)

    @handles_answer(ocpp.CertificateSignedResponse)
    async def certificate_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.CertificateSignedRequest, ocpp.CertificateSignedResponse]
    ) -> None:
        """Record whether a station accepted a certificate. One that it rejects is not resent."""
        order = await self._sent(work, answered.tenant_id, answered.station_id, answered.request)
        if order is None:
            return
        now = self._clock()
        if answered.response.status == ocpp.CERTIFICATE_SIGNED_STATUS_ENUM_ACCEPTED:
            await install(work, order, self._grace, now)
            return
        info = answered.response.status_info
        reason = ": ".join(filter(None, (info.reason_code, info.additional_info))) or "the station rejected it"
        end(work, order, _State.CERTIFICATE_ORDER_STATE_REJECTED, reason, now)
        logger.warning("a station rejected its certificate: %s", reason, extra={"station_id": answered.station_id})
        certificates = IssuedCertificateRepository(work.session)
        row = await certificates.find(order.tenant_id, order.station_id, order.fingerprint)
        if row is not None and row.use_time is None:
            row.revoke_time = now

    @handles_failure(ocpp.CertificateSignedRequest)
    async def certificate_failed(self, work: UnitOfWork, failed: Failed[ocpp.CertificateSignedRequest]) -> None:
        """Have a certificate resent later that may not have arrived, unless it never will."""
        order = await self._sent(work, failed.tenant_id, failed.station_id, failed.request)
        if order is None:
            return
        now = self._clock()
        if failed.for_good or (not failed.never_sent and order.attempts + 1 >= MAX_ATTEMPTS):
            end(work, order, _State.CERTIFICATE_ORDER_STATE_FAILED, failed.problem, now)
            return
        retry(work, order, _State.CERTIFICATE_ORDER_STATE_SIGNED, failed.problem, now)

    async def _sent(
        self, work: UnitOfWork, tenant_id: str, station_id: str, request: ocpp.CertificateSignedRequest
    ) -> CertificateOrder | None:
        """Return the order whose certificate was sent by a command, if nothing has ended it."""
        digest = sent_digest_of(request.certificate_chain)
        for order in await CertificateOrderRepository(work.session).of_station(tenant_id, station_id):
            if order.sent_digest == digest and order.state not in ENDED:
                return order
        return None


def _repeat(order: CertificateOrder, message: ocpp.SignCertificateRequest, now: datetime) -> None:
    """Take in a request that came before: it is no second order (A02.FR.17).

    Raises:
        _Rejected: When the order ended, so that the station has to make another key.
    """
    match order.state:
        case _State.CERTIFICATE_ORDER_STATE_REJECTED:
            raise _Rejected("InvalidCSR", "it was signed, and the station rejected the certificate")
        case _State.CERTIFICATE_ORDER_STATE_FAILED:
            raise _Rejected("InvalidCSR", f"it was ordered before, and that failed: {order.reason}")
        case _State.CERTIFICATE_ORDER_STATE_SUPERSEDED:
            raise _Rejected("InvalidCSR", "a later request took its place")
        case _State.CERTIFICATE_ORDER_STATE_INSTALLED if now - order.update_time >= SHORTEST_REPEAT:
            # Its Accepted was premature: it asks since it has none.
            order.state, order.finish_time, order.attempts = _State.CERTIFICATE_ORDER_STATE_SIGNED, None, 0
            order.update_time = order.next_time = now
        case _State.CERTIFICATE_ORDER_STATE_SIGNED:
            order.next_time = now
    order.request_id = message.request_id if message.HasField("request_id") else None
