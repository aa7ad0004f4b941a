"""Orphaned commands, whose link or edge is gone: they end, or continue over another link, before their timeout."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as pb
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import Item
from citrine_core.jobs import Job
from citrine_core.link.registry import Link
from citrine_core.resources.commands.pending import Pending, PendingCommands
from citrine_core.resources.connections import current_epochs

__all__ = ["OrphanedCommands"]

GRACE = 3.0
"""Seconds that an edge has to reconnect. After a broken stream it needs less than one, and then reports the answer."""

LOOK_INTERVAL = timedelta(seconds=0.5)
"""Interval of the check for newer sessions of stations, while commands are under way."""

IDLE_INTERVAL = timedelta(minutes=1)
"""Interval while none are: one that is sent ends it."""

SURELY_LISTED = timedelta(seconds=10)
"""A command that was sent within this time, and that a reconnected edge does not list, never arrived: edges list ended
commands for longer than that."""

_Reason = pb.CommandFailure.Reason


class OrphanedCommands:
    """Ends commands that no edge will report on.

    A command that was certainly not written ends as GONE, or waits again if its caller wanted that. A command that may
    have been written ends as LOST, and is never resent. Either end is an item in the station's lane, like a report of
    the edge. The first end of a command counts, so a report that arrives later does no harm.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        pending: Commands under way.
        submit: Queues the ends.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        pending: PendingCommands,
        submit: Callable[[Item], None],
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._pending = pending
        self._submit = submit
        self._superseded: set[str] = set()
        self.job = Job(
            "commands to stations that connected anew",
            LOOK_INTERVAL,
            self.end_superseded,
            idle_interval=IDLE_INTERVAL,
        )

    def link_added(self, link: Link) -> None:
        """Continue the commands that a reconnected edge lists; end those that never reached it."""
        for pending in self._pending:
            if pending.link is link or pending.link.edge_id != link.edge_id:
                continue
            if link.command_ids is None or pending.command_id in link.command_ids:
                # None: an older edge does not list them, and may have any.
                pending.link = link
            elif pending.send_time is None and time.monotonic() - pending.since < SURELY_LISTED.total_seconds():
                self.end(pending, _Reason.REASON_GONE)
            else:
                self.end(pending, _Reason.REASON_LOST)

    def link_removed(self, link: Link) -> None:
        """End at once the commands that a link did not send, and soon the others, unless the edge reconnects."""
        unsent = link.unsent_commands()
        loop = asyncio.get_running_loop()
        for pending in self._pending:
            if pending.link is not link:
                continue
            if pending.command_id in unsent:
                self.end(pending, _Reason.REASON_GONE)
            else:
                pending.timers.append(loop.call_later(GRACE, self._give_up, pending, link))

    async def end_superseded(self) -> bool:
        """End the commands whose station has a newer session than the one that they were sent to.

        Returns whether any are under way.

        Usually the edge reports that itself, unless it is gone or suspended.
        """
        stations: dict[str, set[str]] = defaultdict(set)
        for pending in self._pending:
            stations[pending.tenant_id].add(pending.station_id)
        if not stations:
            self._superseded.clear()
            return False
        async with self._unit_of_work(read_only=True) as work:
            epochs = {tenant_id: await current_epochs(work, tenant_id, ids) for tenant_id, ids in stations.items()}
        superseded = {
            pending.command_id: pending
            for pending in self._pending
            if epochs.get(pending.tenant_id, {}).get(pending.station_id, 0) > pending.epoch
        }
        for command_id, pending in superseded.items():
            # A linked edge gets some time to report the exact end.
            if pending.link.ended.is_set() or command_id in self._superseded:
                self.end(pending, _Reason.REASON_LOST)
        self._superseded = set(superseded)
        return True

    def end(self, pending: Pending, reason: "_Reason.ValueType") -> None:
        """Submit the end of a command, with a reason, to its station's lane."""
        failure = pb.CommandFailure(
            id=pending.command_id,
            session=pb.SessionRef(tenant_id=pending.tenant_id, station_id=pending.station_id, epoch=pending.epoch),
            reason=reason,
            time=_timestamp(self._clock()),
        )
        if pending.send_time is not None:
            failure.send_time.CopyFrom(_timestamp(pending.send_time))
        self._submit(Item(pending.tenant_id, pending.station_id, failure, pending.link.send))

    def _give_up(self, pending: Pending, link: Link) -> None:
        if pending.link is link:
            self.end(pending, _Reason.REASON_LOST)


def _timestamp(time: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp
