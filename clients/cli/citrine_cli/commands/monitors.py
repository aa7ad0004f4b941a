"""`citrine monitor`: monitors of variables, and their events."""

from typing import Annotated

import typer

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands.reports import wait_for_report
from citrine_cli.errors import CliError
from citrine_cli.filters import ChangedOption, changed_since
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, choice, show_answer, target
from citrine_words.values import parse_span
from citrine_words.variable_names import parse_name, write_name
from citrine_words.words import count, enum_word, instant_word, quantity, time_word

__all__ = ["build"]

_TYPES = {
    "upper": ocpp.MONITOR_ENUM_UPPER_THRESHOLD,
    "lower": ocpp.MONITOR_ENUM_LOWER_THRESHOLD,
    "delta": ocpp.MONITOR_ENUM_DELTA,
    "periodic": ocpp.MONITOR_ENUM_PERIODIC,
    "clock": ocpp.MONITOR_ENUM_PERIODIC_CLOCK_ALIGNED,
}

_BASES = {
    "all": ocpp.MONITORING_BASE_ENUM_ALL,
    "factory": ocpp.MONITORING_BASE_ENUM_FACTORY_DEFAULT,
    "hard-wired": ocpp.MONITORING_BASE_ENUM_HARD_WIRED_ONLY,
}

OfStation = Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")]
OfComponent = Annotated[str, typer.Option("--component", metavar="NAME", help="Only of this component.")]
OfVariable = Annotated[str, typer.Option("--variable", metavar="NAME", help="Only of variables of this name.")]


def build() -> typer.Typer:
    """Return the commands of `citrine monitor`."""
    app = typer.Typer(
        help="Monitors of variables: list, set, clear, report, base, level, alerts, alert, acknowledge, events."
    )
    client_command(app, "list")(list_monitors)
    client_command(app, "set")(set_monitor)
    client_command(app, "clear")(clear_monitors)
    client_command(app, "report")(report_monitors)
    client_command(app, "base")(set_base)
    client_command(app, "level")(set_level)
    client_command(app, "alerts")(list_alerts)
    client_command(app, "alert")(show_alert)
    client_command(app, "acknowledge")(acknowledge_alert)
    client_command(app, "events")(list_events)
    return app


async def list_monitors(
    client: Client,
    station: OfStation = "",
    component: OfComponent = "",
    variable: OfVariable = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the known monitors of stations, as set or last reported. No station is asked."""
    request = pb.ListMonitorsRequest(
        station_id=station, component=component, variable=variable, stations=station_selector(location, group, label)
    )
    pages = collect(client.citrine.diagnostics.ListMonitors, request, limit)
    monitors = [monitor async for page in pages for monitor in page.monitors]
    if client.out.as_json:
        client.out.messages(monitors)
        return
    rows = (
        [
            str(monitor.monitoring.id),
            monitor.station_id,
            write_name(monitor.component, monitor.variable),
            enum_word(monitor.monitoring, "type"),
            quantity(monitor.monitoring.value, ""),
            count(monitor.monitoring.severity),
            enum_word(monitor.monitoring, "event_notification_type"),
            time_word(monitor, "update_time"),
        ]
        for monitor in monitors
    )
    columns = ["id", "station", "variable", "type", "value", "severity", "kind", "updated"]
    client.out.table(columns, rows, empty="no monitors are known; ask for them: citrine monitor report STATION")


async def set_monitor(
    client: Client,
    station_id: Station,
    name: Annotated[str, typer.Argument(metavar="NAME", help="COMPONENT.VARIABLE, see citrine variable.")],
    kind: Annotated[str, typer.Argument(metavar="TYPE", help=f"One of {', '.join(_TYPES)}.")],
    value: Annotated[
        float,
        typer.Argument(metavar="VALUE", help="Threshold, difference, or interval in seconds."),
    ] = 1,
    severity: Annotated[int, typer.Option("--severity", metavar="N", help="0, the worst, to 9.")] = 8,
    monitor_id: Annotated[int | None, typer.Option("--id", metavar="ID", help="Replace this monitor.")] = None,
    in_transactions: Annotated[bool, typer.Option("--transaction", help="Only during transactions.")] = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Have a station monitor a variable."""
    component, variable, _ = parse_name(name)
    data = ocpp.SetMonitoringData(
        id=monitor_id,
        type=choice("TYPE", _TYPES, kind),
        value=value,
        severity=severity,
        component=component,
        variable=variable,
        transaction=in_transactions or None,
    )
    request = pb.SetVariableMonitoringRequest(
        target=target(station_id, timeout), request=ocpp.SetVariableMonitoringRequest(set_monitoring_data=[data])
    )
    answer = await client.citrine.diagnostics.SetVariableMonitoring(request, timeout=timeout + MARGIN)
    if client.out.as_json:
        client.out.message(answer)
    for result in answer.response.set_monitoring_result:
        if result.status != ocpp.SET_MONITORING_STATUS_ENUM_ACCEPTED:
            raise CliError(f"{station_id} answered {enum_word(result, 'status')}")
        if not client.out.as_json:
            client.out.line(f"monitor {result.id}")


async def clear_monitors(
    client: Client,
    station_id: Station,
    ids: Annotated[list[int], typer.Argument(metavar="ID…", help="Monitors, by the ids of the station.")],
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Have a station remove monitors. The exit code is 1 if it does not remove one of them."""
    request = pb.ClearVariableMonitoringRequest(
        target=target(station_id, timeout), request=ocpp.ClearVariableMonitoringRequest(id=ids)
    )
    limit = timeout * (len(ids) + 1) + MARGIN
    answer = await client.citrine.diagnostics.ClearVariableMonitoring(request, timeout=limit)
    results = answer.response.clear_monitoring_result
    if client.out.as_json:
        client.out.message(answer)
    else:
        rows = ([str(result.id), enum_word(result, "status")] for result in results)
        client.out.table(["id", "status"], rows, empty="no results")
    failed = sum(result.status != ocpp.CLEAR_MONITORING_STATUS_ENUM_ACCEPTED for result in results)
    if failed:
        raise CliError(f"{failed} of {len(results)} monitors were not removed")


async def report_monitors(
    client: Client,
    station_id: Station,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the report is there.")] = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Have a station report all its monitors. Those that it does not report are removed here."""
    request = pb.GetMonitoringReportRequest(target=target(station_id, timeout))
    request.request.SetInParent()
    answer = await client.citrine.diagnostics.GetMonitoringReport(request, timeout=timeout + MARGIN)
    show_answer(client, answer)
    request_id = int(answer.command.request.fields["requestId"].number_value)
    if wait:
        await wait_for_report(client, station_id, request_id, "monitoring")


async def set_base(
    client: Client,
    station_id: Station,
    base: Annotated[str, typer.Argument(metavar="BASE", help=f"One of {', '.join(_BASES)}.")],
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Have a station activate a set of its preconfigured monitors."""
    request = ocpp.SetMonitoringBaseRequest(monitoring_base=choice("BASE", _BASES, base))
    answer = await client.citrine.diagnostics.SetMonitoringBase(
        pb.SetMonitoringBaseRequest(target=target(station_id, timeout), request=request), timeout=timeout + MARGIN
    )
    show_answer(client, answer)


async def set_level(
    client: Client,
    station_id: Station,
    severity: Annotated[int, typer.Argument(metavar="SEVERITY", help="0, the worst, to 9.")],
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Have a station report only events of this severity or worse."""
    request = ocpp.SetMonitoringLevelRequest(severity=severity)
    answer = await client.citrine.diagnostics.SetMonitoringLevel(
        pb.SetMonitoringLevelRequest(target=target(station_id, timeout), request=request), timeout=timeout + MARGIN
    )
    show_answer(client, answer)


async def list_alerts(
    client: Client,
    station: OfStation = "",
    component: Annotated[str, typer.Option("--component", metavar="NAME", help="Only of this component.")] = "",
    variable: Annotated[str, typer.Option("--variable", metavar="NAME", help="Only of this variable.")] = "",
    acknowledged: Annotated[
        bool | None,
        typer.Option("--acknowledged/--unacknowledged", help="Only those that somebody acknowledged, or nobody did."),
    ] = None,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    changed: ChangedOption = "",
    cleared: Annotated[bool, typer.Option("--all", help="With --changed-since: also those that were cleared.")] = False,
    limit: Limit = 0,
) -> None:
    """List values that are beyond their thresholds."""
    request = pb.ListAlertsRequest(
        station_id=station,
        component=component,
        variable=variable,
        acknowledged=acknowledged,
        stations=station_selector(location, group, label),
        update_time=changed_since(changed),
        include_cleared=cleared,
    )
    pages = collect(client.citrine.diagnostics.ListAlerts, request, limit)
    alerts = [alert async for page in pages for alert in page.alerts]
    if client.out.as_json:
        client.out.messages(alerts)
        return
    rows = ([alert.station_id, *_event_row(alert.event), *_ends(alert, cleared)] for alert in alerts)
    columns = ["station", "time", "variable", "value", "trigger", "code", "monitor", "acknowledged by"]
    columns += ["cleared"] if cleared else []
    client.out.table(columns, rows, empty="no alerts")


def _ends(alert: pb.Alert, shows_cleared: bool) -> list[str]:
    ends = [_monitor(alert), alert.acknowledged_by]
    return [*ends, "yes" if alert.cleared else "no"] if shows_cleared else ends


def _monitor(alert: pb.Alert) -> str:
    return str(alert.event.variable_monitoring_id) if alert.event.HasField("variable_monitoring_id") else ""


async def show_alert(
    client: Client,
    station_id: Station,
    name: Annotated[
        str, typer.Argument(metavar="COMPONENT.VARIABLE", help="What the alert is about, as alerts shows it.")
    ],
    monitor: Annotated[
        int | None,
        typer.Option("--monitor", metavar="N", help="Its monitor, as alerts shows it.", show_default="shown is none"),
    ] = None,
) -> None:
    """Show the latest alert of a variable, cleared or not, with what was said with it."""
    named = parse_name(name)
    request = pb.GetAlertRequest(
        station_id=station_id, component=named.component, variable=named.variable, monitor_id=monitor
    )
    alert = await client.citrine.diagnostics.GetAlert(request)
    if client.out.as_json:
        client.out.message(alert)
        return
    columns = ["time", "variable", "value", "trigger", "code"]
    client.out.facts(
        {"station": alert.station_id}
        | dict(zip(columns, _event_row(alert.event), strict=True))
        | {
            "monitor": _monitor(alert),
            "info": alert.event.tech_info,
            "transaction": alert.event.transaction_id,
            "updated": time_word(alert, "update_time"),
            "acknowledged": time_word(alert, "acknowledge_time"),
            "acknowledged by": alert.acknowledged_by,
            "note": alert.acknowledge_note,
            "cleared": "yes" if alert.cleared else "no",
        }
    )


async def acknowledge_alert(
    client: Client,
    station_id: Station,
    name: Annotated[str, typer.Argument(metavar="COMPONENT.VARIABLE", help="What the alert is about.")],
    monitor: Annotated[
        int | None, typer.Option("--monitor", metavar="N", help="Only the alert of this monitor.")
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="For people.")] = "",
) -> None:
    """Acknowledge an alert. It stays open until its station clears it."""
    named = parse_name(name)
    request = pb.AcknowledgeAlertRequest(
        station_id=station_id,
        component=named.component.name,
        variable=named.variable.name,
        monitor_id=monitor,
        note=note,
    )
    answer = await client.citrine.diagnostics.AcknowledgeAlert(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"{len(answer.alerts)} acknowledged")


async def list_events(
    client: Client,
    station: OfStation = "",
    component: OfComponent = "",
    variable: OfVariable = "",
    start: Annotated[str, typer.Option("--from", "--since", metavar="TIME", help="At this time or later.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Before this time.")] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 100,
) -> None:
    """List the events of monitors, the latest first. Times are by the station's clock."""
    first, last = parse_span("--from/--since", start, "--to", end, past=True)
    times = TimeRange(start=first, end=last)
    request = pb.ListStationEventsRequest(
        station_id=station,
        component=component,
        variable=variable,
        time=times,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.diagnostics.ListStationEvents, request, limit)
    events = [event async for page in pages for event in page.station_events]
    if client.out.as_json:
        client.out.messages(events)
        return
    rows = ([event.station_id, *_event_row(event.event)] for event in events)
    client.out.table(["station", "time", "variable", "value", "trigger", "code"], rows, empty="no events")


def _event_row(event: ocpp.EventData) -> list[str]:
    return [
        instant_word(event, "timestamp"),
        write_name(event.component, event.variable),
        event.actual_value,
        enum_word(event, "trigger"),
        event.tech_code,
    ]
