"""What operators have stations do: one form for each action, for one station or for many."""

from collections.abc import Mapping, Sequence

from citrine_console.pages.actions import charging, device, firmware, network, variables
from citrine_console.pages.actions.station_action import StationAction

__all__ = ["ALL", "OF_MANY", "StationAction"]

ALL: Sequence[StationAction] = [
    *charging.ACTIONS,
    *device.ACTIONS,
    *firmware.ACTIONS,
    *network.ACTIONS,
    *variables.ACTIONS,
]

OF_MANY: Mapping[str, StationAction] = {action.name: action for action in ALL if action.operation}
"""Those that an operation can do, by name."""
