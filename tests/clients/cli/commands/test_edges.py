"""`citrine edges`: what is asked and what is printed."""

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.edges_pb2 import (
    CreateEdgeRequest,
    CreateEdgeResponse,
    Edge,
    ListEdgesResponse,
    RevokeEdgeRequest,
)
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

TIME = Timestamp(seconds=1_900_000_000)


def test_an_added_edge_has_its_credential_printed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateEdge", CreateEdgeResponse(edge=Edge(edge_name="north"), credential="edge:north:secret"))

    ran = citrine("edges", "add", "north")

    assert core.requests("CreateEdge") == [CreateEdgeRequest(edge_name="north")]
    assert ran.lines[:2] == ["edge north added", "credential: edge:north:secret"]


def test_edges_are_listed_with_how_they_identify_themselves(citrine: Cli, core: ScriptedCore) -> None:
    north = Edge(edge_name="north", has_credential=True, create_time=TIME, processes=2)
    south = Edge(edge_name="south", create_time=TIME, revoke_time=TIME)
    core.on("ListEdges", ListEdgesResponse(edges=[north, south]))

    ran = citrine("edges", "list", "--columns", "edge,credential,linked")

    assert [line.split() for line in ran.lines[1:]] == [["north", "yes", "2"], ["south", "certificate"]]


def test_a_revoked_edge_is_named(citrine: Cli, core: ScriptedCore) -> None:
    core.on("RevokeEdge", Edge(edge_name="north", revoke_time=TIME))

    ran = citrine("edges", "revoke", "north")

    assert core.requests("RevokeEdge") == [RevokeEdgeRequest(edge_name="north")]
    assert ran.lines == ["edge north revoked; its links end within a minute"]
