"""`citrine ocpi partner locations`: which locations a partner sees."""

from collections.abc import Iterable
from typing import Annotated

import typer

from citrine_cli.errors import UsageError
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.running import JsonFlag, output_of, run
from citrine_ocpi.published import LocationFilter, LocationFilters
from citrine_ocpi.published.tags import group_tag, label_tag

__all__ = ["locations"]


def locations(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the partner is called here.")],
    location: Annotated[
        list[str] | None, typer.Argument(metavar="[LOCATION]...", help="Ids of all locations that it sees from now on.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="GROUP", help="It sees stations of this group; repeatable.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY=VALUE", help="It sees stations with this label alone; repeatable."),
    ] = None,
    published: Annotated[
        bool,
        typer.Option("--published", help="It sees what is published to it, as partners do by default."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show which locations a partner sees, or say it: some by their ids, published or not, or what is published to it.

    With groups and labels it sees of these the stations alone that are in one of the groups and have all of the labels.
    What is said takes the place of all that was said before. Within seconds the partner is sent what it sees more, and
    that what it sees no more is removed.
    """
    if location and published:
        raise UsageError("--published: not with locations")
    tags = [*_tags(group or (), label or ())]
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        await office.administration.get(name)
        async with office.database.writing() as session:
            filters = LocationFilters(session)
            if location or tags or published:
                await filters.set(name, location or (), tags)
            seen = await filters.of(name)
        if out.as_json:
            ids = None if seen.location_ids is None else sorted(seen.location_ids)
            out.json({"partner": name, "locations": ids, "tags": sorted(seen.tags)})
        else:
            out.line(f"partner {name} sees {_said(seen)}")

    run(work)


def _tags(groups: Iterable[str], labels: Iterable[str]) -> Iterable[str]:
    for group in groups:
        yield group_tag(group)
    for label in labels:
        key, separator, value = label.partition("=")
        if not key or not separator:
            raise UsageError("--label: expected KEY=VALUE")
        yield label_tag(key, value)


def _said(seen: LocationFilter) -> str:
    what = "what is published to it" if seen.location_ids is None else ", ".join(sorted(seen.location_ids))
    return f"{what}, of stations with {', '.join(sorted(seen.tags))}" if seen.tags else what
