"""Orders of certificates, and certificates of stations, as the API and events show them."""

from datetime import datetime

from citrine.api.v1 import security_pb2 as pb
from citrine.events.v1.events_pb2 import CertificateOrderChanged, Event
from citrine.ocpp.v2.security_pb2 import CertificateSigningUseEnum
from citrine_core.blocks.security.orders.models import CertificateOrder, IssuedCertificate
from citrine_core.rpc import to_timestamp

__all__ = ["certificate_to_proto", "changed_event", "order_to_proto", "rejected_event", "state_of"]


def order_to_proto(row: CertificateOrder) -> pb.CertificateOrder:
    """Return an order as the API shows it."""
    return pb.CertificateOrder(
        order_id=row.order_id,
        station_id=row.station_id,
        certificate_type=CertificateSigningUseEnum.ValueType(row.certificate_type),
        state=pb.CertificateOrderState.ValueType(row.state),
        reason=row.reason,
        csr=row.csr,
        common_name=row.common_name,
        certificate_chain=row.chain,
        fingerprint=row.fingerprint,
        request_id=row.request_id,
        attempts=row.attempts,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        finish_time=to_timestamp(row.finish_time),
        next_time=to_timestamp(row.next_time),
    )


def state_of(row: IssuedCertificate, now: datetime) -> "pb.IssuedCertificateState.ValueType":
    """Return whether a certificate counts."""
    if row.revoke_time is not None and row.revoke_time <= now:
        return pb.ISSUED_CERTIFICATE_STATE_REVOKED
    if row.valid_until <= now:
        return pb.ISSUED_CERTIFICATE_STATE_EXPIRED
    if row.revoke_time is not None:
        return pb.ISSUED_CERTIFICATE_STATE_REPLACED
    installed = row.install_time is not None
    return pb.ISSUED_CERTIFICATE_STATE_INSTALLED if installed else pb.ISSUED_CERTIFICATE_STATE_SIGNED


def certificate_to_proto(row: IssuedCertificate, now: datetime) -> pb.IssuedCertificate:
    """Return a certificate of a station as the API shows it."""
    return pb.IssuedCertificate(
        station_id=row.station_id,
        fingerprint=row.fingerprint,
        certificate_type=CertificateSigningUseEnum.ValueType(row.certificate_type),
        common_name=row.common_name,
        serial_number=row.serial_number,
        valid_from=to_timestamp(row.valid_from),
        valid_to=to_timestamp(row.valid_until),
        state=state_of(row, now),
        order_id=row.order_id,
        install_time=to_timestamp(row.install_time),
        use_time=to_timestamp(row.use_time),
        revoke_time=to_timestamp(row.revoke_time),
        renew_time=to_timestamp(row.renew_due_time),
    )


def changed_event(row: CertificateOrder) -> Event:
    """Return the event of an order's state."""
    body = CertificateOrderChanged(
        order_id=row.order_id,
        state=CertificateOrderChanged.State.ValueType(row.state),
        certificate_type=CertificateSigningUseEnum.ValueType(row.certificate_type),
        reason=row.reason,
        fingerprint=row.fingerprint,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, certificate_order_changed=body)


def rejected_event(tenant_id: str, station_id: str, certificate_type: int, reason: str) -> Event:
    """Return the event of a request that was rejected."""
    body = CertificateOrderChanged(
        state=CertificateOrderChanged.STATE_REQUEST_REJECTED,
        certificate_type=CertificateSigningUseEnum.ValueType(certificate_type),
        reason=reason,
    )
    return Event(tenant_id=tenant_id, station_id=station_id, certificate_order_changed=body)
