"""What a station may draw, shared by its transactions: a promise to a fuse.

A plan gives each transaction its share by a TxProfile, and a new one no more than is left by a TxDefaultProfile. What
counts is what a station may let an EVSE draw in the worst case, by all profiles that it accepted or may have got; so
what lowers is sent first, and what raises once it fits.
"""

from citrine_core.blocks.smart_charging.capacity.jobs import CapacityPlans
from citrine_core.blocks.smart_charging.capacity.look import Planning
from citrine_core.blocks.smart_charging.capacity.models import CapacityPlan
from citrine_core.blocks.smart_charging.capacity.repository import PlanRepository, forget_plan
from citrine_core.blocks.smart_charging.capacity.watching import PlanTriggers

__all__ = ["CapacityPlan", "CapacityPlans", "PlanRepository", "PlanTriggers", "Planning", "forget_plan"]
