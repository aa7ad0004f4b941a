"""The driver's own price, with the decision on the token (I01)."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from citrine_core.blocks.tariff_and_cost.assignments import Subject, find_tariffs
from citrine_core.blocks.tariff_and_cost.texts import message_of
from citrine_core.blocks.tariff_and_cost.transaction_costs.cache import Tariffs, Tenants, stations_shown_costs
from citrine_core.db import UnitOfWork
from citrine_core.services import Services

__all__ = ["PriceMessages"]

if TYPE_CHECKING:
    from citrine_core.blocks.authorization.decisions import Decision
    from citrine_core.blocks.authorization.rules import Presented

_ASKING = frozenset({"ASK", "START"})
"""What a token is presented for by drivers who want to know the price."""


class PriceMessages:
    """Says to drivers what charging would cost them."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._tenants = Tenants.of(services)
        self._tariffs = Tariffs()

    async def inform(self, work: UnitOfWork, decisions: "Sequence[Decision]") -> None:
        """Put the tariff of each driver who may charge into the answer, where the station shows it (I01.FR.01).

        Does nothing where the tenant has no tariffs; otherwise takes a handful of statements for all of them.

        Args:
            work: Of the messages.
            decisions: On tokens that drivers of one tenant presented.
        """
        tenant_id, now = decisions[0].tenant_id, self._clock()
        settings = await self._tenants.get(work, tenant_id)
        # What the operator's own service says to a driver goes before ours.
        asking = [
            one
            for one in (decisions if settings.has_tariffs else ())
            if one.presented.purpose.name in _ASKING and not one.info.HasField("personal_message")
        ]
        shown = await stations_shown_costs(work, tenant_id, {one.presented.station_id for one in asking}, settings)
        wanted = [one for one in asking if one.presented.station_id in shown]
        subjects = [_subject(one.presented, now) for one in wanted]
        chosen = await find_tariffs(work, tenant_id, subjects)
        tariffs = await self._tariffs.find(work, tenant_id, [key for key in chosen if key is not None])
        for one, key in zip(wanted, chosen, strict=True):
            if key is not None and key in tariffs:
                one.info.personal_message.CopyFrom(message_of(tariffs[key][0], one.info.language1))


def _subject(presented: "Presented", now: datetime) -> Subject:
    token = presented.id_token
    return Subject(presented.station_id, presented.evse_id, token.id_token, token.type, presented.time or now, now)
