"""The command `citrine up` and its options."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from citrine_cli.errors import UsageError, printable
from citrine_cli.line_breaks import write_line
from citrine_cli.up.introduction import remembered
from citrine_cli.up.run import run_up
from citrine_cli.up.screen import Screen
from citrine_cli.up.settings import UpSettings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `citrine up`."""
    app.command("up")(up)


def _none_if_empty(context: typer.Context, name: str, address: str) -> str:
    """Return an address, which is empty where its variable is: without this, an empty variable counts as none."""
    source = context.get_parameter_source(name)
    is_default = source is not None and source.name == "DEFAULT"
    return "" if is_default and os.environ.get(f"CITRINE_{name.upper()}") == "" else address


def up(
    context: typer.Context,
    data_dir: Annotated[
        Path,
        typer.Option("--data-dir", envvar="CITRINE_DATA_DIR", metavar="PATH", help="For keys, logs and the demo."),
    ] = Path(".citrine"),
    database: Annotated[
        str, typer.Option("--database", envvar="CITRINE_DATABASE", metavar="URL", help="SQLAlchemy URL.")
    ] = "sqlite+aiosqlite:///citrine.db",
    ocpp_listen: Annotated[
        str, typer.Option("--ocpp-listen", envvar="CITRINE_OCPP_LISTEN", metavar="HOST:PORT", help="For stations.")
    ] = "0.0.0.0:9000",
    ocpps_listen: Annotated[
        str,
        typer.Option(
            "--ocpps-listen", envvar="CITRINE_OCPPS_LISTEN", metavar="HOST:PORT", help="For stations with TLS."
        ),
    ] = "0.0.0.0:9443",
    ocpps_mtls_listen: Annotated[
        str,
        typer.Option(
            "--ocpps-mtls-listen",
            envvar="CITRINE_OCPPS_MTLS_LISTEN",
            metavar="HOST:PORT",
            help="For stations with TLS and a certificate.",
        ),
    ] = "0.0.0.0:9444",
    grpc_listen: Annotated[
        str, typer.Option("--grpc-listen", envvar="CITRINE_GRPC_LISTEN", metavar="HOST:PORT", help="For gRPC.")
    ] = "127.0.0.1:50051",
    core_http_listen: Annotated[
        str,
        typer.Option(
            "--core-http-listen", envvar="CITRINE_CORE_HTTP_LISTEN", metavar="HOST:PORT", help="Health of the core."
        ),
    ] = "127.0.0.1:9002",
    edge_http_listen: Annotated[
        str,
        typer.Option(
            "--edge-http-listen", envvar="CITRINE_EDGE_HTTP_LISTEN", metavar="HOST:PORT", help="Health of the edge."
        ),
    ] = "127.0.0.1:9001",
    console_listen: Annotated[
        str,
        typer.Option(
            "--console-listen", envvar="CITRINE_CONSOLE_LISTEN", metavar="HOST:PORT", help="For browsers; empty: none."
        ),
    ] = "127.0.0.1:8080",
    ocpi: Annotated[
        bool, typer.Option("--ocpi", help="Run the OCPI adapter, too, and a simulated eMSP that roams at the demo.")
    ] = False,
    ocpi_listen: Annotated[
        str,
        typer.Option("--ocpi-listen", envvar="CITRINE_OCPI_LISTEN", metavar="HOST:PORT", help="For partners, by OCPI."),
    ] = "127.0.0.1:8090",
    ocpi_http_listen: Annotated[
        str,
        typer.Option(
            "--ocpi-http-listen",
            envvar="CITRINE_OCPI_HTTP_LISTEN",
            metavar="HOST:PORT",
            help="Health of the OCPI adapter.",
        ),
    ] = "127.0.0.1:9003",
    emsp_listen: Annotated[
        str,
        typer.Option("--emsp-listen", envvar="CITRINE_EMSP_LISTEN", metavar="HOST:PORT", help="The simulated eMSP."),
    ] = "127.0.0.1:8091",
    no_demo: Annotated[bool, typer.Option("--no-demo", help="No demo tenant and no simulated stations.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print addresses and credentials of the one that runs, and start nothing.")
    ] = False,
) -> None:
    """Run one core, one edge and a web console, supervised, with a demo of four stations that charge.

    They use all three security profiles. The certificates are of a development CA in the data directory, that of
    citrine ca. The database is brought to the newest schema first. A port of 0 is a free one, an empty address
    of the console or of stations with TLS is none, also that of their variables. On a terminal the addresses and
    credentials stay at its top; --show prints them from another shell.
    """
    if show:
        for line in remembered(data_dir):
            write_line(sys.stdout, printable(line))
        return
    try:
        settings = UpSettings(
            data_dir=data_dir,
            database=database,
            ocpp_listen=ocpp_listen,
            ocpps_listen=_none_if_empty(context, "ocpps_listen", ocpps_listen),
            ocpps_mtls_listen=_none_if_empty(context, "ocpps_mtls_listen", ocpps_mtls_listen),
            grpc_listen=grpc_listen,
            core_http_listen=core_http_listen,
            edge_http_listen=edge_http_listen,
            console_listen=_none_if_empty(context, "console_listen", console_listen),
            ocpi=ocpi,
            ocpi_listen=ocpi_listen,
            ocpi_http_listen=ocpi_http_listen,
            emsp_listen=emsp_listen,
            demo=not no_demo,
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise UsageError(f"--{option}: {first['msg'].removeprefix('Value error, ')}") from error
    run_up(settings, Screen())
