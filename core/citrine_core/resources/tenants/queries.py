"""What others may ask of the tenants: what each wants done."""

from sqlalchemy import ScalarSelect, select

from citrine_core.resources.tenants.models import Tenant

__all__ = ["asks_inventory"]


def asks_inventory(tenant_id: str) -> ScalarSelect[bool]:
    """Return the expression that tells whether a tenant wants the inventory of stations that are new or changed."""
    return select(Tenant.asks_inventory).where(Tenant.tenant_id == tenant_id).scalar_subquery()
