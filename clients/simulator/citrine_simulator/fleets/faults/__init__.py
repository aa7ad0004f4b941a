"""Faults that can be injected into a station of a fleet, each in a class of its own.

Other packages add faults by entry points of the group ``citrine.faults``, each naming a subclass of Fault.
"""

from importlib.metadata import entry_points

from citrine_simulator.fleets.faults.answers import RefusedCalls, SlowAnswers, UnansweredCalls
from citrine_simulator.fleets.faults.backlog import Backlog
from citrine_simulator.fleets.faults.base import Fault, OccasionalFault, TimedFault
from citrine_simulator.fleets.faults.clocks import ClockJump, WrongClock
from citrine_simulator.fleets.faults.frames import DuplicateFrames, MalformedFrames
from citrine_simulator.fleets.faults.ids import RepeatedIds
from citrine_simulator.fleets.faults.links import FlappingLink
from citrine_simulator.fleets.faults.meters import MeterOutlier
from citrine_simulator.fleets.faults.power import PowerCut

__all__ = ["Fault", "OccasionalFault", "TimedFault", "fault_classes"]

_OURS: tuple[type[Fault], ...] = (
    PowerCut,
    WrongClock,
    ClockJump,
    Backlog,
    FlappingLink,
    RepeatedIds,
    MeterOutlier,
    SlowAnswers,
    UnansweredCalls,
    RefusedCalls,
    MalformedFrames,
    DuplicateFrames,
)


def fault_classes() -> tuple[type[Fault], ...]:
    """Return all fault classes: the built-in ones and those of installed packages."""
    return (*_OURS, *(entry.load() for entry in entry_points(group="citrine.faults")))
