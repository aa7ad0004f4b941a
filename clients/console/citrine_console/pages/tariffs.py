"""Tariffs: the table of all, the page of one with its versions, where it applies, and what a session would cost."""

from collections.abc import Mapping

from citrine.api.v1.reservation_costs_pb2 import ListReservationCostsRequest
from citrine.api.v1.tariffs_pb2 import (
    GetTariffRequest,
    ListTariffAssignmentsRequest,
    ListTariffsRequest,
    ListTariffVersionsRequest,
    PreviewCostRequest,
    Tariff,
)
from citrine.events.v1.events_pb2 import Event
from citrine_console.filters import selector_of, time_range
from citrine_console.forms import Values, Wrong
from citrine_console.live import Page, Region
from citrine_console.pages import tariff_actions, tariff_editor
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.tariff_forms import usage_of
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.prices import element_lines

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50

SAMPLE: Mapping[str, str] = {"s.energy": "20", "s.charging": "60", "s.idle": "0"}
"""The session whose cost is shown until somebody asks for another."""


async def _table(visit: Visit) -> Mapping[str, object]:
    request = ListTariffsRequest(
        page_size=PAGE_SIZE, page_token=visit.query["page"], include_deleted=visit.query["deleted"] == "yes"
    )
    answer = await visit.citrine.tariffs.ListTariffs(request)
    return {
        "tariffs": [(one, [*element_lines(one)]) for one in answer.tariffs],
        "may_create": visit.may("CreateTariff"),
        "may_settle": visit.may("GetCostSettings", "UpdateCostSettings"),
        "may_see_reservations": visit.may("ListReservationCosts"),
        "pages": paging(visit, answer.next_page_token),
    }


async def _tariff(visit: Visit) -> Tariff:
    request = GetTariffRequest(tariff_id=visit["tariff_id"], version=visit.query.number("version", 0))
    return await visit.citrine.tariffs.GetTariff(request)


async def _head(visit: Visit) -> Mapping[str, object]:
    tariff = await _tariff(visit)
    is_old = visit.query.number("version", 0) not in (0, tariff.version) or bool(visit.query["version"])
    return {
        "tariff": tariff,
        "lines": [*element_lines(tariff)],
        "is_old": is_old,
        "may_update": visit.may("UpdateTariff", "PreviewCost"),
        "may_create": visit.may("CreateTariff", "PreviewCost"),
        "may_assign": visit.may("AssignTariff"),
        "may_delete": visit.may("DeleteTariff"),
    }


async def _sample(visit: Visit) -> Mapping[str, object]:
    asked = {name: value for name, value in visit.query.items() if name.startswith("s.")}
    values = Values([*(asked or SAMPLE).items()], visit.zone)
    try:
        usage = usage_of(values)
    except Wrong as wrong:
        return {"values": values, "cost": None, "wrong": wrong.text, "text": ""}
    version = visit.query.number("version", 0)
    request = PreviewCostRequest(tariff_id=visit["tariff_id"], version=version, usage=usage)
    answer = await visit.citrine.tariffs.PreviewCost(request)
    return {"values": values, "cost": answer.cost, "wrong": "", "text": answer.text}


async def _assignments(visit: Visit) -> Mapping[str, object]:
    request = ListTariffAssignmentsRequest(
        tariff_id=visit["tariff_id"],
        include_ended=visit.query["ended"] == "yes",
        page_size=PAGE_SIZE,
        page_token=visit.query["assignments-page"],
    )
    answer = await visit.citrine.tariffs.ListTariffAssignments(request)
    return {
        "assignments": answer.assignments,
        "pages": paging(visit, answer.next_page_token, "assignments"),
        "may_unassign": visit.may("UnassignTariff"),
    }


async def _versions(visit: Visit) -> Mapping[str, object]:
    request = ListTariffVersionsRequest(
        tariff_id=visit["tariff_id"], page_size=PAGE_SIZE, page_token=visit.query["versions-page"]
    )
    answer = await visit.citrine.tariffs.ListTariffVersions(request)
    return {
        "versions": [(one, [*element_lines(one)]) for one in answer.tariffs],
        "pages": paging(visit, answer.next_page_token, "versions"),
    }


async def _reservation_costs(visit: Visit) -> Mapping[str, object]:
    request = ListReservationCostsRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        station_id=visit.query["station"],
        id_token=visit.query["token"],
        start_time=time_range(visit),
        stations=selector_of(visit),
    )
    answer = await visit.citrine.reservation_costs.ListReservationCosts(request)
    return {"costs": answer.costs, "pages": paging(visit, answer.next_page_token)}


async def _nothing(visit: Visit) -> Mapping[str, object]:
    return {}


def _of_tariff(visit: Visit, event: Event) -> bool:
    return event.tariff_changed.tariff_id == visit["tariff_id"]


PAGES = [
    Page(
        path="/tariffs",
        title=lambda visit: _("Tariffs"),
        template="tariffs/list.html",
        section="tariffs",
        needs=("ListTariffs",),
        regions=[Region("tariffs", "tariffs/table.html", _table, kinds=("tariff_changed",), is_main=True)],
    ),
    *tariff_editor.PAGES,
    Page(
        path="/tariffs/{tariff_id}",
        title=lambda visit: visit["tariff_id"],
        template="tariffs/tariff.html",
        section="tariffs",
        needs=("GetTariff",),
        regions=[
            Region("head", "tariffs/head.html", _head, kinds=("tariff_changed",), concerns=_of_tariff, is_main=True),
            Region(
                "sample",
                "tariffs/sample.html",
                _sample,
                kinds=("tariff_changed",),
                concerns=_of_tariff,
                needs=("PreviewCost",),
            ),
            Region(
                "assignments",
                "tariffs/assignments.html",
                _assignments,
                kinds=("tariff_changed",),
                concerns=_of_tariff,
                needs=("ListTariffAssignments",),
            ),
            Region(
                "versions",
                "tariffs/versions.html",
                _versions,
                kinds=("tariff_changed",),
                concerns=_of_tariff,
                needs=("ListTariffVersions",),
            ),
        ],
    ),
    Page(
        path="/reservation-costs",
        title=lambda visit: _("Costs of reservations"),
        template="tariffs/reservation_costs.html",
        section="tariffs",
        needs=("ListReservationCosts",),
        regions=[
            Region("filters", "tariffs/reservation_filters.html", _nothing),
            Region(
                "costs",
                "tariffs/reservation_table.html",
                _reservation_costs,
                kinds=("reservation_cost_changed",),
                is_main=True,
            ),
        ],
    ),
]

ACTIONS: list[Action] = [
    *(dialog.action() for dialog in tariff_actions.DIALOGS),
    *tariff_editor.ACTIONS,
]
