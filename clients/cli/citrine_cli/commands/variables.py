"""`citrine variable`: variables of a station's device model."""

from typing import Annotated

import typer

from citrine.api.v1.provisioning_pb2 import (
    GetVariablesRequest,
    ListVariablesRequest,
    SetVariablesRequest,
    Variable,
)
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import CliError, UsageError
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, show_waiting, target
from citrine_words.variable_names import parse_name, write_name
from citrine_words.words import enum_word, time_word

__all__ = ["build"]


def build() -> typer.Typer:
    """Return the commands of `citrine variable`."""
    app = typer.Typer(
        help='Variables of stations: list, get, set. Their names are like "OCPPCommCtrlr.HeartbeatInterval", '
        '"DeviceDataCtrlr.ItemsPerMessage[GetReport]", "Connector@1/2.AvailabilityState", "EVSE@1.Power:Target".'
    )
    client_command(app, "list")(list_variables)
    client_command(app, "get")(get_variables)
    client_command(app, "set")(set_variables)
    return app


def _row(found: Variable) -> list[str]:
    unit = found.characteristics.unit
    return [
        write_name(found.component, found.variable, found.attribute),
        (found.value if found.HasField("value") else "-") + (f" {unit}" if unit else ""),
        enum_word(found, "mutability"),
        time_word(found, "update_time"),
    ]


async def list_variables(
    client: Client,
    station_id: Station,
    component: Annotated[str, typer.Option("--component", metavar="NAME", help="Only of this component.")] = "",
    variable: Annotated[str, typer.Option("--variable", metavar="NAME", help="Only variables of this name.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the variables of a station as it last reported them. The station is not asked."""
    request = ListVariablesRequest(station_id=station_id, component=component, variable=variable)
    pages = collect(client.citrine.provisioning.ListVariables, request, limit)
    variables = [found async for page in pages for found in page.variables]
    if client.out.as_json:
        client.out.messages(variables)
        return
    empty = "no variables are known; ask for them: citrine report request base STATION"
    client.out.table(["variable", "value", "mutability", "updated"], map(_row, variables), empty=empty)


async def get_variables(
    client: Client,
    station_id: Station,
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="COMPONENT.VARIABLE, see citrine variable.")],
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Ask a station for the values of variables. The exit code is 1 if it does not return one of them."""
    parsed = [parse_name(name) for name in names]
    request = GetVariablesRequest(
        target=target(station_id, timeout, when_online),
        request=ocpp.GetVariablesRequest(
            get_variable_data=[
                ocpp.GetVariableData(component=component, variable=variable, attribute_type=attribute)
                for component, variable, attribute in parsed
            ]
        ),
    )
    answer = await client.citrine.provisioning.GetVariables(request, timeout=_limit(timeout, len(parsed)))
    if client.out.as_json:
        client.out.message(answer)
    if not answer.HasField("response"):
        show_waiting(client, answer.command)
        return
    results = answer.response.get_variable_result
    if not client.out.as_json:
        rows = (
            [
                write_name(result.component, result.variable, result.attribute_type),
                enum_word(result, "attribute_status"),
                result.attribute_value,
            ]
            for result in results
        )
        client.out.table(["variable", "status", "value"], rows, empty="no results")
    refused = sum(result.attribute_status != ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED for result in results)
    if refused:
        raise CliError(f"{refused} of {len(results)} variables were not read")


async def set_variables(
    client: Client,
    station_id: Station,
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE…", help="COMPONENT.VARIABLE=VALUE, see citrine variable.")
    ],
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Have a station set variables. The exit code is 1 if it does not set one of them."""
    data = [_setting(setting) for setting in settings]
    request = SetVariablesRequest(
        target=target(station_id, timeout, when_online), request=ocpp.SetVariablesRequest(set_variable_data=data)
    )
    answer = await client.citrine.provisioning.SetVariables(request, timeout=_limit(timeout, len(data)))
    if client.out.as_json:
        client.out.message(answer)
    if not answer.HasField("response"):
        show_waiting(client, answer.command)
        return
    results = answer.response.set_variable_result
    if not client.out.as_json:
        rows = (
            [
                write_name(result.component, result.variable, result.attribute_type),
                enum_word(result, "attribute_status"),
                result.attribute_status_info.reason_code,
            ]
            for result in results
        )
        client.out.table(["variable", "status", "reason"], rows, empty="no results")
    done = (ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED, ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED)
    refused = sum(result.attribute_status not in done for result in results)
    if refused:
        raise CliError(f"{refused} of {len(results)} variables were not set")


def _setting(text: str) -> ocpp.SetVariableData:
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"{text!r}: expected NAME=VALUE")
    component, variable, attribute = parse_name(name)
    return ocpp.SetVariableData(component=component, variable=variable, attribute_type=attribute, attribute_value=value)


def _limit(timeout: float, items: int) -> float:
    """Return the timeout of the call in seconds. It may need a message for each item, and one for the item limits."""
    return timeout * (items + 1) + MARGIN
