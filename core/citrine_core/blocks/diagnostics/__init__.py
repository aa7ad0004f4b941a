"""Functional block N, Diagnostics: the events that stations report by NotifyEvent."""

from functools import partial

from citrine.api.v1 import diagnostics_pb2_grpc
from citrine_core.blocks.diagnostics.handlers import DiagnosticsHandlers
from citrine_core.blocks.diagnostics.models import StationEvent
from citrine_core.blocks.diagnostics.repository import StationEventRepository
from citrine_core.blocks.diagnostics.servicer import DiagnosticsServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = ["DiagnosticsHandlers", "DiagnosticsServicer", "StationEvent", "StationEventRepository", "block"]


def block(services: Services) -> Block:
    """Return the block, put together."""
    return Block(
        "diagnostics",
        [DiagnosticsHandlers(services)],
        [partial(diagnostics_pb2_grpc.add_DiagnosticsServiceServicer_to_server, DiagnosticsServicer(services))],
        ["citrine.api.v1.DiagnosticsService"],
    )
