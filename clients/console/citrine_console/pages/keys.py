"""API keys and roles: who may call, and what."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.keys_pb2 import (
    CreateKeyRequest,
    GetKeyRequest,
    ListKeysRequest,
    ListRolesRequest,
    RevokeKeyRequest,
    RotateKeyRequest,
)
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.live import WITHOUT_EVENT, Page, Region
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50


async def _table(visit: Visit) -> Mapping[str, object]:
    request = ListKeysRequest(page_size=PAGE_SIZE, page_token=visit.query["page"])
    answer = await visit.citrine.keys.ListKeys(request)
    return {
        "keys": answer.keys,
        "may_rotate": visit.may("RotateKey"),
        "may_revoke": visit.may("RevokeKey"),
        "own": visit.session.caller.key_id,
        "pages": paging(visit, answer.next_page_token),
    }


async def _roles(visit: Visit) -> Mapping[str, object]:
    return {"roles": (await visit.citrine.keys.ListRoles(ListRolesRequest())).roles}


async def _new_fields(visit: Visit) -> Sequence[Field]:
    roles = (await visit.citrine.keys.ListRoles(ListRolesRequest())).roles
    return [
        Field("display_name", _("Name"), required=True, attributes={"maxlength": "100"}),
        Field("roles", _("Roles"), "checks", choices=[(one.name, f"{one.name}: {one.description}") for one in roles]),
        Field("scopes", _("Scopes"), hint=_("besides those of its roles, divided by blanks")),
        Field("expire_time", _("Expires"), "datetime", hint=_("empty: never")),
    ]


async def _new(visit: Visit, values: Values) -> Done:
    request = CreateKeyRequest(
        display_name=values["display_name"],
        roles=values.all("roles"),
        scopes=values["scopes"].split(),
        expire_time=values.time("expire_time"),
    )
    made = await visit.citrine.keys.CreateKey(request)
    return Done(_("The key is made."), secret=made.secret)


async def _rotate(visit: Visit, values: Values) -> Done:
    made = await visit.citrine.keys.RotateKey(RotateKeyRequest(key_id=visit["key_id"]))
    return Done(_("The new key is made. The old one is valid for an hour more."), secret=made.secret)


async def _revoke(visit: Visit, values: Values) -> Done:
    await visit.citrine.keys.RevokeKey(RevokeKeyRequest(key_id=visit["key_id"]))
    return Done(_("The key is not valid any more."))


async def _named(visit: Visit) -> Sequence[Field]:
    # A key that is not there is told before anything is asked.
    await visit.citrine.keys.GetKey(GetKeyRequest(key_id=visit["key_id"]))
    return []


_DIALOGS = [
    FormDialog(
        path="/keys/new",
        title=lambda visit: _("New API key"),
        words=lambda visit: _("It can't do more than you can. Its secret is shown once."),
        fields=_new_fields,
        act=_new,
        needs=("CreateKey", "ListRoles"),
        submit=lambda visit: _("Make the key"),
    ),
    FormDialog(
        path="/keys/{key_id}/rotate",
        title=lambda visit: _("Rotate the key {key}").format(key=visit["key_id"]),
        words=lambda visit: _("A new key takes its place. Whoever uses the old one has an hour to change."),
        fields=_named,
        act=_rotate,
        needs=("RotateKey", "GetKey"),
        submit=lambda visit: _("Rotate"),
    ),
    FormDialog(
        path="/keys/{key_id}/revoke",
        title=lambda visit: _("Revoke the key {key}").format(key=visit["key_id"]),
        words=lambda visit: _("Whoever uses it is refused within seconds, and can't be let in by it again."),
        fields=_named,
        act=_revoke,
        needs=("RevokeKey", "GetKey"),
        submit=lambda visit: _("Revoke"),
        hurts=True,
    ),
]

PAGES = [
    Page(
        path="/keys",
        title=lambda visit: _("API keys and roles"),
        template="keys/list.html",
        section="keys",
        needs=("ListKeys",),
        regions=[
            # Nothing tells of keys: others' changes are seen by reading again.
            Region("keys", "keys/table.html", _table, is_main=True, every=WITHOUT_EVENT, is_personal=True),
            Region("roles", "keys/roles.html", _roles, needs=("ListRoles",)),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
