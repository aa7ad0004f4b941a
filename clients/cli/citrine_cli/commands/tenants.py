"""`citrine tenant`: the tenants, for the operator."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.tenants_pb2 import (
    UNKNOWN_STATIONS_HOLD,
    UNKNOWN_STATIONS_REFUSE,
    CreateTenantRequest,
    DeleteTenantRequest,
    GetTenantRequest,
    ListTenantsRequest,
    Quota,
    QuotaKind,
    Tenant,
    UpdateTenantRequest,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import UsageError
from citrine_cli.targets import choice
from citrine_words.enums import words_of
from citrine_words.words import enum_word, number, time_word

__all__ = ["build"]

_QUOTAS = words_of(QuotaKind.items(), "QUOTA_KIND_")

_QUOTA_WORDS = {kind: word for word, kind in _QUOTAS.items()}

_UNKNOWN = {"refuse": UNKNOWN_STATIONS_REFUSE, "hold": UNKNOWN_STATIONS_HOLD}

Quotas = Annotated[
    list[str] | None,
    typer.Option(
        "--quota",
        metavar="KIND=N",
        help=f"It may have this many; KIND=none: any number. May be given several times. Kinds: {', '.join(_QUOTAS)}.",
    ),
]
TenantId = Annotated[str, typer.Argument(metavar="ID", help="Part of station URLs: a-z 0-9 and -.")]


def build() -> typer.Typer:
    """Return the commands of `citrine tenant`."""
    app = typer.Typer(help="Tenants: add, list, show, update, remove.")
    client_command(app, "add", of_tenant=False)(add_tenant)
    client_command(app, "list", of_tenant=False)(list_tenants)
    client_command(app, "show", of_tenant=False)(show_tenant)
    client_command(app, "update", of_tenant=False)(update_tenant)
    client_command(app, "remove", of_tenant=False)(remove_tenant)
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


async def list_tenants(
    client: Client,
    removed: Annotated[bool, typer.Option("--removed", help="Those that were removed.")] = False,
    limit: Limit = 0,
) -> None:
    """List the tenants."""
    pages = collect(client.citrine.tenants.ListTenants, ListTenantsRequest(deleted=removed), limit)
    tenants = [tenant async for page in pages for tenant in page.tenants]
    if client.out.as_json:
        client.out.messages(tenants)
        return
    if removed:
        of_removed = (
            [tenant.tenant_id, tenant.display_name, time_word(tenant, "delete_time"), time_word(tenant, "purge_time")]
            for tenant in tenants
        )
        client.out.table(["tenant", "name", "removed", "data gone"], of_removed, empty="no tenant was removed")
        return
    rows = (
        [
            tenant.tenant_id,
            tenant.display_name,
            enum_word(tenant, "unknown_stations"),
            number(tenant, "max_held_stations"),
            ", ".join(f"{_QUOTA_WORDS[quota.kind]} {quota.limit}" for quota in tenant.quotas),
            time_word(tenant, "create_time"),
        ]
        for tenant in tenants
    )
    columns = ["tenant", "name", "unknown stations", "held at most", "quotas", "created"]
    client.out.table(columns, rows, empty="no tenants")


async def show_tenant(client: Client, tenant_id: TenantId) -> None:
    """Show a tenant, with what it uses of its quotas."""
    tenant = await client.citrine.tenants.GetTenant(GetTenantRequest(tenant_id=tenant_id))
    if client.out.as_json:
        client.out.message(tenant)
        return
    client.out.facts(
        {
            "tenant": tenant.tenant_id,
            "name": tenant.display_name,
            "unknown stations": enum_word(tenant, "unknown_stations"),
            "held at most": number(tenant, "max_held_stations"),
            "asks for inventory": "yes" if tenant.asks_inventory else "no",
            "created": time_word(tenant, "create_time"),
        }
    )
    rows = ([_QUOTA_WORDS[quota.kind], number(quota, "used"), str(quota.limit)] for quota in tenant.quotas)
    client.out.table(["quota", "used", "at most"], rows, empty="it has no quotas", title="quotas")


async def update_tenant(
    client: Client,
    tenant_id: TenantId,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="For people.")] = None,
    unknown: Annotated[
        str | None,
        typer.Option(
            "--unknown-stations", metavar="refuse|hold", help="Refuse stations that nobody knows, or hold them."
        ),
    ] = None,
    hold_limit: Annotated[int | None, typer.Option("--max-held", metavar="N", help="Hold at most this many.")] = None,
    station_limit: Annotated[
        int | None, typer.Option("--max-stations", metavar="N", help="It may have this many; -1: any number.")
    ] = None,
    quotas: Quotas = None,
    asks_inventory: Annotated[
        bool | None,
        typer.Option(
            "--ask-inventory/--no-ask-inventory",
            help="Ask stations that are new, or boot with other firmware, for their full inventory.",
        ),
    ] = None,
) -> None:
    """Change a tenant. To list held stations: citrine station list --held."""
    given = {
        "display_name": name,
        "unknown_stations": unknown,
        "max_held_stations": hold_limit,
        "asks_inventory": asks_inventory,
        "max_stations": station_limit,
        "quotas": quotas,
    }
    mask = FieldMask(paths=[field for field, value in given.items() if value is not None])
    if not mask.paths:
        raise UsageError("there is nothing to change; see --help")
    tenant = Tenant(
        tenant_id=tenant_id,
        display_name=name or "",
        unknown_stations=choice("--unknown-stations", _UNKNOWN, unknown or "refuse"),
        max_held_stations=hold_limit,
        asks_inventory=asks_inventory,
        max_stations=None if station_limit == -1 else station_limit,
    )
    if quotas is not None:
        present = await client.citrine.tenants.GetTenant(GetTenantRequest(tenant_id=tenant_id))
        tenant.etag = present.etag
        tenant.quotas.extend(_changed({quota.kind: quota.limit for quota in present.quotas}, quotas))
    updated = await client.citrine.tenants.UpdateTenant(UpdateTenantRequest(tenant=tenant, update_mask=mask))
    if client.out.as_json:
        client.out.message(updated)
        return
    client.out.line(f"tenant {tenant_id} updated")


async def remove_tenant(client: Client, tenant_id: TenantId, yes: Yes = False) -> None:
    """Remove a tenant that has no stations. Its id is never used again."""
    shown = GetTenantRequest(tenant_id=tenant_id)
    await ask_consent(f"remove tenant {tenant_id}?", yes=yes, look=lambda: client.citrine.tenants.GetTenant(shown))
    answer = await client.citrine.tenants.DeleteTenant(DeleteTenantRequest(tenant_id=tenant_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"tenant {tenant_id} removed")


def _changed(present: "dict[QuotaKind.ValueType, int]", given: Sequence[str]) -> Iterator[Quota]:
    """Yield the quotas of a tenant after those of the options changed."""
    for text in given:
        word, _, limit = text.partition("=")
        kind = choice("--quota", _QUOTAS, word)
        if limit == "none":
            present.pop(kind, None)
        elif limit.isascii() and limit.isdigit():
            present[kind] = int(limit)
        else:
            raise UsageError(f"--quota: {text!r} is not KIND=N, with a number or none")
    for kind, most in sorted(present.items()):
        yield Quota(kind=kind, limit=most)
