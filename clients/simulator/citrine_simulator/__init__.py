"""Simulated charging stations: complete ones for demonstrations and fault tests, and lean ones for load tests."""

from citrine_simulator.config import StationConfig
from citrine_simulator.connection import NO_ANSWER, Answer
from citrine_simulator.errors import (
    AnswerInvalidError,
    CallErrorReceivedError,
    CallFailedError,
    CallInterruptedError,
    CallRefusedError,
    CallTimedOutError,
    HandshakeRefusedError,
    NotConnectedError,
    SimulatorError,
    UsageError,
)
from citrine_simulator.events import Event
from citrine_simulator.journal import EventKey, Journal, JournalSummary, Kind, read_journal
from citrine_simulator.schemas import Schemas
from citrine_simulator.station import Station
from citrine_simulator.store import Store

__all__ = [
    "NO_ANSWER",
    "Answer",
    "AnswerInvalidError",
    "CallErrorReceivedError",
    "CallFailedError",
    "CallInterruptedError",
    "CallRefusedError",
    "CallTimedOutError",
    "Event",
    "EventKey",
    "HandshakeRefusedError",
    "Journal",
    "JournalSummary",
    "Kind",
    "NotConnectedError",
    "Schemas",
    "SimulatorError",
    "Station",
    "StationConfig",
    "Store",
    "UsageError",
    "read_journal",
]
