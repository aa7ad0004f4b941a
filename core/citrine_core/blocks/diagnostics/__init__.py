"""Functional block N, Diagnostics: the events that stations report by NotifyEvent."""

from citrine_core.blocks.diagnostics.handlers import DiagnosticsHandlers
from citrine_core.blocks.diagnostics.models import StationEvent
from citrine_core.blocks.diagnostics.repository import StationEventRepository
from citrine_core.blocks.diagnostics.servicer import DiagnosticsServicer

__all__ = ["DiagnosticsHandlers", "DiagnosticsServicer", "StationEvent", "StationEventRepository"]
