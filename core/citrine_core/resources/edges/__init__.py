"""Edges by name: which may link to cores, by a certificate or by a credential of their own."""

from citrine_core.resources.edges.authenticator import EdgeAuthenticator
from citrine_core.resources.edges.models import NamedEdge
from citrine_core.resources.edges.repository import NamedEdgeRepository
from citrine_core.resources.edges.servicer import EdgesServicer

__all__ = ["EdgeAuthenticator", "EdgesServicer", "NamedEdge", "NamedEdgeRepository"]
