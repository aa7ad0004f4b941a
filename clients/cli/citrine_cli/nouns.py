"""The nouns that may follow `citrine`, with their modules and helps.

Only the module of the used noun is imported: importing all takes longer than most commands. A test compares this table
with the modules.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["COMMANDS", "GROUPS", "SECTIONS", "Noun"]


@dataclass(frozen=True)
class Noun:
    """The module and help of a noun."""

    module: str
    """Module with its commands."""
    help: str
    """The first sentence of its help."""
    function: str = "build"
    """Function of the module that returns the group, or that adds the command to a `typer.Typer`."""
    extra: str = "cli"
    """Extra of the distribution that it needs."""


def _command(module: str, text: str) -> Noun:
    return Noun(f"citrine_cli.{module}", text, "register")


def _group(module: str, text: str, function: str = "build") -> Noun:
    return Noun(f"citrine_cli.commands.{module}", text, function)


COMMANDS: Mapping[str, Noun] = {
    "up": _command(
        "up.command", "Run one core, one edge and a web console, supervised, with a demo of four stations that charge."
    ),
    "core": _command("commands.processes", "Start a core; its own flags follow."),
    "edge": _command("commands.processes", "Start an edge; its own flags follow."),
    "simulate": _command("commands.processes", "Start simulated stations; their own flags follow."),
    "console": _command("commands.processes", "Start the web console; its own flags follow."),
    "completion": _command("commands.completion", "Print the script by which a shell completes commands, and ids."),
    "call": _command("commands.call", "Send an action to a station and print its answer, in OCPP's spelling."),
    "rpc": _command(
        "commands.rpc",
        "Call any rpc of the API, and print the message that it returns as JSON; of a stream one a line.",
    ),
    "events": _command(
        "commands.events",
        "Print events until Ctrl-C, each with its position in brackets; lost connections are opened again.",
    ),
    "messages": _command(
        "commands.events",
        "Print the OCPP frames of stations as they pass, until Ctrl-C; > is to the station, < from it.",
    ),
}
"""Nouns that are commands."""

GROUPS: Mapping[str, Noun] = {
    "db": _group("processes", "The database.", "build_database"),
    "station": _group("stations", "Charging stations: registered, accepted, configured, reset, in and out of service."),
    "location": _group("locations", "Locations: the sites where stations stand, and the EVSEs at them."),
    "configuration": _group(
        "configurations", "Configurations: what stations should have set, and which of them differ."
    ),
    "token": _group(
        "tokens",
        "Tokens of drivers: add, set, list, show, credit, remove, import, export, suspend, resume, suspensions.",
    ),
    "locallist": _group("locallists", "Lists of tokens that stations store: list, show, keep, sync, send, version."),
    "authorization": _group("authorization", "How tokens are decided on: show, set, authorizer, history."),
    "certificate": _group(
        "certificates",
        "Certificates of authorities; those that stations order, and those that they have installed.",
    ),
    "transaction": _group(
        "transactions",
        "Transactions: list, show, start, stop, unlock, check, close;"
        " and their costs: settle, reopen, waive, credit, reprice.",
    ),
    "reservation": _group("reservations", "Reservations: add, cancel, list, show; what those cost that nobody used."),
    "message": _group("messages", "Messages on displays: set, clear, get, list, show."),
    "data": _group("vendor_data", "Data of vendors: list, custom."),
    "meter": _group("meters", "Meter values: list."),
    "tariff": _group("tariffs", "Tariffs: create, change, assign, try out."),
    "cost": _group("costs", "Costs of transactions: list, show, corrections, correction, settings."),
    "record": _group("records", "Charge records: list, show, follow, settle; and what is not settled: unsettled."),
    "statistics": _group("statistics", "Counts and series: stations, series, utilisation, uptime."),
    "command": _group("commands", "Commands that were sent to stations: list, show, wait, cancel."),
    "operation": _group(
        "operations", "Operations: one action on many stations; start, list, show, results, watch, cancel."
    ),
    "connection": _group("connections", "Websockets of stations: list those that are open, and the history."),
    "tenant": _group("tenants", "Tenants: add, list, show, update, remove."),
    "key": _group("keys", "API keys and roles: add, list, show, rotate, revoke, roles."),
    "edges": _group("edges", "Edges that may link to cores by a name of their own: add, list, revoke."),
    "ca": _group("ca", "A certificate authority for development and small installations: init, issue."),
    "audit": _group("audit", "Who changed what, and who was denied: list, verify."),
    "report": _group("reports", "Reports of stations: request, wait, list, show."),
    "variable": _group("variables", "Variables of stations: list, get, set."),
    "limit": _group("limits", "How much transactions may take: list, set."),
    "log": _group("logs", "Logs of stations: get, wait, list."),
    "monitor": _group(
        "monitors", "Monitors of variables: list, set, clear, report, base, level, alerts, alert, acknowledge, events."
    ),
    "profile": _group("profiles", "Charging profiles: set, list, get, clear; composite schedules, vehicles, limits."),
    "firmware": _group("firmware", "Firmware: update, status, list, publish, unpublish, publications, campaign."),
    "refused": _group(
        "refusals", "Messages of stations that were refused, dropped, mended or tolerated: list, forget."
    ),
    "ocpi": Noun(
        "citrine_ocpi.commands",
        "Roaming by OCPI: serve, partner, party, tariff, delivery, left-out, rotate-key, emsp.",
        extra="ocpi",
    ),
    "person": _group("persons", "What is stored of a driver: export, erase, erasures."),
    "poisoned": _group("poisoned", "Messages of stations that the core could not process: list, show, run, remove."),
    "tolerance": _group(
        "tolerances",
        "What stations of a vendor or model may do against the schema: set, list, remove, profiles, apply.",
    ),
}
"""Nouns that are groups of commands."""

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Stations": ("station", "location", "configuration", "connection", "refused", "poisoned", "tolerance"),
    "Charging": ("transaction", "limit", "meter", "profile", "reservation"),
    "Access": ("token", "person", "locallist", "authorization", "certificate"),
    "Money": ("tariff", "cost", "record"),
    "Device": ("variable", "monitor", "report", "log", "firmware", "message", "data"),
    "Watching and asking": ("statistics", "events", "messages", "call", "command", "operation", "rpc"),
    "Operations": ("tenant", "key", "audit", "edges", "ca", "completion"),
    "Processes": ("up", "core", "edge", "console", "simulate", "ocpi", "db"),
}
"""Nouns in the order and under the headings of the help. Each noun has exactly one heading."""
