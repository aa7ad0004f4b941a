"""What is read from the database seldom: versions of tariffs, and how a tenant deals with costs."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.repository import TariffRepository, VersionKey
from citrine_core.blocks.tariff_and_cost.rules import Rules, read_rules
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRepository, TenantCosts
from citrine_core.db import UnitOfWork
from citrine_core.errors import InvalidArgument
from citrine_core.services import Services

__all__ = ["Tariffs", "Tenants", "stations_shown_costs"]

logger = logging.getLogger(__name__)

REMEMBERED = 2.0
"""Seconds for which it is not asked again how a tenant deals with costs."""

REMEMBERED_TARIFFS = 1000
"""Versions of tariffs that a process keeps read."""


class Tariffs:
    """Versions of tariffs, read once: they never change."""

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[str, VersionKey], tuple[pb.Tariff, Rules]] = OrderedDict()

    async def find(
        self, work: UnitOfWork, tenant_id: str, keys: Iterable[VersionKey]
    ) -> dict[VersionKey, tuple[pb.Tariff, Rules]]:
        """Return versions of tariffs and what they say, in one query at most.

        One that names no time zone has that of its key.
        """
        wanted = set(keys)
        missing = [key for key in wanted if (tenant_id, key) not in self._read]
        if missing:
            named = {(key.tariff_id, key.version) for key in missing}
            contents = await TariffRepository(work.session).find_definitions(tenant_id, named)
            for key in missing:
                content = contents.get((key.tariff_id, key.version))
                if content is None:
                    continue
                tariff = pb.Tariff.FromString(content)
                tariff.time_zone = tariff.time_zone or key.time_zone
                try:
                    self._read[tenant_id, key] = (tariff, read_rules(tariff))
                except InvalidArgument as error:
                    # As where the system lost a time zone: it must not cost messages of transactions.
                    logger.error("a tariff can't be read", extra={"tariff_id": key[0], "problem": str(error)})
        found = {key: self._read[tenant_id, key] for key in wanted if (tenant_id, key) in self._read}
        for key in found:
            self._read.move_to_end((tenant_id, key))
        while len(self._read) > REMEMBERED_TARIFFS:
            self._read.popitem(last=False)
        return found


class Tenants:
    """How tenants deal with costs, remembered for a second or two: other cores may change it meanwhile.

    There is one for all blocks of a process, so that what changes in this process holds at once.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[str, tuple[float, TenantCosts]] = {}
        self._changes = 0
        """How often something was forgotten: what was read meanwhile may be older."""

    @classmethod
    def of(cls, services: Services) -> "Tenants":
        """Return the one of this process."""
        found: Tenants = services.shared.setdefault(cls, cls())
        return found

    async def get(self, work: UnitOfWork, tenant_id: str, *, at_once: bool = False) -> TenantCosts:
        """Return whether a tenant has tariffs and what it wants told.

        Args:
            work: Where it is read.
            tenant_id: The tenant.
            at_once: That it has none must hold now, since a cost becomes final by the answer.
        """
        known = self._known.get(tenant_id)
        if known is not None and known[0] > self._now() and (known[1].has_tariffs or not at_once):
            return known[1]
        changes = self._changes
        found = await CostRepository(work.session).tenant(tenant_id)
        if changes == self._changes:
            self._known[tenant_id] = (self._now() + REMEMBERED, found)
        return found

    def forget(self, tenant_id: str) -> None:
        """Have it asked for again, after the commit that changed it."""
        self._changes += 1
        self._known.pop(tenant_id, None)


async def stations_shown_costs(
    work: UnitOfWork, tenant_id: str, stations: Collection[str], settings: TenantCosts
) -> Collection[str]:
    """Return those of the stations that are sent tariffs to show (I01.FR.02)."""
    if not stations or settings.price_messages == pb.PRICE_MESSAGES_NEVER:
        return ()
    if settings.price_messages == pb.PRICE_MESSAGES_ALWAYS:
        return stations
    return await CostRepository(work.session).stations_with_texts(tenant_id, stations)
