"""What operators see of deliveries, and send again."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.db import Database
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.transport.routing import Party

__all__ = ["Letters"]


class Letters:
    """What waits for partners, and what was given up.

    Args:
        database: Where they are.
        clock: Returns the time now.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def list_some(self, partner_id: str = "", *, is_dead: bool, limit: int = 0) -> Sequence[DeliveryRow]:
        """Return what waits, or what was given up, the oldest first.

        Args:
            partner_id: For this partner. Empty: for all.
            is_dead: Whether it was given up.
            limit: At most so many. 0: all.
        """
        async with self._database.reading() as session:
            return await DeliveryRepository(session).list_some(partner_id, is_dead=is_dead, limit=limit)

    async def retry(self, delivery_ids: Collection[int]) -> int:
        """Have what was given up be sent anew, or at once what waits; return how many there were.

        Of an object of which a newer version waits, what was given up is obsolete, and removed.
        """
        now = self._clock()
        async with self._database.writing() as session:
            repository = DeliveryRepository(session)
            rows = await repository.find_all(delivery_ids)
            waiting = {(row.partner_id, row.object_key) for row in rows if row.dead_time is None}
            dead = {(row.partner_id, row.object_key): row for row in rows if row.dead_time is not None}
            waiting |= {(row.partner_id, row.object_key) for row in await repository.waiting(dead)}
            for place, row in dead.items():
                if place in waiting:
                    await repository.delete(row)
                else:
                    row.dead_time, row.lease_time, row.attempts, row.create_time = None, None, 0, now
            for row in rows:
                row.due_time = now
            receivers: dict[str, set[Party]] = defaultdict(set)
            for row in rows:
                receivers[row.partner_id].add(Party(row.receiver_country, row.receiver_party))
            for partner_id, parties in receivers.items():
                await repository.try_again(partner_id, parties, now)
                circuit = await repository.circuit(partner_id)
                if circuit is not None:
                    circuit.open_time = None
            return len(rows)

    async def remove(self, delivery_ids: Collection[int]) -> int:
        """Remove deliveries for good, and return how many there were."""
        async with self._database.writing() as session:
            repository = DeliveryRepository(session)
            rows = await repository.find_all(delivery_ids)
            for row in rows:
                await repository.delete(row)
            return len(rows)

    async def count(self) -> tuple[int, int]:
        """Return how many wait, and how many were given up."""
        async with self._database.reading() as session:
            return await DeliveryRepository(session).count()
