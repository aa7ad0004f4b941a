"""The load generator: many stations in one process, with little CPU time per message.

Load stations do not queue, persist, resend or check messages.
"""

from citrine_simulator.load.boot_storm import BootStormResult, boot_storm
from citrine_simulator.load.idle import IdleResult, hold_idle
from citrine_simulator.load.paced import PacedFleet, PacedResult
from citrine_simulator.load.saturate import LoadResult, saturate
from citrine_simulator.load.talks import Talk
from citrine_simulator.load.tally import Latencies, Tally

__all__ = [
    "BootStormResult",
    "IdleResult",
    "Latencies",
    "LoadResult",
    "PacedFleet",
    "PacedResult",
    "Talk",
    "Tally",
    "boot_storm",
    "hold_idle",
    "saturate",
]
