"""Certificates of stations: ordered by them, signed by an authority, sent, renewed and revoked (A02, A03)."""

from citrine_core.blocks.security.orders.delivery import Delivery
from citrine_core.blocks.security.orders.handlers import CertificateOrderHandlers
from citrine_core.blocks.security.orders.models import CertificateOrder, IssuedCertificate
from citrine_core.blocks.security.orders.protos import certificate_to_proto, order_to_proto
from citrine_core.blocks.security.orders.renewals import ExpiredCertificates, Renewals
from citrine_core.blocks.security.orders.repository import CertificateOrderRepository, IssuedCertificateRepository
from citrine_core.blocks.security.orders.signing import Signing

__all__ = [
    "CertificateOrder",
    "CertificateOrderHandlers",
    "CertificateOrderRepository",
    "Delivery",
    "ExpiredCertificates",
    "IssuedCertificate",
    "IssuedCertificateRepository",
    "Renewals",
    "Signing",
    "certificate_to_proto",
    "order_to_proto",
]
