"""`citrine ocpi partner set` and `accept`: what the operator agrees to of what a partner says of itself."""

from typing import Annotated

import typer

from citrine_cli.errors import UsageError
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.parties import party_of
from citrine_ocpi.commands.running import output_of, run

__all__ = ["accept", "set_partner"]

PartnerArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the partner is called here.")]


def set_partner(
    ctx: typer.Context,
    name: PartnerArgument,
    hub: Annotated[
        bool | None,
        typer.Option("--hub/--no-hub", help="Whether it may be a hub: it says who is behind it, and sees theirs."),
    ] = None,
    broadcast: Annotated[
        bool | None,
        typer.Option("--broadcast/--no-broadcast", help="Whether it sends on to all behind it what they all may see."),
    ] = None,
    raw_token: Annotated[
        bool | None,
        typer.Option("--raw-token/--base64-token", help="Whether tokens stand in headers as they are, or in base64."),
    ] = None,
) -> None:
    """Change what was said of a partner when it was added."""
    if hub is None and raw_token is None and broadcast is None:
        raise UsageError("say what to change: --hub, --broadcast, --raw-token, or the opposite of one (--no-hub)")

    async def work(office: Office) -> None:
        await office.administration.change(name, is_raw=raw_token, is_hub=hub, is_broadcast=broadcast)

    run(work)
    output_of(ctx, False).line(f"partner {name} changed")


def accept(
    ctx: typer.Context,
    name: PartnerArgument,
    party: Annotated[list[str], typer.Argument(metavar="PARTY...", help="Country and id, as NL-TNM.")],
) -> None:
    """Accept parties that a partner has named since it registered: it sees what is theirs from then on.

    A party that is or was connected otherwise waits so, too, when a hub says that it is behind it. `show` lists those
    that wait.
    """
    parties = {party_of(one) for one in party}

    async def work(office: Office) -> None:
        await office.administration.accept(name, parties)

    run(work)
    output_of(ctx, False).line(f"partner {name} is {', '.join(sorted(map(str, parties)))}, too")
