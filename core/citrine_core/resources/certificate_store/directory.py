"""The roots that contracts of ISO 15118 may lead to, of all tenants, in memory: messages need them."""

from citrine.api.v1.certificate_store_pb2 import CertificateUse
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.certificate_store.queries import find_trusted
from citrine_core.services import Services

__all__ = ["ContractRoots"]

USES = (CertificateUse.CERTIFICATE_USE_V2G_ROOT, CertificateUse.CERTIFICATE_USE_MO_ROOT)


class ContractRoots:
    """Roots of contracts by tenant: read at the start and at an interval, and when this core changes the store."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work
        self._roots: dict[str, str] = {}

    @classmethod
    def of(cls, services: Services) -> "ContractRoots":
        """Return the directory of this core; it is created on the first call."""
        found: ContractRoots | None = services.shared.get(cls)
        if found is None:
            found = services.shared[cls] = cls(services.unit_of_work)
        return found

    def find(self, tenant_id: str) -> str:
        """Return the roots of a tenant in PEM, one after the other; empty if it has none."""
        return self._roots.get(tenant_id, "")

    async def refresh(self) -> None:
        """Read all roots. Called by a job, and after a change."""
        async with self._unit_of_work(read_only=True) as work:
            found = await find_trusted(work.session, USES)
        self._roots = {tenant_id: "".join(pem for _, pem in rows) for tenant_id, rows in found.items()}
