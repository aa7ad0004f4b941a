"""`citrine ocpi partner locations`: which locations a partner sees."""

from typing import Annotated

import typer

from citrine_cli.errors import UsageError
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.running import JsonFlag, output_of, run
from citrine_ocpi.published.filters import LocationFilters

__all__ = ["locations"]


def locations(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the partner is called here.")],
    location: Annotated[
        list[str] | None, typer.Argument(metavar="[LOCATION]...", help="Ids of all locations that it sees from now on.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="It sees what is published to it, as partners do by default.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show which locations a partner sees, or name them: it sees those alone, published or not.

    Its lists follow at once. What it is sent follows with the next change of a location.
    """
    if location and published:
        raise UsageError("--published: not with locations")
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        await office.administration.get(name)
        async with office.database.writing() as session:
            filters = LocationFilters(session)
            if location or published:
                await filters.set(name, location or ())
            seen = await filters.of(name)
        if out.as_json:
            out.json({"partner": name, "locations": None if seen is None else sorted(seen)})
        elif seen is None:
            out.line(f"partner {name} sees what is published to it")
        else:
            out.line(f"partner {name} sees {', '.join(sorted(seen))}")

    run(work)
