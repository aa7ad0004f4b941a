"""What reservations cost that no transaction used: computed once they ended, stored, and shown."""

from citrine_core.blocks.tariff_and_cost.reservation_costs.jobs import INTERVAL, ReservationCosts
from citrine_core.blocks.tariff_and_cost.reservation_costs.servicer import ReservationCostsServicer

__all__ = ["INTERVAL", "ReservationCosts", "ReservationCostsServicer"]
