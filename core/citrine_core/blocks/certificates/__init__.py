"""Functional block M, certificate management: certificates that stations have installed, and contracts of EVs."""

from functools import partial

from citrine.api.v1 import certificates_pb2_grpc
from citrine_core.blocks.certificates.contract_pool import ContractPool, OpcpContractPool
from citrine_core.blocks.certificates.handlers import CertificatesHandlers
from citrine_core.blocks.certificates.inquirer import CertificatesInquirer
from citrine_core.blocks.certificates.models import InstalledCertificate
from citrine_core.blocks.certificates.repository import InstalledCertificateRepository
from citrine_core.blocks.certificates.servicer import CertificatesServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "CertificatesHandlers",
    "CertificatesInquirer",
    "CertificatesServicer",
    "ContractPool",
    "InstalledCertificate",
    "InstalledCertificateRepository",
    "OpcpContractPool",
    "block",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    url = services.settings.contract_pool_url
    pool = OpcpContractPool(url, services.settings.contract_pool_token) if url else None
    return Block(
        "certificates",
        [CertificatesHandlers(services)],
        [partial(certificates_pb2_grpc.add_CertificatesServiceServicer_to_server, CertificatesServicer(services))],
        ["citrine.api.v1.CertificatesService"],
        forget_station=InstalledCertificateRepository.forget,
        inquirers=[CertificatesInquirer(services, pool)],
    )
