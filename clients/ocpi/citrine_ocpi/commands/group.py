"""The group of the commands of `citrine ocpi`."""

import typer

from citrine_cli.processes import run_process
from citrine_ocpi.commands.deliveries import build_deliveries
from citrine_ocpi.commands.keys import rotate_key
from citrine_ocpi.commands.left_out import build_left_out
from citrine_ocpi.commands.parties import build_parties
from citrine_ocpi.commands.partners import build_partners
from citrine_ocpi.commands.tariffs import build_tariffs

__all__ = ["build"]

# The processes parse their own flags, including --help.
_UNTOUCHED = {"allow_extra_args": True, "ignore_unknown_options": True}


def build() -> typer.Typer:
    """Return the commands of `citrine ocpi`."""
    app = typer.Typer(help="Roaming by OCPI: serve, partner, party, tariff, delivery, left-out, rotate-key, emsp.")

    @app.command("serve", context_settings=_UNTOUCHED, add_help_option=False)
    def serve(ctx: typer.Context) -> None:
        """Start the OCPI adapter; its own flags follow."""
        raise typer.Exit(run_process("ocpi", ctx.args))

    @app.command("emsp", context_settings=_UNTOUCHED, add_help_option=False)
    def emsp(ctx: typer.Context) -> None:
        """Start a simulated eMSP, which registers and shows what it gets; its own flags follow."""
        raise typer.Exit(run_process("ocpi-emsp", ctx.args))

    app.command("rotate-key")(rotate_key)
    app.add_typer(build_partners(), name="partner")
    app.add_typer(build_parties(), name="party")
    app.add_typer(build_tariffs(), name="tariff")
    app.add_typer(build_deliveries(), name="delivery")
    app.add_typer(build_left_out(), name="left-out")
    return app
