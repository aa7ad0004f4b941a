"""Tenants, for the operator of all of them; and the settings of the one that is looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from google.protobuf.field_mask_pb2 import FieldMask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from citrine.api.v1 import authorization_pb2 as authorization
from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.tenants_pb2 import (
    UNKNOWN_STATIONS_HOLD,
    UNKNOWN_STATIONS_REFUSE,
    CreateTenantRequest,
    DeleteTenantRequest,
    GetTenantRequest,
    ListTenantsRequest,
    Tenant,
    UpdateTenantRequest,
)
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.live import WITHOUT_EVENT, Page, Region
from citrine_console.paging import paging
from citrine_console.site import Action, Site
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50


async def _table(visit: Visit) -> Mapping[str, object]:
    request = ListTenantsRequest(
        page_size=PAGE_SIZE, page_token=visit.query["page"], deleted=bool(visit.query["removed"])
    )
    answer = await visit.citrine.tenants.ListTenants(request)
    return {
        "tenants": answer.tenants,
        "here": visit.session.caller.tenant_id,
        "may_change": visit.may("UpdateTenant"),
        "pages": paging(visit, answer.next_page_token),
    }


async def _settings(visit: Visit) -> Mapping[str, object]:
    found: dict[str, object] = {"tenant": None, "authorization": None, "costs": None}
    if visit.may("GetTenant"):
        request = GetTenantRequest(tenant_id=visit.session.caller.tenant_id)
        found["tenant"] = await visit.citrine.tenants.GetTenant(request)
    if visit.may("GetAuthorizationSettings"):
        found["authorization"] = await visit.citrine.authorization.GetAuthorizationSettings(
            authorization.GetAuthorizationSettingsRequest()
        )
    if visit.may("GetCostSettings"):
        found["costs"] = await visit.citrine.tariffs.GetCostSettings(tariffs.GetCostSettingsRequest())
    return found


async def _open(visit: Visit, request: Request, site: Site) -> Response:
    """Log in to another tenant with the same key, in place of this session."""
    credential = replace(visit.session.credential, tenant=visit["tenant_id"])
    _session, cookie = await site.sessions.log_in(credential, visit.session.created)
    visit.session.is_replaced = True
    await site.sessions.log_out(visit.session)
    response = RedirectResponse("/", status_code=303)
    site.set_cookie(response, cookie)
    return response


async def _new_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("tenant_id", _("Id"), required=True, hint=_("in the URL of its stations; it can't be changed")),
        Field("display_name", _("Name"), attributes={"maxlength": "255"}),
    ]


async def _new(visit: Visit, values: Values) -> Done:
    tenant = Tenant(tenant_id=values["tenant_id"], display_name=values["display_name"])
    await visit.citrine.tenants.CreateTenant(CreateTenantRequest(tenant=tenant))
    return Done(_("The tenant is made."))


async def _edit_fields(visit: Visit) -> Sequence[Field]:
    tenant = await visit.citrine.tenants.GetTenant(GetTenantRequest(tenant_id=visit["tenant_id"]))
    policies = [
        (str(UNKNOWN_STATIONS_REFUSE), _("are refused")),
        (str(UNKNOWN_STATIONS_HOLD), _("wait until somebody accepts them")),
    ]
    return [
        Field("etag", "", "hidden", tenant.etag),
        Field("display_name", _("Name"), value=tenant.display_name, attributes={"maxlength": "255"}),
        Field(
            "unknown_stations",
            _("Stations that nobody registered"),
            "select",
            value=str(tenant.unknown_stations or UNKNOWN_STATIONS_REFUSE),
            choices=policies,
        ),
        Field(
            "max_stations",
            _("Most stations"),
            "number",
            value=str(tenant.max_stations) if tenant.HasField("max_stations") else "",
            hint=_("empty: as the core says"),
            attributes={"min": "0"},
        ),
    ]


async def _edit(visit: Visit, values: Values) -> Done:
    tenant = Tenant(
        tenant_id=visit["tenant_id"],
        etag=values["etag"],
        display_name=values["display_name"],
        unknown_stations=values.number("unknown_stations"),  # type: ignore[arg-type]
    )
    if values["max_stations"]:
        tenant.max_stations = values.number("max_stations")
    mask = FieldMask(paths=["display_name", "unknown_stations", "max_stations"])
    await visit.citrine.tenants.UpdateTenant(UpdateTenantRequest(tenant=tenant, update_mask=mask))
    return Done(_("The tenant is changed."))


async def _delete_fields(visit: Visit) -> Sequence[Field]:
    return [Field("again", _("Type the id of the tenant to remove it"), required=True)]


async def _delete(visit: Visit, values: Values) -> Done:
    if values["again"] != visit["tenant_id"]:
        raise Wrong("again", _("That is not its id."))
    await visit.citrine.tenants.DeleteTenant(DeleteTenantRequest(tenant_id=visit["tenant_id"]))
    return Done(_("The tenant is removed."))


_DIALOGS = [
    FormDialog(
        path="/tenants/new",
        title=lambda visit: _("New tenant"),
        fields=_new_fields,
        act=_new,
        needs=("CreateTenant",),
        submit=lambda visit: _("Make the tenant"),
    ),
    FormDialog(
        path="/tenants/{tenant_id}/edit",
        title=lambda visit: _("Change the tenant {tenant}").format(tenant=visit["tenant_id"]),
        fields=_edit_fields,
        act=_edit,
        needs=("UpdateTenant", "GetTenant"),
        submit=lambda visit: _("Change"),
    ),
    FormDialog(
        path="/tenants/{tenant_id}/remove",
        title=lambda visit: _("Remove the tenant {tenant}").format(tenant=visit["tenant_id"]),
        words=lambda visit: _(
            "Its stations are disconnected and its keys end. Its history is removed step by step, bills are retained, "
            "and its id can't be used again."
        ),
        fields=_delete_fields,
        act=_delete,
        needs=("DeleteTenant",),
        submit=lambda visit: _("Remove"),
        hurts=True,
    ),
]

PAGES = [
    Page(
        path="/tenants",
        title=lambda visit: _("Tenants"),
        template="tenants/list.html",
        section="tenants",
        needs=("ListTenants",),
        regions=[Region("tenants", "tenants/table.html", _table, is_main=True, every=WITHOUT_EVENT)],
    ),
    Page(
        path="/settings",
        title=lambda visit: _("Settings of the tenant"),
        template="tenants/settings.html",
        section="settings",
        regions=[Region("settings", "tenants/facts.html", _settings, is_main=True, every=WITHOUT_EVENT)],
    ),
]

ACTIONS: list[Action] = [
    *(dialog.action() for dialog in _DIALOGS),
    Action("/tenants/{tenant_id}/open", _open, methods=("POST",), needs=("ListTenants",)),
]
