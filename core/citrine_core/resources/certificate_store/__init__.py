"""The certificate store: certificates of authorities, and what each is used for.

Other packages read it by `queries`, and parse certificates by `parsing`.
"""

from datetime import timedelta
from functools import partial

from citrine.api.v1 import certificate_store_pb2_grpc
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.resources.certificate_store.contents import read_contract_roots, replace_contract_roots
from citrine_core.resources.certificate_store.directory import ContractRoots
from citrine_core.resources.certificate_store.jobs import CertificateExpiry
from citrine_core.resources.certificate_store.models import StoredCertificate
from citrine_core.resources.certificate_store.repository import CertificateStoreRepository
from citrine_core.resources.certificate_store.servicer import CertificateStoreServicer
from citrine_core.services import Services

__all__ = [
    "CertificateExpiry",
    "CertificateStoreRepository",
    "CertificateStoreServicer",
    "ContractRoots",
    "StoredCertificate",
    "block",
    "read_contract_roots",
    "replace_contract_roots",
]

REFRESH = timedelta(seconds=30)
"""Interval at which roots are read again: how late, at most, a change by another core applies here."""

EXPIRY_INTERVAL = timedelta(minutes=1)


def block(services: Services) -> Block:
    """Return the resource, composed in the form of a block."""
    servicer = CertificateStoreServicer(services)
    return Block(
        "certificate_store",
        add_servicers=[partial(certificate_store_pb2_grpc.add_CertificateStoreServiceServicer_to_server, servicer)],
        service_names=["citrine.api.v1.CertificateStoreService"],
        jobs=[
            Job("roots of contracts", REFRESH, ContractRoots.of(services).refresh, at_start=True),
            Job(
                "certificates that expire",
                EXPIRY_INTERVAL,
                CertificateExpiry(services).run,
                due=CertificateStoreRepository.notice_due(),
            ),
        ],
    )
