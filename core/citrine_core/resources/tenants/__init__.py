"""Tenants: the businesses whose stations Citrine runs."""

from citrine_core.resources.tenants.directory import TenantDirectory
from citrine_core.resources.tenants.models import RemovedTenant, Tenant
from citrine_core.resources.tenants.removed import RemovedTenants
from citrine_core.resources.tenants.repository import TenantRepository
from citrine_core.resources.tenants.servicer import TenantsServicer

__all__ = ["RemovedTenant", "RemovedTenants", "Tenant", "TenantDirectory", "TenantRepository", "TenantsServicer"]
