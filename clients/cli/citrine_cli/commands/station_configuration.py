"""`citrine station apply|progress|drift`: a station and its configuration."""

from typing import Annotated

import typer

from citrine.api.v1.configurations_pb2 import (
    DRIFT_KIND_MATCHES,
    ApplyConfigurationRequest,
    DriftEntry,
    GetDriftReportRequest,
    GetProvisioningRequest,
)
from citrine_cli.client import Client, client_command
from citrine_cli.targets import Station
from citrine_words.variable_names import write_name
from citrine_words.words import enum_word, time_word

__all__ = ["Everything", "MayReset", "add_to", "drift_row"]

MayReset = Annotated[bool, typer.Option("--reset", help="Restart stations whose variables need a reboot, when idle.")]
Everything = Annotated[bool, typer.Option("--everything", help="Also set variables that are known to be right.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to those of `citrine station`."""
    client_command(app, "apply")(apply)
    client_command(app, "progress")(show_progress)
    client_command(app, "drift")(show_drift)


async def apply(
    client: Client, station_id: Station, may_reset: MayReset = False, everything: Everything = False
) -> None:
    """Have a station set the variables that differ from its configuration, at once or when it is back."""
    request = ApplyConfigurationRequest(station_id=station_id, may_reset=may_reset, everything=everything)
    answer = await client.citrine.configurations.ApplyConfiguration(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"the configuration of {station_id} is being applied; see citrine station progress {station_id}")


async def show_progress(client: Client, station_id: Station) -> None:
    """Show the progress of a station with its configuration, and its answers."""
    found = await client.citrine.configurations.GetProvisioning(GetProvisioningRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "station": found.station_id,
            "configuration": found.configuration_id,
            "state": enum_word(found, "state"),
            "problem": found.problem,
            "began": time_word(found, "start_time"),
            "next step": time_word(found, "next_time"),
            "ended": time_word(found, "finish_time"),
        }
    )
    rows = (
        [
            write_name(result.component, result.variable, result.attribute),
            result.value,
            enum_word(result, "status"),
            result.problem,
        ]
        for result in found.results
    )
    client.out.table(["variable", "value", "answer", "problem"], rows, empty="nothing had to be set", title="variables")


async def show_drift(
    client: Client,
    station_id: Station,
    show_all: Annotated[bool, typer.Option("--all", help="Also show variables that do not differ.")] = False,
) -> None:
    """Show the variables of a station that differ from its configuration."""
    report = await client.citrine.configurations.GetDriftReport(GetDriftReportRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(report)
        return
    entries = [entry for entry in report.entries if show_all or entry.kind != DRIFT_KIND_MATCHES]
    client.out.line(f"configuration {report.configuration_id}: {'it differs' if report.drifted else 'nothing differs'}")
    if entries:
        columns = ["variable", "should be", "is", "state", "problem"]
        client.out.table(columns, map(drift_row, entries), empty="")


def drift_row(entry: DriftEntry) -> list[str]:
    """Return a variable as a row: name, intended value, actual value, state, and reason."""
    return [
        write_name(entry.component, entry.variable, entry.attribute),
        entry.wanted,
        entry.actual if entry.HasField("actual") else "?",
        enum_word(entry, "kind"),
        entry.problem,
    ]
