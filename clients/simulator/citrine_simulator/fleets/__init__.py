"""Fleets from a file: stations with behaviours and faults, and a report of the fate of their messages.

The package is independent of the CSMS: it speaks only OCPP over websockets.
"""

from citrine_simulator.fleets.behaviours import Behaviour
from citrine_simulator.fleets.faults.base import Fault, OccasionalFault, TimedFault
from citrine_simulator.fleets.file import read_fleet
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.model import FleetFile, StationGroup
from citrine_simulator.fleets.report import Report
from citrine_simulator.fleets.run import FleetRun, run_fleet

__all__ = [
    "Behaviour",
    "Fault",
    "FleetFile",
    "FleetRun",
    "Member",
    "OccasionalFault",
    "Report",
    "StationGroup",
    "TimedFault",
    "read_fleet",
    "run_fleet",
]
