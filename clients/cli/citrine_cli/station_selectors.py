"""Options that select stations by location, group and label, and what they say in a request."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import grpc
import typer

from citrine_cli.errors import NotThere, UsageError
from citrine_sdk import Citrine

if TYPE_CHECKING:
    from citrine.api.v1.station_selector_pb2 import StationSelector

__all__ = ["AtLocation", "InGroup", "WithLabel", "check_places", "groups_of", "labels_of", "station_selector"]

NONE = "none"
"""What stands for no label and no group."""

AtLocation = Annotated[
    list[str] | None, typer.Option("--location", metavar="ID", help="Only stations that stand there; repeat it.")
]
InGroup = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help="Only stations of a group; repeat it.")
]
WithLabel = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="Only stations that have this label; repeat it, all must match."),
]


def station_selector(
    locations: Sequence[str] | None, groups: Sequence[str] | None, labels: Sequence[str] | None
) -> "StationSelector | None":
    """Return the selector that the options say; None if none is given.

    Raises:
        UsageError: When a label has no value.
    """
    if not (locations or groups or labels):
        return None
    # Imported here, because few commands need it.
    from citrine.api.v1.station_selector_pb2 import StationSelector

    return StationSelector(location_ids=locations, groups=groups, labels=labels_of(labels))


async def check_places(citrine: Citrine, locations: Sequence[str] | None, groups: Sequence[str] | None) -> None:
    """Check that locations and groups of stations exist: a misspelt one would look like one that has nothing.

    Raises:
        NotThere: When one does not exist.
        grpc.aio.AioRpcError: When a call fails. That of a key that may not read them does not.
    """
    # Imported here, because few commands need them.
    from citrine.api.v1.locations_pb2 import GetLocationRequest
    from citrine.api.v1.stations_pb2 import ListStationGroupsRequest

    try:
        for location_id in locations or ():
            await citrine.locations.GetLocation(GetLocationRequest(location_id=location_id))
        for name in groups or ():
            found = await citrine.stations.ListStationGroups(ListStationGroupsRequest(name_prefix=name, page_size=1))
            if [one.name for one in found.groups] != [name]:
                raise NotThere("group of stations", name)
    except grpc.aio.AioRpcError as error:
        if error.code() not in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED):
            raise


def labels_of(given: Sequence[str] | None) -> dict[str, str]:
    """Return the labels of options `KEY=VALUE`.

    Raises:
        UsageError: When one has no value, or a key is given twice.
    """
    found: dict[str, str] = {}
    for one in given or () if given != [NONE] else ():
        key, equals, value = one.partition("=")
        if not (key and equals):
            raise UsageError(f"--label: {one!r} is not KEY=VALUE")
        if key in found:
            raise UsageError(f"--label: {key} is given twice")
        found[key] = value
    return found


def groups_of(given: Sequence[str] | None) -> list[str]:
    """Return the groups of options."""
    return [] if given == [NONE] else list(given or ())
