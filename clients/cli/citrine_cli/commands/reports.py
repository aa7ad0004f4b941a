"""`citrine report`: reports of stations in several messages."""

import asyncio
from typing import Annotated, Any

import typer

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.provisioning_pb2 import GetBaseReportRequest, GetReportRequest
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import CliError, UsageError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.progress import progress_line
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, choice, target
from citrine_words.variable_names import parse_component, write_name
from citrine_words.words import count, enum_word, time_word

__all__ = ["build"]

WAIT = 600.0
"""Default seconds to wait for a report."""

_BASES = {
    "full": ocpp.REPORT_BASE_ENUM_FULL_INVENTORY,
    "configuration": ocpp.REPORT_BASE_ENUM_CONFIGURATION_INVENTORY,
    "summary": ocpp.REPORT_BASE_ENUM_SUMMARY_INVENTORY,
}

_KINDS = {
    name.removeprefix("REPORT_KIND_").lower().replace("_", "-"): number
    for name, number in pb.ReportKind.items()
    if number
}
_STATES = {name.removeprefix("REPORT_STATE_").lower(): number for name, number in pb.ReportState.items() if number}

RequestId = Annotated[int, typer.Argument(metavar="REQUEST", help="The requestId of the report.")]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help=f"Kind of report: {', '.join(_KINDS)}.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the report is there.")]


def build() -> typer.Typer:
    """Return the commands of `citrine report`."""
    app = typer.Typer(help="Reports of stations: request, wait, list, show.")
    request = typer.Typer(help="Ask a station for a report of its device model: base, custom.")
    client_command(request, "base")(request_base)
    client_command(request, "custom")(request_custom)
    app.add_typer(request, name="request")
    client_command(app, "wait")(wait_for_report)
    client_command(app, "list")(list_reports)
    client_command(app, "show")(show_report)
    return app


async def request_base(
    client: Client,
    station_id: Station,
    base: Annotated[
        str, typer.Option("--base", metavar="BASE", help="Which inventory: full, configuration or summary.")
    ] = "full",
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Ask for an inventory of a station: everything, its configuration, or a summary of its condition."""
    request = GetBaseReportRequest(
        target=target(station_id, timeout, when_online),
        request=ocpp.GetBaseReportRequest(report_base=choice("--base", _BASES, base)),
    )
    answer = await client.citrine.provisioning.GetBaseReport(request, timeout=timeout + MARGIN)
    request_id = int(answer.command.request.fields["requestId"].number_value)
    await _show_requested(client, station_id, answer, [request_id], wait=wait)


async def request_custom(
    client: Client,
    station_id: Station,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME…]", help="COMPONENT or COMPONENT.VARIABLE, see citrine variable."),
    ] = None,
    criteria: Annotated[
        list[str] | None,
        typer.Option(
            "--criterion", metavar="C", help="Active, Available, Enabled or Problem components. May be repeated."
        ),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Ask for a report of components and variables of a station, by name, by criterion, or both."""
    if not names and not criteria:
        raise UsageError("name a component or a --criterion")
    components = [parse_component(name) for name in names or ()]
    request = GetReportRequest(
        target=target(station_id, timeout, when_online),
        request=ocpp.GetReportRequest(
            component_variable=components, component_criteria=[_criterion(text) for text in criteria or ()]
        ),
    )
    limit = timeout * (len(components) + 1) + MARGIN
    answer = await client.citrine.provisioning.GetReport(request, timeout=limit)
    await _show_requested(client, station_id, answer, answer.request_ids, wait=wait)


async def wait_for_report(
    client: Client,
    station_id: Station,
    request_id: RequestId,
    kind: Kind = "device-model",
    timeout: Annotated[float, DurationOption("--timeout", help="How long to wait; 0: without end.")] = WAIT,
) -> None:
    """Show the progress of a report until its end. The exit code is 1 if it is not complete."""
    if timeout < 0:
        raise UsageError("--timeout: expected 0 or more seconds")
    run = await _wait(client, station_id, choice("--kind", _KINDS, kind), request_id, timeout)
    _check_complete([run])


async def list_reports(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    kind: Kind = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List reports, the latest first."""
    request = pb.ListReportRunsRequest(
        create_time=range_of(begin, end),
        station_id=station,
        kind=choice("--kind", _KINDS, kind) if kind else pb.REPORT_KIND_UNSPECIFIED,
        state=choice("--state", _STATES, state) if state else pb.REPORT_STATE_UNSPECIFIED,
        stations=station_selector(location, group, label),
    )
    runs = [
        run async for page in collect(client.citrine.reports.ListReportRuns, request, limit) for run in page.report_runs
    ]
    if client.out.as_json:
        client.out.messages(runs)
        return
    client.out.table(
        ["request", "station", "kind", "state", "status", "parts", "items", "missing", "since"],
        (
            [
                str(run.request_id),
                run.station_id,
                enum_word(run, "kind"),
                _state(run),
                run.status,
                count(run.parts),
                count(run.items),
                _missing(run),
                time_word(run, "create_time"),
            ]
            for run in runs
        ),
        empty="no reports",
    )


async def show_report(
    client: Client,
    station_id: Station,
    request_id: RequestId,
    kind: Kind = "device-model",
    parts: Annotated[bool, typer.Option("--parts", help="Show its messages.")] = False,
) -> None:
    """Show a report; with --parts, also its content."""
    which = choice("--kind", _KINDS, kind)
    if parts:
        await _show_parts(client, station_id, which, request_id)
        return
    run = await client.citrine.reports.GetReportRun(
        pb.GetReportRunRequest(station_id=station_id, kind=which, request_id=request_id)
    )
    if client.out.as_json:
        client.out.message(run)
        return
    client.out.facts(
        {
            "request": str(run.request_id),
            "station": run.station_id,
            "kind": enum_word(run, "kind"),
            "state": _state(run),
            "status": run.status,
            "problem": run.problem,
            "command": run.command_id,
            "parts": str(run.parts),
            "items": str(run.items),
            "missing parts": _missing(run),
            "requested": time_word(run, "request_time"),
            "answered": time_word(run, "answer_time"),
            "first part": time_word(run, "start_time"),
            "latest part": time_word(run, "update_time"),
            "finished": time_word(run, "finish_time"),
        }
    )


async def _show_parts(client: Client, station_id: str, kind: Any, request_id: int) -> None:
    request = pb.ListReportPartsRequest(station_id=station_id, kind=kind, request_id=request_id)
    pages = collect(client.citrine.reports.ListReportParts, request)
    parts = [part async for page in pages for part in page.parts]
    if client.out.as_json or kind != pb.REPORT_KIND_DEVICE_MODEL:
        client.out.messages(parts)
        return
    rows = (
        [
            count(part.seq_no),
            write_name(data.component, data.variable, attribute.type),
            attribute.value if attribute.HasField("value") else "-",
            enum_word(attribute, "mutability"),
        ]
        for part in parts
        for data in part.device_model.report_data
        for attribute in data.variable_attribute
    )
    client.out.table(["part", "variable", "value", "mutability"], rows, empty="nothing was reported")


async def _show_requested(client: Client, station_id: str, answer: Any, request_ids: Any, *, wait: bool) -> None:
    status = enum_word(answer.response, "status") if answer.HasField("response") else ""
    if wait and status in {"", "Accepted"}:
        runs = [
            await _wait(client, station_id, pb.REPORT_KIND_DEVICE_MODEL, request_id, WAIT) for request_id in request_ids
        ]
        _check_complete(runs)
    elif client.out.as_json:
        client.out.message(answer)
    else:
        for request_id in request_ids:
            client.out.line(f"report {request_id}: {status or f'command waits for {station_id}'}")
    if status not in {"", "Accepted"}:
        raise CliError(f"{station_id} answered {status}")


async def _wait(client: Client, station_id: str, kind: Any, request_id: int, timeout: float) -> pb.ReportRun:
    run = pb.ReportRun()
    try:
        with progress_line(is_wanted=not client.out.as_json) as line:
            async with asyncio.timeout(timeout or None):
                async for run in client.citrine.follow_report(station_id, request_id, kind):
                    if client.out.as_json:
                        client.out.message(run, line=True)
                    elif line.is_shown:
                        line.show(_said(run))
                    else:
                        client.out.line(_said(run))
    except TimeoutError:
        raise CliError(f"{_noun(kind)} {request_id} is {_state(run)} after {timeout:g} seconds") from None
    if line.is_shown:
        client.out.line(_said(run))
    return run


def _noun(kind: int) -> str:
    # A log is followed like a report, but people do not call it one.
    return "log" if kind == pb.REPORT_KIND_LOG else "report"


def _said(run: pb.ReportRun) -> str:
    if run.kind == pb.REPORT_KIND_LOG:
        # The log is uploaded elsewhere; the core only has its status.
        return f"log {run.request_id} {_state(run)}{f': {run.status}' if run.status else ''}"
    missing = f", missing parts {_missing(run)}" if run.missing_parts else ""
    counts = f"{_counted(run.parts, 'part')}, {_counted(run.items, 'item')}"
    return f"{_noun(run.kind)} {run.request_id} {_state(run)}: {counts}{missing}"


def _check_complete(runs: list[pb.ReportRun]) -> None:
    for run in runs:
        if run.state != pb.REPORT_STATE_COMPLETE:
            why = run.problem or run.status
            raise CliError(f"{_noun(run.kind)} {run.request_id} is {_state(run)}{f': {why}' if why else ''}")


def _state(run: pb.ReportRun) -> str:
    return enum_word(run, "state") or "unknown"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _missing(run: pb.ReportRun) -> str:
    shown = ", ".join(map(str, run.missing_parts[:10]))
    return f"{shown}, …" if len(run.missing_parts) > 10 else shown


def _criterion(text: str) -> ocpp.ComponentCriterionEnum.ValueType:
    number = number_of(ocpp.ComponentCriterionEnum, text)
    if number is None:
        raise UsageError(f"--criterion: {text!r} is none of Active, Available, Enabled, Problem")
    return ocpp.ComponentCriterionEnum.ValueType(number)
