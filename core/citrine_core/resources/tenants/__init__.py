"""Tenants: the businesses whose stations Citrine runs."""

from citrine_core.resources.tenants.directory import TenantDirectory
from citrine_core.resources.tenants.models import Tenant
from citrine_core.resources.tenants.repository import TenantRepository
from citrine_core.resources.tenants.servicer import TenantsServicer

__all__ = ["Tenant", "TenantDirectory", "TenantRepository", "TenantsServicer"]
