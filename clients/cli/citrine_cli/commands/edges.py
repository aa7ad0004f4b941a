"""`citrine edges`: which edges may link to cores."""

from typing import Annotated

import typer

from citrine.api.v1.edges_pb2 import CreateEdgeRequest, Edge, ListEdgesRequest, RevokeEdgeRequest
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_words.words import time_word

__all__ = ["build"]

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The edge's name.")]


def build() -> typer.Typer:
    """Return the commands of `citrine edges`."""
    app = typer.Typer(help="Edges that may link to cores by a name of their own: add, list, revoke.")
    client_command(app, "add", of_tenant=False)(add_edge)
    client_command(app, "list", of_tenant=False)(list_edges)
    client_command(app, "revoke", of_tenant=False)(revoke_edge)
    return app


async def add_edge(client: Client, name: NameArgument) -> None:
    """Create a credential for an edge and print it, only this once. An edge with a certificate needs none."""
    created = await client.citrine.edges.CreateEdge(CreateEdgeRequest(edge_name=name))
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"edge {name} added")
    client.out.line(f"credential: {created.credential}")
    client.out.line("It is shown only now; the edge reads it from CITRINE_EDGE_CREDENTIAL_FILE.", style="dim")


async def list_edges(client: Client, limit: Limit = 0) -> None:
    """List the edges that have a name, revoked ones included."""
    pages = collect(client.citrine.edges.ListEdges, ListEdgesRequest(), limit)
    edges = [edge async for page in pages for edge in page.edges]
    if client.out.as_json:
        client.out.messages(edges)
        return
    client.out.table(
        ["edge", "credential", "linked", "created", "revoked"],
        (
            [
                edge.edge_name,
                "yes" if edge.has_credential else "certificate",
                _linked(edge),
                time_word(edge, "create_time"),
                time_word(edge, "revoke_time"),
            ]
            for edge in edges
        ),
        empty="no edges",
    )


async def revoke_edge(client: Client, name: NameArgument, yes: Yes = False) -> None:
    """Revoke an edge for good: its credential and all certificates of its name. Its links end within a minute."""

    async def look() -> None:
        # A name may be revoked before it is known.
        return

    await ask_consent(f"revoke edge {name}? Its stations lose their connections, for good.", yes=yes, look=look)
    edge = await client.citrine.edges.RevokeEdge(RevokeEdgeRequest(edge_name=name))
    if client.out.as_json:
        client.out.message(edge)
        return
    client.out.line(f"edge {name} revoked; its links end within a minute")


def _linked(edge: Edge) -> str:
    return str(edge.processes or "")
