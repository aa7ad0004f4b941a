"""`citrine ocpi party`: who we are to partners."""

from typing import Annotated

import typer

from citrine_cli.errors import UsageError
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.running import JsonFlag, output_of, run
from citrine_ocpi.partner import OwnParty
from citrine_ocpi.transport import Party

__all__ = ["build_parties", "party_of"]

PartyArgument = Annotated[str, typer.Argument(metavar="PARTY", help="Country and id, as NL-TNM.")]


def build_parties() -> typer.Typer:
    """Return the commands of `citrine ocpi party`."""
    app = typer.Typer(help="Our own parties, for which stations are operated: set, list, remove.")
    app.command("set")(set_party)
    app.command("list")(list_parties)
    app.command("remove")(remove_party)
    return app


def party_of(text: str) -> Party:
    """Return a party as it is typed.

    Raises:
        UsageError: When it is none.
    """
    try:
        return Party.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def set_party(
    ctx: typer.Context,
    party: PartyArgument,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What people call it.")],
    website: Annotated[str, typer.Option("--website", metavar="URL", help="Its website.")] = "",
    logo: Annotated[str, typer.Option("--logo", metavar="URL", help="Its logo.")] = "",
) -> None:
    """Add a party of ours, or change its details. The first one is that of all locations that name none.

    Partners learn of it with the next exchange of credentials: see `citrine ocpi partner rotate`.
    """
    own = OwnParty(party_of(party), name, website, logo)
    if not 1 <= len(name) <= 100:
        raise UsageError("--name: expected 1 to 100 characters")

    async def work(office: Office) -> None:
        await office.administration.set_party(own)

    run(work)
    output_of(ctx, False).line(f"party {own.party} is {name}")


def list_parties(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List our own parties, the first one first."""
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        found = await office.partners.own()
        if out.as_json:
            out.json(
                [
                    {
                        "country_code": one.party.country_code,
                        "party_id": one.party.party_id,
                        "name": one.name,
                        "website": one.website,
                        "logo": one.logo,
                    }
                    for one in found
                ]
            )
            return
        rows = [[str(one.party), one.name, one.website] for one in found]
        out.table(["party", "name", "website"], rows, empty="no parties: citrine ocpi party set")

    run(work)


def remove_party(ctx: typer.Context, party: PartyArgument) -> None:
    """Remove a party of ours."""
    removed = party_of(party)

    async def work(office: Office) -> None:
        await office.administration.remove_party(removed)

    run(work)
    output_of(ctx, False).line(f"party {removed} removed")
