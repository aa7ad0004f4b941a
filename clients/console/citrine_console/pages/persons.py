"""Drivers: what is stored of one is exported and erased, and how far erasures are."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeVar

from google.protobuf.json_format import MessageToDict
from starlette.requests import Request
from starlette.responses import Response

from citrine.api.v1.persons_pb2 import (
    ErasePersonRequest,
    ExportPersonRequest,
    ListErasuresRequest,
)
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_console.downloads import JSON_LINES, download
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.live import WITHOUT_EVENT, Page, Region
from citrine_console.paging import paging
from citrine_console.site import Action, Site
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50
MAX_FIELDS = 10

R = TypeVar("R", ExportPersonRequest, ErasePersonRequest)


async def _erasures(visit: Visit) -> Mapping[str, object]:
    request = ListErasuresRequest(page_size=PAGE_SIZE, page_token=visit.query["page"])
    answer = await visit.citrine.persons.ListErasures(request)
    return {"erasures": answer.erasures, "pages": paging(visit, answer.next_page_token)}


async def _form(visit: Visit) -> Mapping[str, object]:
    return {"may_export": visit.may("ExportPerson"), "may_erase": visit.may("ErasePerson")}


def _named(request: R, token: str, kind: str, group: str) -> R:
    """Fill in whose data it is about.

    Raises:
        Wrong: When it is nobody's, or a token's and a group's.
    """
    if bool(token) == bool(group):
        raise Wrong("token", _("Name a token, or a group of tokens."))
    if token:
        request.id_token.CopyFrom(IdToken(id_token=token, type=kind))
    else:
        request.group_id = group
    return request


async def _export(visit: Visit, request: Request, site: Site) -> Response:
    # By what is posted: a URL stays in the history of browsers and in logs, and nobody could erase it there.
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    token, kind, group = (str(form.get(name, "")).strip() for name in ("token", "type", "group"))
    try:
        asked = _named(ExportPersonRequest(), token, kind, group)
    except Wrong as wrong:
        return Response(wrong.text, status_code=400, media_type="text/plain")

    async def parts() -> AsyncIterator[str]:
        async for row in visit.citrine.persons.ExportPerson(asked):
            yield json.dumps({"kind": row.kind, **MessageToDict(row.content)}, ensure_ascii=False) + "\n"

    return await download("driver.jsonl", JSON_LINES, parts())


async def _erase_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("token", _("Token"), hint=_("in any spelling")),
        Field("type", _("Its type"), hint=_("empty: of any type")),
        Field("group", _("Group of tokens"), hint=_("instead of a token: all of the group")),
        Field("again", _("The token, or the group, once more"), required=True, attributes={"autocomplete": "off"}),
    ]


async def _erase(visit: Visit, values: Values) -> Done:
    asked = _named(ErasePersonRequest(), values["token"], values["type"], values["group"])
    if values["again"] != (values["token"] or values["group"]):
        raise Wrong("again", _("That is not what stands above."))
    erasure = await visit.citrine.persons.ErasePerson(asked)
    return Done(_("The erasure {id} is under way.").format(id=erasure.erasure_id))


PAGES = [
    Page(
        path="/persons",
        title=lambda visit: _("Data of drivers"),
        template="persons/list.html",
        section="persons",
        needs=("ListErasures",),
        regions=[
            Region("form", "persons/form.html", _form),
            Region(
                "erasures",
                "persons/erasures.html",
                _erasures,
                kinds=("token_changed",),
                is_main=True,
                every=WITHOUT_EVENT,
            ),
        ],
    ),
]

ACTIONS: list[Action] = [
    Action("/persons/export", _export, methods=("POST",), needs=("ExportPerson",)),
    FormDialog(
        path="/persons/erase",
        title=lambda visit: _("Erase a driver"),
        words=lambda visit: _(
            "The token, or each token of the group, is deleted, and a pseudonym takes the place of its id in all that "
            "is stored: transactions, decisions, the audit. Nobody can undo that. Charge records are retained as the "
            "operator of the core says. It is done in the background."
        ),
        fields=_erase_fields,
        act=_erase,
        needs=("ErasePerson",),
        submit=lambda visit: _("Erase for good"),
        hurts=True,
    ).action(),
]
