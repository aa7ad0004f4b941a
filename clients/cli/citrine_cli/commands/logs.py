"""`citrine log`: logs that stations upload."""

from typing import Annotated

import typer

from citrine.api.v1.diagnostics_pb2 import GetLogRequest, ListLogUploadsRequest, LogUpload
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine_cli.client import Client, client_command, collect
from citrine_cli.commands.reports import wait_for_report
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, choice, show_answer, target
from citrine_words.values import parse_span
from citrine_words.words import enum_word, time_word

__all__ = ["build"]

_TYPES = {
    "diagnostics": ocpp.LOG_ENUM_DIAGNOSTICS_LOG,
    "security": ocpp.LOG_ENUM_SECURITY_LOG,
    "data-collector": ocpp.LOG_ENUM_DATA_COLLECTOR_LOG,
}

_GOOD = ("Accepted", "AcceptedCanceled")


def build() -> typer.Typer:
    """Return the commands of `citrine log`."""
    app = typer.Typer(help="Logs of stations: get, wait, list.")
    client_command(app, "get")(get_log)
    client_command(app, "wait")(wait_for_log)
    client_command(app, "list")(list_logs)
    return app


async def get_log(
    client: Client,
    station_id: Station,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the station uploads it to: http, https, ftp, sftp.")],
    log_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help=f"Kind of log: {', '.join(_TYPES)}.")
    ] = "diagnostics",
    oldest: Annotated[str, typer.Option("--from", "--since", metavar="TIME", help="Only from this time on.")] = "",
    latest: Annotated[str, typer.Option("--until", metavar="TIME", help="Only until this time.")] = "",
    retries: Annotated[int, typer.Option("--retries", metavar="N", help="How often the station may retry.")] = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is uploaded.")] = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Have a station upload a log. This may cancel an upload in progress."""
    log = ocpp.LogParameters(remote_location=url)
    first, last = parse_span("--from/--since", oldest, "--until", latest, past=True)
    if first is not None:
        log.oldest_timestamp.CopyFrom(first)
    if last is not None:
        log.latest_timestamp.CopyFrom(last)
    request = ocpp.GetLogRequest(log=log, log_type=choice("--type", _TYPES, log_type))
    if retries:
        request.retries = retries
    answer = await client.citrine.diagnostics.GetLog(
        GetLogRequest(target=target(station_id, timeout, when_online), request=request), timeout=timeout + MARGIN
    )
    show_answer(client, answer, _GOOD)
    request_id = int(answer.command.request.fields["requestId"].number_value)
    if wait:
        await wait_for_log(client, station_id, request_id)
    elif not client.out.as_json:
        client.out.line(f"log {request_id}")


async def wait_for_log(
    client: Client,
    station_id: Station,
    request_id: Annotated[int, typer.Argument(metavar="REQUEST", help="The requestId of the log.")],
    timeout: Annotated[float, DurationOption("--timeout", help="How long to wait; 0: without end.")] = 600,
) -> None:
    """Show the progress of an upload until its end. The exit code is 1 if the log is not uploaded."""
    await wait_for_report(client, station_id, request_id, "log", timeout)


async def list_logs(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List requested logs, the latest first."""
    request = ListLogUploadsRequest(
        create_time=range_of(begin, end), station_id=station, stations=station_selector(location, group, label)
    )
    pages = collect(client.citrine.diagnostics.ListLogUploads, request, limit)
    logs = [log async for page in pages for log in page.log_uploads]
    if client.out.as_json:
        client.out.messages(logs)
        return
    columns = ["request", "station", "type", "state", "status", "file", "location", "since"]
    client.out.table(columns, map(_row, logs), empty="no logs")


def _row(log: LogUpload) -> list[str]:
    return [
        str(log.request_id),
        log.station_id,
        enum_word(log, "log_type"),
        enum_word(log, "state").removeprefix("report state "),
        log.status,
        log.filename,
        log.remote_location,
        time_word(log, "request_time"),
    ]
