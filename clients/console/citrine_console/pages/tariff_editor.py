"""The editor of tariffs: by fields or as JSON, and beside it what a sample session would cost, as it is edited."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from starlette.requests import Request
from starlette.responses import Response

from citrine.api.v1.tariffs_pb2 import (
    CreateTariffRequest,
    GetTariffRequest,
    PreviewCostRequest,
    Tariff,
    TariffElement,
    UpdateTariffRequest,
)
from citrine_console.errors import NotShown, Problem, problem_of
from citrine_console.forms import MAX_FIELDS, MAX_FORM, Values, Wrong
from citrine_console.json_forms import json_of
from citrine_console.live import Page, Region
from citrine_console.site import Action, Site
from citrine_console.tariff_forms import DIMENSIONS, MOST_ELEMENTS, OUTPUT, tariff_of, tariff_values, usage_of
from citrine_console.texts import _, speaking
from citrine_console.visits import Visit
from citrine_words.prices import element_lines

__all__ = ["ACTIONS", "PAGES"]

_WRITTEN = [name for name in Tariff.DESCRIPTOR.fields_by_name if name not in OUTPUT | {"tariff_id"}]

_SAMPLE = {"s.energy": "20", "s.charging": "60", "s.idle": "15", "s.reserved": ""}

Shown: TypeAlias = Mapping[str, object]


async def _new(visit: Visit) -> Shown:
    tariff = Tariff(currency="EUR", prices_include_tax=True)
    if visit.query["like"]:
        tariff = await visit.citrine.tariffs.GetTariff(GetTariffRequest(tariff_id=visit.query["like"]))
        tariff.tariff_id, tariff.etag = "", ""
    return {**_form(visit, tariff), "is_new": True}


async def _edit(visit: Visit) -> Shown:
    tariff = await visit.citrine.tariffs.GetTariff(GetTariffRequest(tariff_id=visit["tariff_id"]))
    return {**_form(visit, tariff), "is_new": False}


def _form(visit: Visit, tariff: Tariff) -> Shown:
    if visit.query["as"] == "json":
        return {
            "values": _filled({**_SAMPLE, "etag": tariff.etag, "tariff_id": tariff.tariff_id}, visit),
            "json": json_of(tariff, OUTPUT),
            "dimensions": DIMENSIONS,
        }
    return {"values": _filled({**_SAMPLE, **tariff_values(tariff, visit.zone)}, visit), **_SHARED}


_SHARED: Mapping[str, Any] = {"json": None, "dimensions": DIMENSIONS}


def _filled(values: Mapping[str, str], visit: Visit) -> Values:
    return Values([*values.items()], visit.zone)


async def _values(visit: Visit, request: Request) -> Values:
    form = await request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_FORM)
    return Values([(name, str(value)) for name, value in form.multi_items()], visit.zone)


async def _preview(visit: Visit, request: Request, site: Site) -> Response:
    with speaking(visit.language):
        values = await _values(visit, request)
        try:
            tariff = tariff_of(values)
            usage = usage_of(values)
            # The id of a new one is written last, perhaps.
            tariff.tariff_id = tariff.tariff_id or "new"
            if not any(element.price_components for element in tariff.elements):
                return site.render(visit, "tariffs/unpriced.html")
            answer = await visit.citrine.tariffs.PreviewCost(PreviewCostRequest(tariff=tariff, usage=usage))
        except Wrong as wrong:
            return _refused(visit, site, Problem(400, _("That has no meaning"), "", ((wrong.name, wrong.text),)))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise
            return _refused(visit, site, problem_of(error))
    return site.render(
        visit, "tariffs/preview.html", cost=answer.cost, text=answer.text, lines=[*element_lines(tariff)], problem=None
    )


def _refused(visit: Visit, site: Site, problem: Problem) -> Response:
    said = [(_place(name), text) for name, text in problem.fields]
    return site.render(visit, "tariffs/preview.html", problem=problem, said=said, cost=None, text="", lines=[])


def _place(path: str) -> str:
    """Return a field of a tariff as the form calls it."""
    parts = path.removeprefix("tariff.").replace("[", ".").replace("]", "").split(".")
    words: list[str] = []
    for part in parts:
        if part.isdigit():
            words[-1:] = [f"{words[-1].removesuffix('s')} {int(part) + 1}"] if words else [part]
        else:
            words.append(part.replace("_", " "))
    return ", ".join(words)


async def _change(visit: Visit, request: Request, site: Site) -> Response:
    """Show the fields with one element more, one less, or in another order."""
    values = await _values(visit, request)
    what, _colon, place = values["do"].partition(":")
    with speaking(visit.language):
        try:
            tariff = tariff_of(values)
        except Wrong as wrong:
            return _refused(visit, site, Problem(400, _("That has no meaning"), "", ((wrong.name, wrong.text),)))
    elements = [*tariff.elements]
    number = int(place) if place.isdigit() and int(place) < len(elements) else 0
    if what == "add" and len(elements) < MOST_ELEMENTS:
        elements.append(TariffElement())
    elif what == "remove" and len(elements) > 1:
        del elements[number]
    elif what == "up" and number > 0:
        elements[number - 1], elements[number] = elements[number], elements[number - 1]
    del tariff.elements[:]
    tariff.elements.extend(elements)
    filled = {**values, **dict.fromkeys((name for name in values if name[:1] == "e" and "." in name), "")}
    shown = _filled({**filled, **tariff_values(tariff, visit.zone), "elements": str(len(elements))}, visit)
    return site.render(visit, "tariffs/fields.html", values=shown, is_new=values["is_new"] == "yes", **_SHARED)


async def _save(visit: Visit, request: Request, site: Site) -> Response:
    with speaking(visit.language):
        values = await _values(visit, request)
        is_new = values["is_new"] == "yes"
        if not visit.may("CreateTariff" if is_new else "UpdateTariff"):
            raise NotShown
        try:
            tariff = tariff_of(values)
            if is_new:
                stored = await visit.citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff))
            else:
                update = UpdateTariffRequest(tariff=tariff, update_mask=FieldMask(paths=_WRITTEN))
                stored = await visit.citrine.tariffs.UpdateTariff(update)
        except Wrong as wrong:
            return _refused(visit, site, Problem(400, _("That has no meaning"), "", ((wrong.name, wrong.text),)))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise
            return _refused(visit, site, problem_of(error))
    return Response(status_code=204, headers={"x-console-location": f"/tariffs/{stored.tariff_id}"})


PAGES = [
    Page(
        path="/tariffs/new",
        title=lambda visit: _("New tariff"),
        template="tariffs/editor.html",
        section="tariffs",
        needs=("CreateTariff", "PreviewCost"),
        regions=[Region("editor", "tariffs/form.html", _new, is_main=True, is_live=False)],
    ),
    Page(
        path="/tariffs/{tariff_id}/edit",
        title=lambda visit: _("Edit {tariff}").format(tariff=visit["tariff_id"]),
        template="tariffs/editor.html",
        section="tariffs",
        needs=("GetTariff", "UpdateTariff", "PreviewCost"),
        regions=[Region("editor", "tariffs/form.html", _edit, is_main=True, is_live=False)],
    ),
]

ACTIONS = [
    Action("/tariffs/preview", _preview, methods=("POST",), needs=("PreviewCost",)),
    Action("/tariffs/fields", _change, methods=("POST",), needs=("PreviewCost",)),
    Action("/tariffs/save", _save, methods=("POST",), needs=("PreviewCost",)),
]
