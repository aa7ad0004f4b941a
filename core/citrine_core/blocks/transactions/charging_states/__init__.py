"""Charging states of transactions whose stations report them by the detail of the connector, not by events."""

from citrine_core.blocks.transactions.charging_states.observing import ChargingStates
from citrine_core.blocks.transactions.charging_states.repository import EarlyStateRepository, forget_early_states

__all__ = ["ChargingStates", "EarlyStateRepository", "forget_early_states"]
