"""`citrine ca`: a certificate authority for development and small installations, and what it issues."""

import sys
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from citrine_cli.development_ca import DevelopmentCa, Written
from citrine_cli.errors import UsageError
from citrine_cli.forms import DurationOption

__all__ = ["build"]

DEFAULT_FOLDER = Path(".citrine/ca")

LONGEST = timedelta(days=36525)
"""Longest validity of a certificate."""

FolderOption = Annotated[
    Path, typer.Option("--folder", metavar="PATH", help="Directory of the authority and of what it issues.")
]


class Kind(StrEnum):
    """What certificates are issued for."""

    EDGE = "edge"
    CORE = "core"
    STATION = "station"
    SERVER = "server"


def build() -> typer.Typer:
    """Return the commands of `citrine ca`."""
    app = typer.Typer(help="A certificate authority for development and small installations: init, issue.")
    app.command("init")(_init)
    app.command("issue")(_issue)
    return app


def _init(
    folder: FolderOption = DEFAULT_FOLDER,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Common name of the authority.")] = "Citrine CA",
    valid: Annotated[float, DurationOption("--valid", help="How long its certificate is valid.")] = 3650 * 86400.0,
) -> None:
    """Create a certificate authority: ca.crt, which others trust, and ca.key, which signs.

    It is for development and small installations. Its key is a file without a passphrase, and nothing revokes what it
    issued; for more, use an authority that can revoke.
    """
    if not 1 <= len(name) <= 64:
        raise UsageError("--name: expected 1 to 64 characters")
    authority = DevelopmentCa(folder)
    _print(authority.create(name, _validity(valid)))
    _print_line(f"Processes and stations that are to trust it need {authority.certificate_file}.")
    _print_line(f"Who reads {authority.key_file} can issue certificates: for development and small installations only.")


def _issue(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="One of edge, core, station, server.")],
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME…", help="Names of edges, ids of stations, or names and addresses of one server."),
    ],
    folder: FolderOption = DEFAULT_FOLDER,
    valid: Annotated[float, DurationOption("--valid", help="How long they are valid.")] = 397 * 86400.0,
    operator: Annotated[
        str, typer.Option("--operator", metavar="NAME", help="The organizationName in certificates of stations.")
    ] = "Citrine",
    with_rsa: Annotated[
        bool, typer.Option("--rsa", help="Issue a server's certificate also for an RSA key, for older stations.")
    ] = False,
) -> None:
    """Issue certificates with EC keys; those of the same name are replaced.

    An edge or a station gets a certificate for each NAME, with which it identifies itself. A core (for edges and
    clients) or a server (for stations) gets one certificate with all the names and addresses by which it is reached.
    """
    if with_rsa and kind is not Kind.SERVER:
        raise UsageError("--rsa is for the certificate of a server")
    authority, validity = DevelopmentCa(folder), _validity(valid)
    match kind:
        case Kind.EDGE:
            for name in names:
                _print(authority.issue_edge(name, validity))
        case Kind.STATION:
            for name in names:
                _print(authority.issue_station(name, operator, validity))
        case Kind.CORE | Kind.SERVER:
            _print(authority.issue_server(kind, names, validity, with_rsa=False))
            if with_rsa:
                _print(authority.issue_server(kind, names, validity, with_rsa=True))


def _validity(seconds: float) -> timedelta:
    if not 0 < seconds <= LONGEST.total_seconds():
        raise UsageError(f"--valid: expected a duration of at most {LONGEST.days} days")
    return timedelta(seconds=seconds)


def _print(written: Written) -> None:
    certificate, key = written
    _print_line(f"{certificate} and {key} written")


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
