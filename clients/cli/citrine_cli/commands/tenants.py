"""`citrine tenant`: the tenants, for the operator of all."""

from typing import Annotated

import typer

from citrine.api.v1.tenants_pb2 import CreateTenantRequest, DeleteTenantRequest, ListTenantsRequest, Tenant
from citrine_cli.client import Client, client_command, collect
from citrine_cli.words import time_word

__all__ = ["NAME", "build"]

NAME = "tenant"

TenantId = Annotated[str, typer.Argument(metavar="ID", help="Part of station URLs: a-z 0-9 and -.")]


def build() -> typer.Typer:
    """Return the commands of `citrine tenant`."""
    app = typer.Typer(help="Tenants: add, list, remove.")
    client_command(app, "add")(add_tenant)
    client_command(app, "list")(list_tenants)
    client_command(app, "remove")(remove_tenant)
    return app


async def add_tenant(
    client: Client,
    tenant_id: TenantId,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="For people.")] = "",
) -> None:
    """Add a tenant."""
    request = CreateTenantRequest(tenant=Tenant(tenant_id=tenant_id, display_name=name))
    created = await client.citrine.tenants.CreateTenant(request)
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"tenant {created.tenant_id} added")


async def list_tenants(client: Client) -> None:
    """List the tenants."""
    pages = collect(client.citrine.tenants.ListTenants, ListTenantsRequest())
    tenants = [tenant async for page in pages for tenant in page.tenants]
    if client.out.as_json:
        client.out.messages(tenants)
        return
    rows = ([tenant.tenant_id, tenant.display_name, time_word(tenant, "create_time")] for tenant in tenants)
    client.out.table(["tenant", "name", "created"], rows, empty="no tenants")


async def remove_tenant(client: Client, tenant_id: TenantId) -> None:
    """Remove a tenant that has no stations."""
    answer = await client.citrine.tenants.DeleteTenant(DeleteTenantRequest(tenant_id=tenant_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"tenant {tenant_id} removed")
