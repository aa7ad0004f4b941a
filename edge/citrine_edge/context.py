"""What all sessions share: limits, metrics, clock, and the router."""

import asyncio
import time
from dataclasses import dataclass

from citrine_edge.backlog import Backlog
from citrine_edge.clock import Clock
from citrine_edge.metrics import Metrics
from citrine_edge.refusals import Refusals
from citrine_edge.router import Router
from citrine_edge.tolerances import Tolerances
from citrine_edge.traces import Traces

__all__ = ["SessionContext", "SessionLimits"]


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Limits of one station; times in seconds."""

    call_timeout: float
    frame_rate: float
    max_inbound_queue: int
    max_command_queue: int
    max_frame: int


@dataclass(frozen=True, slots=True)
class SessionContext:
    """Handed to every session."""

    router: Router
    metrics: Metrics
    limits: SessionLimits
    loop: asyncio.AbstractEventLoop
    refusals: Refusals
    tolerances: Tolerances
    backlog: Backlog
    traces: Traces
    clock: Clock = time.time_ns
