"""Charging plans: the capacity of a station, shared by its transactions, is never exceeded.

A plan sets the share of each transaction by a TxProfile, and limits new transactions to the rest by a TxDefaultProfile.
It assumes that an EVSE draws the most that any profile which the station has, or may have, allows. So profiles that
lower a limit are sent first, and profiles that raise one after that fits.
"""

from citrine_core.blocks.smart_charging.capacity.jobs import CapacityPlans
from citrine_core.blocks.smart_charging.capacity.look import Planning
from citrine_core.blocks.smart_charging.capacity.models import CapacityPlan
from citrine_core.blocks.smart_charging.capacity.repository import PlanRepository, forget_plan
from citrine_core.blocks.smart_charging.capacity.watching import PlanTriggers

__all__ = ["CapacityPlan", "CapacityPlans", "PlanRepository", "PlanTriggers", "Planning", "forget_plan"]
