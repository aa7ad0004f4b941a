"""Actions on many stations, some at a time: what the jobs of campaigns and of operations have in common.

A job claims stations in a transaction that locks what they belong to (a campaign, an operation), so that its limits
hold on several cores, and acts on them after the commit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

__all__ = ["Action", "Rounds", "act_on_claimed"]

LOOK_AGAIN = 1.0
"""Longest time between claims of further stations while claimed ones have not answered, in seconds."""

GATHER = 0.1
"""Seconds after an answer until further stations are claimed, so that many answers lead to one claim."""

ROUND_PAUSE = 50
"""Pause between two rounds through the waiting stations, as a multiple of the time that the database took for the first
one: those that are not connected are looked at in vain."""

LONGEST_ROUND_PAUSE = 30.0
"""Longest such pause in seconds: what the database took may say more of a lock or a disk than of the stations."""

Key = TypeVar("Key", bound=Hashable)
Station = TypeVar("Station")

Action = tuple[str, Coroutine[Any, Any, None]]
"""What is to be done for one station, with a name for the task."""


async def act_on_claimed(claim: Callable[[], Awaitable[Sequence[Action]]]) -> None:
    """Do what is claimed, and claim more as soon as anything of it has ended, until there is nothing.

    One that takes long delays no other. Where this is cancelled, what is under way is cancelled, too.
    """
    async with asyncio.TaskGroup() as tasks:
        under_way: set[asyncio.Task[None]] = set()
        while True:
            for name, action in await claim():
                under_way.add(tasks.create_task(action, name=name))
            if not under_way:
                return
            done, _ = await asyncio.wait(under_way, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED)
            if done:
                await asyncio.wait(under_way, timeout=GATHER)
            under_way = {task for task in under_way if not task.done()}


@dataclass(slots=True)
class _Round:
    """A round through stations that wait, in the order of their ids."""

    changed: datetime
    """When what they belong to changed its state before it: what is resumed waits for no pause."""
    after: str = ""
    """Up to which station it went."""
    seconds: float = 0.0
    """Time of the database."""
    begin: float = 0.0
    """When it may begin, by the clock of the event loop."""


class Rounds(Generic[Key]):
    """Rounds through the stations that wait, of each campaign or operation, with a pause after each round."""

    def __init__(self) -> None:
        self._rounds: dict[Key, _Round] = {}

    def retain(self, keys: Collection[Key]) -> None:
        """Forget the rounds of all others."""
        self._rounds = {key: current for key, current in self._rounds.items() if key in keys}

    async def next(
        self,
        key: Key,
        changed: datetime,
        limit: int,
        find: Callable[[str, int], Awaitable[Sequence[Station]]],
        id_of: Callable[[Station], str],
    ) -> Sequence[Station]:
        """Return the next stations of the round; none while it pauses.

        Args:
            key: What the stations belong to.
            changed: When that changed its state.
            limit: At most so many.
            find: Returns stations behind an id, at most so many, in the order of their ids.
            id_of: Returns the id of a station that it found.
        """
        current = self._rounds.get(key)
        if current is None or current.changed != changed:
            current = self._rounds[key] = _Round(changed)
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began < current.begin:
            return ()
        found = await find(current.after, limit)
        ended = loop.time()
        current.seconds += ended - began
        if len(found) == limit:
            current.after = id_of(found[-1])
        else:
            pause = min(ROUND_PAUSE * current.seconds, LONGEST_ROUND_PAUSE)
            self._rounds[key] = _Round(changed, begin=ended + pause)
        return found
