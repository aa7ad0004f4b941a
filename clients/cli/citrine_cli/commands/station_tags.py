"""`citrine station groups` and `labels`: which groups and labels stations have."""

from typing import Annotated

import typer

from citrine.api.v1.stations_pb2 import ListStationGroupsRequest, ListStationLabelsRequest
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_words.words import count

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `citrine station`."""
    client_command(app, "groups")(list_groups)
    client_command(app, "labels")(list_labels)


async def list_groups(
    client: Client,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="Only those whose name begins so.")] = "",
    limit: Limit = 0,
) -> None:
    """List the groups that stations are in."""
    pages = collect(client.citrine.stations.ListStationGroups, ListStationGroupsRequest(name_prefix=prefix), limit)
    found = [each async for page in pages for each in page.groups]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = ([each.name, count(each.stations)] for each in found)
    client.out.table(["group", "stations"], rows, empty="no groups")


async def list_labels(
    client: Client,
    label_key: Annotated[str, typer.Argument(metavar="[KEY]", help="Only those of this key.")] = "",
    prefix: Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="Only those whose key begins so.")] = "",
    limit: Limit = 0,
) -> None:
    """List the labels that stations have."""
    request = ListStationLabelsRequest(key=label_key, key_prefix=prefix)
    pages = collect(client.citrine.stations.ListStationLabels, request, limit)
    found = [each async for page in pages for each in page.labels]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = ([each.key, each.value, count(each.stations)] for each in found)
    client.out.table(["key", "value", "stations"], rows, empty="no labels")
