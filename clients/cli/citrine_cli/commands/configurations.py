"""`citrine configuration`: the variables that stations should have set."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict, ParseError

from citrine.api.v1.configurations_pb2 import (
    ApplyConfigurationRequest,
    Configuration,
    ConfigurationSelector,
    CreateConfigurationRequest,
    DeleteConfigurationRequest,
    GetConfigurationRequest,
    ListConfigurationsRequest,
    ListDriftReportsRequest,
    ListProvisioningsRequest,
    ProvisioningState,
    UpdateConfigurationRequest,
)
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands.station_configuration import Everything, MayReset, drift_row
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import CliError, UsageError
from citrine_cli.filters import ChangedOption, changed_since
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, labels_of, station_selector
from citrine_cli.targets import choice
from citrine_words.enums import words_of
from citrine_words.values import parse_object
from citrine_words.variable_names import parse_name, write_name
from citrine_words.words import count, enum_word, time_word

__all__ = ["build"]

_STATES = words_of(ProvisioningState.items(), "PROVISIONING_STATE_")

_REPORTS = {
    "full": ocpp.REPORT_BASE_ENUM_FULL_INVENTORY,
    "configuration": ocpp.REPORT_BASE_ENUM_CONFIGURATION_INVENTORY,
    "summary": ocpp.REPORT_BASE_ENUM_SUMMARY_INVENTORY,
    "none": None,
}

_FIELDS = {"location": "location_id", "group": "station_group"}

_PLACE = re.compile(r"\s*@(?=(?:location|group|label)=)")

Id = Annotated[str, typer.Argument(metavar="ID", help="Name of the configuration.")]
Settings = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=VALUE…]", help="COMPONENT.VARIABLE=VALUE, see citrine variable.")
]
For = Annotated[
    list[str] | None,
    typer.Option(
        "--for",
        metavar="WHICH",
        help="Stations that it is for: VENDOR/MODEL, VENDOR, or * for all; with @location=ID, @group=NAME and "
        "@label=KEY=VALUE behind it, or alone, only those there. May be repeated.",
    ),
]
Report = Annotated[
    str | None,
    typer.Option("--report", metavar="WHICH", help="Asked for first: full, configuration, summary or none."),
]
Hold = Annotated[
    bool | None,
    typer.Option("--hold-refused/--accept-refused", help="Keep a station Pending that refuses a variable, or not."),
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="For people.")]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="JSON as show --json prints it; options go before what it says."),
]


def build() -> typer.Typer:
    """Return the commands of `citrine configuration`."""
    app = typer.Typer(help="Configurations: what stations should have set, and which of them differ.")
    client_command(app, "add")(add_configuration)
    client_command(app, "update")(update_configuration)
    client_command(app, "list")(list_configurations)
    client_command(app, "show")(show_configuration)
    client_command(app, "remove")(remove_configuration)
    client_command(app, "apply")(apply_configuration)
    client_command(app, "progress")(list_progress)
    client_command(app, "drift")(list_drift)
    return app


async def add_configuration(
    client: Client,
    configuration_id: Id,
    settings: Settings = None,
    selectors: For = None,
    report: Report = None,
    hold_refused: Hold = None,
    description: Description = None,
    file: File = None,
) -> None:
    """Add a configuration. Stations get it at their next boot (boot policy: configure), or by apply."""
    configuration, _ = _read(configuration_id, settings, selectors, report or "full", hold_refused, description, file)
    created = await client.citrine.configurations.CreateConfiguration(
        CreateConfigurationRequest(configuration=configuration)
    )
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"configuration {configuration_id} added with {len(created.variables)} variables")


async def update_configuration(
    client: Client,
    configuration_id: Id,
    settings: Settings = None,
    selectors: For = None,
    report: Report = None,
    hold_refused: Hold = None,
    description: Description = None,
    file: File = None,
) -> None:
    """Change a configuration. Given variables replace all that it had; stations get it by apply."""
    configuration, fields = _read(configuration_id, settings, selectors, report, hold_refused, description, file)
    if not fields:
        raise UsageError("there is nothing to change; see --help")
    updated = await client.citrine.configurations.UpdateConfiguration(
        UpdateConfigurationRequest(configuration=configuration, update_mask=FieldMask(paths=fields))
    )
    if client.out.as_json:
        client.out.message(updated)
        return
    client.out.line(f"configuration {configuration_id} updated; see citrine configuration drift {configuration_id}")


def _read(
    configuration_id: str,
    settings: list[str] | None,
    selectors: list[str] | None,
    report: str | None,
    hold_refused: bool | None,
    description: str | None,
    file: Path | None,
) -> tuple[Configuration, list[str]]:
    """Return the configuration of a file and options, and the names of the fields that they set."""
    given = _read_file(file) if file is not None else Configuration()
    names = {field.name for field, _ in given.ListFields()} - {"create_time", "update_time", "etag"}
    if settings:
        del given.variables[:]
        given.variables.extend(map(_setting, settings))
        names.add("variables")
    if selectors is not None:
        del given.selectors[:]
        given.selectors.extend(map(_selector, selectors))
        names.add("selectors")
    if report is not None and (file is None or "base_report" not in names):
        given.ClearField("base_report")
        chosen = choice("--report", _REPORTS, report) if report.lower() != "none" else None
        if chosen is not None:
            given.base_report = chosen
        names.add("base_report")
    if hold_refused is not None:
        given.hold_refused = hold_refused
        names.add("hold_refused")
    if description is not None:
        given.description = description
        names.add("description")
    given.configuration_id = configuration_id
    return given, sorted(names - {"configuration_id"})


def _read_file(file: Path) -> Configuration:
    try:
        found: dict[str, Any] = parse_object(file.read_text(encoding="utf-8"))
        return ParseDict(found, Configuration())
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{file} can't be read: {error}") from error
    except ParseError as error:
        raise UsageError(f"{file} is no configuration: {error}") from error


def _setting(text: str) -> ocpp.SetVariableData:
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"{text!r}: expected NAME=VALUE")
    component, variable, attribute = parse_name(name)
    return ocpp.SetVariableData(component=component, variable=variable, attribute_type=attribute, attribute_value=value)


def _selector(text: str) -> ConfigurationSelector:
    hardware, *places = _PLACE.split(text)
    vendor, _, model = ("", "", "") if hardware == "*" else hardware.partition("/")
    selector = ConfigurationSelector(vendor_name=vendor, model=model)
    labels = []
    for place in places:
        kind, _, value = place.partition("=")
        if not value:
            raise UsageError(f"--for: @{place} names nothing")
        if kind == "label":
            labels.append(value)
        elif getattr(selector, _FIELDS[kind]):
            raise UsageError(f"--for: @{kind} is given twice")
        else:
            setattr(selector, _FIELDS[kind], value)
    selector.station_labels.update(labels_of(labels))
    return selector


def _selector_word(selector: ConfigurationSelector) -> str:
    hardware = "/".join(filter(None, (selector.vendor_name, selector.model))) or "*"
    places = [f"@{kind}={value}" for kind, field in _FIELDS.items() if (value := getattr(selector, field))]
    labels = [f"@label={key}={value}" for key, value in sorted(selector.station_labels.items())]
    return " ".join([hardware, *places, *labels])


async def list_configurations(client: Client, changed: ChangedOption = "", limit: Limit = 0) -> None:
    """List the configurations."""
    request = ListConfigurationsRequest(update_time=changed_since(changed))
    pages = collect(client.citrine.configurations.ListConfigurations, request, limit)
    found = [each async for page in pages for each in page.configurations]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [
            each.configuration_id,
            count(len(each.variables)),
            ", ".join(map(_selector_word, each.selectors)),
            time_word(each, "update_time"),
            each.description,
        ]
        for each in found
    )
    client.out.table(["configuration", "variables", "for", "updated", "description"], rows, empty="no configurations")


async def show_configuration(client: Client, configuration_id: Id) -> None:
    """Show a configuration with its variables."""
    request = GetConfigurationRequest(configuration_id=configuration_id)
    found = await client.citrine.configurations.GetConfiguration(request)
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "configuration": found.configuration_id,
            "description": found.description,
            "for": ", ".join(map(_selector_word, found.selectors)) or "stations that name it",
            "report first": enum_word(found, "base_report") or "none",
            "refused": "held" if found.hold_refused else "accepted, and shown",
            "updated": time_word(found, "update_time"),
        }
    )
    rows = (
        [write_name(data.component, data.variable, data.attribute_type), data.attribute_value]
        for data in found.variables
    )
    client.out.table(["variable", "value"], rows, empty="no variables", title="variables")


async def remove_configuration(client: Client, configuration_id: Id, yes: Yes = False) -> None:
    """Remove a configuration that no station names; what stations have set stays."""
    shown = GetConfigurationRequest(configuration_id=configuration_id)
    await ask_consent(
        f"remove configuration {configuration_id}?",
        yes=yes,
        look=lambda: client.citrine.configurations.GetConfiguration(shown),
    )
    request = DeleteConfigurationRequest(configuration_id=configuration_id)
    answer = await client.citrine.configurations.DeleteConfiguration(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"configuration {configuration_id} removed")


async def apply_configuration(
    client: Client,
    configuration_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="Name of the configuration; or else say which stations.")
    ] = "",
    may_reset: MayReset = False,
    everything: Everything = False,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
) -> None:
    """Have stations set what differs from their configuration, at once or when they are back.

    Without options all stations of the configuration; without a configuration the selected ones, whatever theirs is.
    """
    stations = station_selector(location, group, label)
    if not configuration_id and stations is None:
        raise UsageError("name a configuration, or say which stations; see --help")
    request = ApplyConfigurationRequest(may_reset=may_reset, everything=everything, stations=stations)
    if configuration_id:
        request.configuration_id = configuration_id
    answer = await client.citrine.configurations.ApplyConfiguration(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    what = f"configuration {configuration_id}" if configuration_id else "their configuration"
    client.out.line(f"{what} is being applied to {answer.stations} stations")


async def list_progress(
    client: Client,
    configuration_id: Annotated[str, typer.Argument(metavar="[ID]", help="Only of this configuration.")] = "",
    states: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones; may be repeated."),
    ] = None,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the progress of stations with their configurations."""
    request = ListProvisioningsRequest(
        configuration_id=configuration_id,
        states=[choice("--state", _STATES, state) for state in states or ()],
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.configurations.ListProvisionings, request, limit)
    found = [each async for page in pages for each in page.provisionings]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [each.station_id, each.configuration_id, enum_word(each, "state"), time_word(each, "update_time"), each.problem]
        for each in found
    )
    client.out.table(["station", "configuration", "state", "since", "problem"], rows, empty="no stations")


async def list_drift(
    client: Client,
    configuration_id: Annotated[str, typer.Argument(metavar="[ID]", help="Only of this configuration.")] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List stations that differ from their configuration, with the variables that differ."""
    stations = station_selector(location, group, label)
    request = ListDriftReportsRequest(configuration_id=configuration_id, drifted_only=True, stations=stations)
    pages = collect(client.citrine.configurations.ListDriftReports, request, limit)
    found = [each async for page in pages for each in page.reports]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = ([report.station_id, *drift_row(entry)] for report in found for entry in report.entries)
    columns = ["station", "variable", "should be", "is", "state", "problem"]
    client.out.table(columns, rows, empty="no station differs")
