"""Fleets from a file: stations with behaviours and faults, and a report of what became of all they sent.

Nothing here knows which CSMS is at the other end: all that is spoken is OCPP over a websocket.
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
