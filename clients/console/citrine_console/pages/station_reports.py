"""What a station was asked to send: reports with their parts, and logs that it uploads."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.diagnostics_pb2 import ListLogUploadsRequest, LogUpload
from citrine.api.v1.reports_pb2 import ListReportRunsRequest, ReportRun
from citrine_console.cells import Ago, Code, Figure, State, two_lines
from citrine_console.filter_forms import Filter, enum_choices, enum_number, filters_region
from citrine_console.formats import enum_word
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import action_buttons, tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]


async def _logs(visit: Visit) -> Mapping[str, object]:
    request = ListLogUploadsRequest(station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["page"])
    answer = await visit.citrine.diagnostics.ListLogUploads(request)
    heads = [
        Figure(_("Number")),
        _("Log"),
        _("State"),
        _("File, where to"),
        _("From"),
        _("To"),
        _("Asked"),
        _("Finished"),
    ]
    rows = [_log_row(visit, one) for one in answer.log_uploads]
    buttons, empty = action_buttons(visit, "get-log"), _("It was asked for none.")
    return {"cards": [list_card(visit, _("Logs"), heads, rows, answer.next_page_token, buttons=buttons, empty=empty)]}


def _log_row(visit: Visit, one: LogUpload) -> Sequence[object]:
    return [
        str(one.request_id),
        str(enum_word(one, "log_type")),
        [enum_word(one, "state"), State(one.status) if one.status else "", one.problem],
        two_lines(one.filename, Code(one.remote_location), visit.zone),
        one.oldest_time if one.HasField("oldest_time") else "",
        one.latest_time if one.HasField("latest_time") else "",
        Ago(one.request_time),
        Ago(one.finish_time) if one.HasField("finish_time") else "",
    ]


async def _reports(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.reports.ListReportRuns(
        ListReportRunsRequest(
            station_id=visit["station_id"],
            page_size=PAGE_SIZE,
            page_token=visit.query["page"],
            kind=enum_number(ReportRun, "kind", visit.query["kind"]),
        )
    )
    heads = [
        *(Figure(_("Number")), _("Of"), _("State"), _("Problem"), Figure(_("Parts")), Figure(_("Entries"))),
        *(_("Missing parts"), _("Asked"), _("Finished")),
    ]
    rows = [_report_row(one) for one in answer.report_runs]
    return {"cards": [list_card(visit, _("Reports"), heads, rows, answer.next_page_token)]}


def _report_row(one: ReportRun) -> Sequence[object]:
    missing = ", ".join(map(str, one.missing_parts[:10]))
    return [
        str(one.request_id),
        str(enum_word(one, "kind")),
        [enum_word(one, "state"), one.status],
        one.problem,
        one.parts,
        one.items,
        f"{missing}, …" if len(one.missing_parts) > 10 else missing,
        Ago(one.create_time),
        Ago(one.finish_time) if one.HasField("finish_time") else "",
    ]


PAGES: list[Page] = [
    tab_page(
        "logs",
        [
            Region(
                "logs",
                "parts/cards.html",
                _logs,
                kinds=("command_finished", "report_finished"),
                concerns=of_station,
                every=15,
            )
        ],
    ),
    tab_page(
        "reports",
        [
            filters_region(lambda: [Filter("kind", _("Of"), enum_choices(ReportRun, "kind"))]),
            Region(
                "reports",
                "parts/cards.html",
                _reports,
                kinds=("command_finished", "report_finished"),
                concerns=of_station,
                every=15,
            ),
        ],
    ),
]

ACTIONS: list[Action] = []
