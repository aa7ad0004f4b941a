"""Queues of several parties that take turns."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

__all__ = ["Turns"]

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """A queue for each party. A batch has as much of one as of another; each one's own items stay in order.

    A party that has less than its share leaves the rest to the others, and one that is alone has everything, at the
    price of a plain queue.
    """

    __slots__ = ("_queues", "size")

    def __init__(self) -> None:
        # The next turn is the first one's.
        self._queues: OrderedDict[str, deque[Item]] = OrderedDict()
        self.size = 0
        """How many items wait."""

    def size_of(self, party: str) -> int:
        """Return how many items of a party wait."""
        return len(self._queues.get(party, ()))

    def append(self, party: str, item: Item) -> None:
        """Queue an item behind those of its party."""
        queue = self._queues.get(party)
        if queue is None:
            queue = self._queues[party] = deque()
        queue.append(item)
        self.size += 1

    def put_back(self, party: str, items: Sequence[Item]) -> None:
        """Queue items, which are some, before those of their party."""
        self._queues.setdefault(party, deque()).extendleft(reversed(items))
        self.size += len(items)

    def dequeue(self, most: int, must_wait: Callable[[Item], bool] | None = None) -> list[Item]:
        """Return at most so many items.

        Args:
            most: How many at most.
            must_wait: Returns whether an item remains. It must then do so for all items that have to come after it.
        """
        if must_wait is None and self.size <= most:
            return self.dequeue_all()
        batch: list[Item] = []
        waiting: list[tuple[str, list[Item]]] = []
        while self._queues and len(batch) < most:
            # Not one item a turn: which comes first does not matter to those of one batch.
            share = max(1, (most - len(batch)) // len(self._queues))
            for party in list(islice(self._queues, most - len(batch))):
                waiting += self._turn(party, share, must_wait, batch)
        self.size -= len(batch)
        # The last ones first: a party may have had several turns.
        for party, left in reversed(waiting):
            self.size -= len(left)
            self.put_back(party, left)
        return batch

    def _turn(
        self, party: str, share: int, must_wait: Callable[[Item], bool] | None, batch: list[Item]
    ) -> list[tuple[str, list[Item]]]:
        """Add so many items of a party to a batch; return those before them that must wait."""
        queue, waiting = self._queues[party], list[Item]()
        if must_wait is None:
            batch += [queue.popleft() for _ in range(min(share, len(queue)))]
        else:
            enough = len(batch) + share
            while queue and len(batch) < enough:
                item = queue.popleft()
                (waiting if must_wait(item) else batch).append(item)
        if queue:
            self._queues.move_to_end(party)
        else:
            del self._queues[party]
        return [(party, waiting)] if waiting else []

    def dequeue_all(self) -> list[Item]:
        """Return all items, those of each party in order."""
        batch = [item for queue in self._queues.values() for item in queue]
        self._queues.clear()
        self.size = 0
        return batch
