"""Which tenant a command acts on that names none."""

import sys

import grpc

from citrine_cli.errors import UsageError
from citrine_sdk import Citrine

__all__ = ["check_tenant"]

NAMED = 10
"""Tenants that an error names."""

_NOT_AN_OPERATOR = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses of a key that is of one tenant, or may not know which there are."""


async def check_tenant(citrine: Citrine, *, acts: bool) -> None:
    """See to it that there is only one tenant that a command may mean which names none.

    Where it acts, a terminal is told which.

    The key of a tenant means that tenant. That of the operator may act on any: where there are several, the core would
    take the default one, which is hardly ever meant.

    Raises:
        UsageError: When there are several.
        grpc.aio.AioRpcError: When the core can't be asked.
    """
    # Imported late, as what a command that names its tenant has no use for.
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
