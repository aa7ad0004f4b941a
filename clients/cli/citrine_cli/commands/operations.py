"""`citrine operation`: one action on many stations."""

from typing import Annotated, Any

import typer
from google.protobuf.json_format import ParseDict
from google.protobuf.json_format import ParseError as JsonError
from google.protobuf.message_factory import GetMessageClass

from citrine.api.v1 import operations_pb2 as pb
from citrine.api.v1.stations_pb2 import STATION_CONNECTION_UNSPECIFIED
from citrine.ocpp.codec import CodecError, decode
from citrine_cli.client import Client, client_command, collect
from citrine_cli.commands.station_list import CONNECTIONS
from citrine_cli.errors import CliError, UsageError, one_line
from citrine_cli.filters import ChangedOption, FromOption, ToOption, changed_since, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.prefixes import with_operation
from citrine_cli.progress import progress_line
from citrine_cli.standard_input import read_input
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, labels_of
from citrine_cli.targets import choice
from citrine_cli.timeouts import LONGEST_TIMEOUT
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.values import parse_object, parse_seconds, parse_time
from citrine_words.words import connected_word, count, enum_word, time_word

__all__ = ["ACTIONS", "build"]

_STATES = words_of(pb.OperationState.items(), "OPERATION_STATE_")
_RESULTS = words_of(pb.OperationResultState.items(), "OPERATION_RESULT_STATE_")
_OFFLINE = words_of(pb.OfflineStations.items(), "OFFLINE_STATIONS_")

ACTIONS = {
    "".join(word.capitalize() for word in field.name.split("_")): field.name
    for field in pb.OperationAction.DESCRIPTOR.fields
}
"""The field of OperationAction by the name of the rpc."""

OperationId = Annotated[str, typer.Argument(metavar="OPERATION", help="Id of the operation, or what it begins with.")]


def build() -> typer.Typer:
    """Return the commands of `citrine operation`."""
    app = typer.Typer(help="Operations: one action on many stations; start, list, show, results, watch, cancel.")
    client_command(app, "start")(start_operation)
    client_command(app, "list")(list_operations)
    client_command(app, "show")(show)
    client_command(app, "results")(results)
    client_command(app, "watch")(watch)
    client_command(app, "cancel")(cancel)
    return app


async def start_operation(
    client: Client,
    action: Annotated[str, typer.Argument(metavar="ACTION", help=f"One of {', '.join(ACTIONS)}.")],
    payload: Annotated[
        str,
        typer.Argument(
            metavar="[JSON]", help="As for `citrine call`, or the whole request of the rpc; - reads it from stdin."
        ),
    ] = "{}",
    stations: Annotated[
        list[str] | None, typer.Option("--station", metavar="ID", help="This station; may be given several times.")
    ] = None,
    all_stations: Annotated[bool, typer.Option("--all", help="All stations of the tenant.")] = False,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Only stations whose id begins so.")] = "",
    vendor: Annotated[str, typer.Option("--vendor", metavar="V", help="Only stations of this vendor.")] = "",
    model: Annotated[str, typer.Option("--model", metavar="M", help="Only stations of this model.")] = "",
    firmware: Annotated[str, typer.Option("--firmware", metavar="V", help="Only stations with this firmware.")] = "",
    ocpp: Annotated[str, typer.Option("--ocpp", metavar="V", help="Only stations that speak 1.6, 2.0.1 or 2.1.")] = "",
    faulted: Annotated[bool, typer.Option("--faulted", help="Only stations of which a connector is faulted.")] = False,
    connection: Annotated[
        str,
        typer.Option(
            "--connection",
            metavar="STATE",
            help=f"Only stations with a connection that is {', '.join(CONNECTIONS)} now.",
        ),
    ] = "",
    parallel: Annotated[
        int, typer.Option("--parallel", metavar="N", help="Stations at a time.", show_default="50")
    ] = 0,
    offline: Annotated[
        str, typer.Option("--offline", metavar="WHAT", help="Stations that are not connected: skip, or wait for them.")
    ] = "skip",
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="Ask no station from then on.", show_default="in 24 hours")
    ] = "",
    timeout: Annotated[
        float | None, DurationOption("--timeout", help="How long each station has to answer.", show_default="30s")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for people.")] = "",
    operation_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="Its id; else it is chosen.", show_default=False)
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Show how far it is until it has ended, as watch does.")] = False,
) -> None:
    """Do one action on many stations, some at a time.

    With --wait, the exit code is 1 if a station refused or failed.
    """
    selection = pb.OperationSelection(
        all_stations=all_stations,
        station_id_prefix=prefix,
        vendor_name=vendor,
        model=model,
        firmware_version=firmware,
        ocpp_version=ocpp,
        faulted_only=faulted,
        connection=choice("--connection", CONNECTIONS, connection) if connection else STATION_CONNECTION_UNSPECIFIED,
    )
    if stations or location or group or label:
        selection.stations.station_ids.extend(stations or ())
        selection.stations.location_ids.extend(location or ())
        selection.stations.groups.extend(group or ())
        selection.stations.labels.update(labels_of(label))
    wanted = _action(action, parse_object(read_input() if payload == "-" else payload))
    if timeout is not None:
        request = getattr(wanted, wanted.WhichOneof("action") or "")
        if "target" not in request.DESCRIPTOR.fields_by_name:
            raise UsageError(f"--timeout: {action} asks no station")
        request.target.timeout.CopyFrom(parse_seconds("--timeout", timeout, LONGEST_TIMEOUT))
    operation = pb.Operation(
        operation_id=operation_id,
        selection=selection,
        action=wanted,
        max_parallel=parallel,
        offline=choice("--offline", _OFFLINE, offline),
        expire_time=parse_time("--expires", expires) if expires else None,
        reason=reason,
    )
    created = await client.citrine.operations.CreateOperation(pb.CreateOperationRequest(operation=operation))
    if wait:
        _show_end(client, await _until_ended(client, created))
    else:
        _show(client, created)


async def list_operations(
    client: Client,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    action: Annotated[
        str, typer.Option("--action", metavar="ACTION", help="Only with this action, as for start.")
    ] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Only those that the key of this name began.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    changed: ChangedOption = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List operations, the latest first."""
    request = pb.ListOperationsRequest(
        state=choice("--state", _STATES, state) if state else pb.OPERATION_STATE_UNSPECIFIED,
        action=_field(action) if action else "",
        requested_by=by,
        create_time=range_of(begin, end),
        update_time=changed_since(changed),
    )
    pages = collect(client.citrine.operations.ListOperations, request, limit)
    operations = [operation async for page in pages for operation in page.operations]
    if client.out.as_json:
        client.out.messages(operations)
        return
    rows = (
        [
            PrefixId(operation.operation_id),
            _name(operation),
            enum_word(operation, "state"),
            _progress(operation),
            operation.requested_by,
            time_word(operation, "create_time"),
        ]
        for operation in operations
    )
    columns = ["operation", "action", "state", "stations", "by", "created"]
    client.out.table(columns, rows, empty="no operations")


async def show(client: Client, operation_id: OperationId) -> None:
    """Show an operation."""
    operation = await _get(client, operation_id)
    if client.out.as_json:
        client.out.message(operation)
        return
    client.out.facts(
        {
            "operation": operation.operation_id,
            "action": _name(operation),
            "state": enum_word(operation, "state"),
            "because": operation.state_reason,
            "reason": operation.reason,
            "stations": _progress(operation),
            "at a time": str(operation.max_parallel),
            "those that are offline": enum_word(operation, "offline"),
            "expires": time_word(operation, "expire_time"),
            "created by": operation.requested_by,
            "created": time_word(operation, "create_time"),
            "ended": time_word(operation, "finish_time"),
        }
    )


async def results(
    client: Client,
    operation_id: OperationId,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_RESULTS)} ones.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the stations of an operation, and what became of each."""
    of_state = choice("--state", _RESULTS, state) if state else pb.OPERATION_RESULT_STATE_UNSPECIFIED
    operation = await _get(client, operation_id)
    request = pb.ListOperationResultsRequest(operation_id=operation.operation_id, state=of_state)
    pages = collect(client.citrine.operations.ListOperationResults, request, limit)
    found = [result async for page in pages for result in page.results]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [
            result.station_id,
            enum_word(result, "state"),
            result.status,
            result.reason,
            PrefixId(result.command_id),
            count(result.attempts, zero=""),
            connected_word(result.connected),
            time_word(result, "update_time"),
        ]
        for result in found
    )
    columns = ["station", "state", "answered", "because", "command", "attempts", "connected", "since"]
    client.out.table(columns, rows, empty="no stations")


async def watch(client: Client, operation_id: OperationId) -> None:
    """Show how far an operation is until it has ended.

    The exit code is 1 if a station refused or failed.
    """
    _show_end(client, await _until_ended(client, await _get(client, operation_id)))


async def cancel(
    client: Client,
    operation_id: OperationId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for people.")] = "",
) -> None:
    """Begin with no further station. What is under way goes on."""

    async def cancel_it(whole: str) -> pb.Operation:
        request = pb.CancelOperationRequest(operation_id=whole, reason=reason)
        return await client.citrine.operations.CancelOperation(request)

    _show(client, await with_operation(client, operation_id, cancel_it))


def _field(name: str) -> str:
    fields = {known.lower(): field for known, field in ACTIONS.items()}
    field = fields.get(name.lower().replace("-", "").replace("_", ""))
    if field is None:
        raise UsageError(f"{name!r} is none of {', '.join(ACTIONS)}")
    return field


def _action(name: str, payload: dict[str, Any]) -> pb.OperationAction:
    action = pb.OperationAction()
    request: Any = getattr(action, _field(name))
    request.SetInParent()
    content = request.DESCRIPTOR.fields_by_name.get("request")
    try:
        if content is None or "request" in payload:
            ParseDict(payload, request)
        else:
            request.request.CopyFrom(decode(GetMessageClass(content.message_type), payload))
    except CodecError as error:
        raise UsageError(f"the payload does not fit {name}: {error}") from error
    except JsonError as error:
        raise UsageError(f"the request does not fit {name}: {one_line(str(error))}") from error
    return action


async def _get(client: Client, operation_id: str) -> pb.Operation:
    async def get(whole: str) -> pb.Operation:
        return await client.citrine.operations.GetOperation(pb.GetOperationRequest(operation_id=whole))

    return await with_operation(client, operation_id, get)


async def _until_ended(client: Client, operation: pb.Operation) -> pb.Operation:
    with progress_line(is_wanted=not client.out.as_json) as line:
        latest = operation
        async for latest in client.citrine.follow_operation(operation.operation_id):
            line.show(f"{_name(latest)}: {_progress(latest)}")
    return latest


def _name(operation: pb.Operation) -> str:
    field = operation.action.WhichOneof("action") or ""
    return next((name for name, known in ACTIONS.items() if known == field), "")


def _show(client: Client, operation: pb.Operation) -> None:
    if client.out.as_json:
        client.out.message(operation)
        return
    client.out.line(f"operation {operation.operation_id} is {enum_word(operation, 'state')}: {_progress(operation)}")


def _show_end(client: Client, operation: pb.Operation) -> None:
    """Show an operation that has ended.

    Raises:
        CliError: When a station refused or failed.
    """
    _show(client, operation)
    progress = operation.progress
    if progress.refused or progress.failed:
        raise CliError(f"{progress.refused} stations refused, and {progress.failed} failed")


def _progress(operation: pb.Operation) -> str:
    progress = operation.progress
    parts = {
        "succeeded": progress.succeeded,
        "refused": progress.refused,
        "failed": progress.failed,
        "running": progress.running,
        f"waiting ({progress.offline} of them offline)" if progress.offline else "waiting": progress.pending,
        "skipped": progress.skipped,
        "expired": progress.expired,
        "cancelled": progress.cancelled,
    }
    counts = [f"{number} {word}" for word, number in parts.items() if number]
    over = progress.total - progress.pending - progress.running
    percent = f" ({100 * over // progress.total} % done)" if progress.total else ""
    return f"{', '.join(counts)} of {progress.total}{percent}" if counts else str(progress.total)
