"""Functional block A, Security: security events that stations report, and certificates of stations."""

from datetime import timedelta
from functools import partial

from citrine.api.v1 import security_pb2_grpc, security_profile_upgrades_pb2_grpc
from citrine.ocpp.v2.security_pb2 import CertificateSigningUseEnum
from citrine_core.blocks.security.handlers import SecurityHandlers
from citrine_core.blocks.security.models import SecurityEvent
from citrine_core.blocks.security.orders import (
    CertificateOrderHandlers,
    CertificateOrderRepository,
    Delivery,
    ExpiredCertificates,
    IssuedCertificateRepository,
    Renewals,
    Signing,
)
from citrine_core.blocks.security.profile_upgrades import (
    FollowUpgrades,
    ProfileUpgradeRepository,
    SecurityProfileUpgradesServicer,
)
from citrine_core.blocks.security.repository import SecurityEventRepository
from citrine_core.blocks.security.servicer import SecurityServicer
from citrine_core.certificate_authorities import authorities_of
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.resources.connections.queries import certificate_due
from citrine_core.services import Services

__all__ = ["SecurityEvent", "SecurityEventRepository", "SecurityHandlers", "SecurityServicer", "block"]

ORDER_INTERVAL = timedelta(seconds=2)
"""Interval between checks for orders that are due, and for their stations that are connected again."""

RENEWAL_INTERVAL = timedelta(seconds=30)

UPGRADE_INTERVAL = timedelta(seconds=2)
"""Interval between looks at stations that restart for another security profile."""


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    authorities = authorities_of(services.settings, services.clock)
    delivery = Job(
        "certificates to send", ORDER_INTERVAL, Delivery(services).run, due=CertificateOrderRepository.send_due()
    )
    signing = Job(
        "certificates to sign",
        ORDER_INTERVAL,
        Signing(services, authorities, delivery.wake).run,
        due=CertificateOrderRepository.order_due(),
    )
    renewals = Job(
        "certificates to renew",
        RENEWAL_INTERVAL,
        Renewals(services).run,
        due=IssuedCertificateRepository.renewal_due(),
    )

    expired = Job(
        "expired certificates of stations", ORDER_INTERVAL, ExpiredCertificates(services).run, due=certificate_due()
    )
    signs = CertificateSigningUseEnum.CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE in authorities
    upgrades = Job(
        "security profile upgrades",
        UPGRADE_INTERVAL,
        FollowUpgrades(services).run,
        due=ProfileUpgradeRepository.due(),
    )

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        await CertificateOrderRepository(work.session).forget(tenant_id, station_id)
        await ProfileUpgradeRepository(work.session).forget(tenant_id, station_id)

    return Block(
        "security",
        [SecurityHandlers(services), CertificateOrderHandlers(services, authorities, signing.wake)],
        [
            partial(security_pb2_grpc.add_SecurityServiceServicer_to_server, SecurityServicer(services)),
            partial(
                security_profile_upgrades_pb2_grpc.add_SecurityProfileUpgradesServiceServicer_to_server,
                SecurityProfileUpgradesServicer(services, signs=signs),
            ),
        ],
        ["citrine.api.v1.SecurityService", "citrine.api.v1.SecurityProfileUpgradesService"],
        forget_station=forget_station,
        jobs=[delivery, signing, renewals, expired, upgrades],
    )
