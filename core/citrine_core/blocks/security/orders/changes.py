"""Every change of the state of an order, and of the certificates of its station that follows from it."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from citrine.api.v1 import security_pb2 as pb
from citrine_core.blocks.security.orders.models import CertificateOrder, IssuedCertificate
from citrine_core.blocks.security.orders.protos import changed_event
from citrine_core.blocks.security.orders.repository import IssuedCertificateRepository
from citrine_core.db import UnitOfWork

__all__ = ["ENDED", "end", "install", "note_use", "retry", "sent_digest_of"]

_State = pb.CertificateOrderState

ENDED = frozenset(
    {
        _State.CERTIFICATE_ORDER_STATE_INSTALLED,
        _State.CERTIFICATE_ORDER_STATE_REJECTED,
        _State.CERTIFICATE_ORDER_STATE_FAILED,
        _State.CERTIFICATE_ORDER_STATE_SUPERSEDED,
    }
)
"""States in which nothing more is done for an order."""

FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(hours=1)

LONGEST_REASON = 255


def sent_digest_of(chain: str) -> bytes:
    """Return what the answer to a CertificateSigned is assigned by."""
    return hashlib.sha256(chain.encode()).digest()


def retry(work: UnitOfWork, order: CertificateOrder, state: int, reason: str, now: datetime) -> None:
    """Have an order tried again later, each time after twice as long; the first failure is an event."""
    order.attempts += 1
    order.state = state
    order.reason = reason[:LONGEST_REASON]
    order.update_time = now
    order.next_time = now + min(FIRST_RETRY * 2 ** min(order.attempts - 1, 20), LONGEST_RETRY)
    if order.attempts == 1:
        work.emit(changed_event(order))


def end(work: UnitOfWork, order: CertificateOrder, state: int, reason: str, now: datetime) -> None:
    """Bring an order to a final state."""
    order.state = state
    order.reason = reason[:LONGEST_REASON]
    order.update_time = order.finish_time = now
    order.next_time = None
    work.emit(changed_event(order))


async def install(work: UnitOfWork, order: CertificateOrder, grace: timedelta, now: datetime) -> None:
    """Record that the station has the certificate of an order: it takes the place of those that it had."""
    end(work, order, _State.CERTIFICATE_ORDER_STATE_INSTALLED, "", now)
    rows = await IssuedCertificateRepository(work.session).of_station(order.tenant_id, order.station_id)
    for row in rows:
        if row.fingerprint == order.fingerprint:
            row.install_time = row.install_time or now
        elif _is_replaced_by(row, order.certificate_type, order.common_name):
            row.revoke_time = row.revoke_time or now + grace
            row.renew_due_time = None


def note_use(row: IssuedCertificate, rows: Iterable[IssuedCertificate], now: datetime) -> None:
    """Record that a station authenticated itself by a certificate, one of its rows: those before it are revoked."""
    row.use_time = now
    row.install_time = row.install_time or now
    for other in rows:
        # Ids of orders grow with time; certificates have the second of their begin alone.
        if other.order_id < row.order_id and _is_replaced_by(other, row.certificate_type, row.common_name):
            other.revoke_time = now if other.revoke_time is None else min(other.revoke_time, now)
            other.renew_due_time = None


def _is_replaced_by(row: IssuedCertificate, certificate_type: int, common_name: str) -> bool:
    return row.certificate_type == certificate_type and row.common_name == common_name
