"""Functional block N, Diagnostics: events, monitors, logs and customer information of stations."""

from functools import partial

from google.protobuf.message import Message

from citrine.api.v1 import diagnostics_pb2_grpc
from citrine.ocpp.v2.diagnostics_pb2 import GetLogRequest
from citrine_core.blocks.diagnostics.handlers import DiagnosticsHandlers
from citrine_core.blocks.diagnostics.logs import LogHandlers
from citrine_core.blocks.diagnostics.models import Alert, LogUpload, Monitor, Monitoring, StationEvent
from citrine_core.blocks.diagnostics.monitoring import MonitoringHandlers
from citrine_core.blocks.diagnostics.repository import (
    LogRepository,
    MonitorRepository,
    StationEventRepository,
    forget_diagnostics,
)
from citrine_core.blocks.diagnostics.servicer import DiagnosticsServicer, check_log
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "Alert",
    "DiagnosticsHandlers",
    "DiagnosticsServicer",
    "LogHandlers",
    "LogRepository",
    "LogUpload",
    "Monitor",
    "MonitorRepository",
    "Monitoring",
    "MonitoringHandlers",
    "StationEvent",
    "StationEventRepository",
    "block",
    "forget_diagnostics",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    return Block(
        "diagnostics",
        [DiagnosticsHandlers(services), MonitoringHandlers(), LogHandlers()],
        [partial(diagnostics_pb2_grpc.add_DiagnosticsServiceServicer_to_server, DiagnosticsServicer(services))],
        ["citrine.api.v1.DiagnosticsService"],
        forget_station=forget_diagnostics,
        check_command=_check_command,
    )


async def _check_command(tenant_id: str, message: Message) -> None:
    if isinstance(message, GetLogRequest):
        check_log("payload", message)
