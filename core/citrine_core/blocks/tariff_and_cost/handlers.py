"""Handlers of the answers of stations to CostUpdated."""

from citrine.ocpp.v2.tariff_and_cost_pb2 import CostUpdatedRequest, CostUpdatedResponse
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, handles_answer
from citrine_core.services import Services

__all__ = ["TariffAndCostHandlers"]


class TariffAndCostHandlers:
    """Handles answers of stations about costs (functional block I)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles_answer(CostUpdatedResponse)
    async def cost_updated(self, work: UnitOfWork, answered: Answered[CostUpdatedRequest, CostUpdatedResponse]) -> None:
        """Store the running cost with its transaction, after the station has received it (I02.FR.01)."""
        await CostRepository(work.session).store_shown_total(
            answered.tenant_id,
            answered.station_id,
            answered.request.transaction_id,
            answered.request.total_cost,
            self._clock(),
        )
