"""The tenant of commands that name none."""

import sys

import grpc

from citrine_cli.errors import UsageError
from citrine_sdk import Citrine

__all__ = ["check_tenant"]

NAMED = 10
"""Most tenants that an error names."""

_NOT_AN_OPERATOR = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses of ListTenants for a key that is not the operator's, or lacks the scope."""


async def check_tenant(citrine: Citrine, *, acts: bool) -> None:
    """Check that a command without a tenant is unambiguous.

    A tenant's key means its tenant. The operator's key may act on any tenant: if there are several, the core would use
    the default one, which is rarely intended.

    Args:
        citrine: The client.
        acts: Whether the command changes something. If so, a terminal shows the tenant on stderr.

    Raises:
        UsageError: When there are several tenants.
        grpc.aio.AioRpcError: When the call fails.
    """
    # Imported here, because commands with a tenant do not need it.
    from citrine.api.v1.tenants_pb2 import ListTenantsRequest

    try:
        found = (await citrine.tenants.ListTenants(ListTenantsRequest(page_size=NAMED + 1))).tenants
    except grpc.aio.AioRpcError as error:
        if error.code() not in _NOT_AN_OPERATOR:
            raise
        return
    ids = [tenant.tenant_id for tenant in found]
    if len(ids) > 1:
        named = f"{', '.join(ids[:NAMED])}{', …' if len(ids) > NAMED else ''}"
        raise UsageError(f"there are several tenants: {named}; give --tenant or set CITRINE_TENANT")
    if acts and ids and sys.stderr.isatty():
        sys.stderr.write(f"acting on tenant {ids[0]}\n")
        sys.stderr.flush()
