"""The behaviours of a fleet's stations: when EVs come, charge and leave."""

import asyncio
from typing import Literal

from pydantic import Field

from citrine_simulator.errors import CallFailedError, SimulatorError, UsageError
from citrine_simulator.fleets.member import Member, pause
from citrine_simulator.fleets.values import Duration, Share, Table
from citrine_simulator.station import Token

__all__ = ["Behaviour", "Charge", "Day", "Heartbeat", "Idle", "leave"]

AGAIN = 1.0
"""Seconds until an interrupted visit ends."""

OFF_FOR = 0.1
"""Seconds between checks whether a station is switched on again."""

ACCEPTED_WITHIN = 24 * 3600.0
"""Longest wait until the next EV, in seconds of the simulated day."""

HOUR = 3600.0


class Behaviour(Table):
    """The behaviour at a station until the end of the run. Subclasses add their ``kind``."""

    async def run(self, member: Member) -> None:
        """Run until ``member.stop`` is set, then end all transactions."""


class Idle(Behaviour):
    """No EVs come: the station boots, reports its connectors, and sends heartbeats at the CSMS's interval."""

    kind: Literal["idle"]


class Heartbeat(Behaviour):
    """No EVs come, and the station sends heartbeats at its own interval."""

    kind: Literal["heartbeat"]
    every: Duration = Field(default=60, gt=0)
    """Interval between two heartbeats."""

    async def run(self, member: Member) -> None:
        """Send heartbeats, the first one at a random time within the interval."""
        if not await _accepted(member):
            return
        await pause(self.every * member.random.random(), member.stop)
        while not member.stop.is_set():
            try:
                await member.station.call("Heartbeat", {})
            except (CallFailedError, SimulatorError):
                # The tap has recorded the failure. The next heartbeat is sent as usual.
                await asyncio.sleep(0)
            await pause(self.every, member.stop)


class Charge(Behaviour):
    """EVs charge at every EVSE, one after the other."""

    kind: Literal["charge"]
    charging_for: Duration = Field(default=1800, gt=0)
    """Average charging time of an EV."""
    pause: Duration = 300
    """Average time between two EVs."""
    spread: Share = 0.5
    """Share by which both times may be longer or shorter."""

    async def run(self, member: Member) -> None:
        """Let EVs charge at every EVSE. The first comes within one pause."""
        if not await _accepted(member):
            return
        async with asyncio.TaskGroup() as tasks:
            for evse_id in range(1, member.config.evses + 1):
                tasks.create_task(self._at(member, evse_id))

    async def _at(self, member: Member, evse_id: int) -> None:
        await pause(self.pause * member.random.random(), member.stop)
        while not member.stop.is_set():
            await _visit(member, evse_id, self._about(self.charging_for, member))
            await pause(self._about(self.pause, member), member.stop)

    def _about(self, seconds: float, member: Member) -> float:
        return seconds * member.random.uniform(1 - self.spread, 1 + self.spread)


class Day(Behaviour):
    """EVs come as on a day at a public station: few at night, most in the evening.

    The day may pass faster than a real one. Timestamps are real times nevertheless: the events of a faster hour
    happen within a shorter time.
    """

    kind: Literal["day"]
    visits: float = Field(default=8, gt=0)
    """Average number of EVs that come to an EVSE in a whole day."""
    charging_for: Duration = Field(default=2400, gt=0)
    """Average charging time of an EV, in the time of the simulated day."""
    begins_at: float = Field(default=6, ge=0, lt=24)
    """Hour of the day at which the run begins."""
    faster: float = Field(default=1, gt=0)
    """Factor by which the day passes faster than a real one."""
    hours: list[float] = Field(
        default=[1, 1, 1, 1, 1, 2, 4, 6, 7, 6, 5, 5, 6, 6, 6, 7, 9, 11, 11, 9, 6, 4, 2, 1], min_length=24, max_length=24
    )
    """Relative frequency of visits in each of the 24 hours."""

    async def run(self, member: Member) -> None:
        """Let EVs come to every EVSE."""
        if not await _accepted(member):
            return
        async with asyncio.TaskGroup() as tasks:
            for evse_id in range(1, member.config.evses + 1):
                tasks.create_task(self._at(member, evse_id))

    async def _at(self, member: Member, evse_id: int) -> None:
        while not member.stop.is_set():
            await pause(self._until_next(member), member.stop)
            if not member.stop.is_set():
                await _visit(member, evse_id, self.charging_for * member.random.uniform(0.3, 1.7) / self.faster)

    def _until_next(self, member: Member) -> float:
        """Return the seconds until the next EV comes, by the rates of the hours in between."""
        wanted = member.random.expovariate(1.0)
        hour = self.begins_at + member.elapsed * self.faster / HOUR
        seconds = 0.0
        while seconds < ACCEPTED_WITHIN:
            rate = self.visits * self.hours[int(hour) % 24] / (sum(self.hours) or 1) / HOUR
            left = (int(hour) + 1 - hour) * HOUR
            if rate * left >= wanted:
                return (seconds + wanted / rate) / self.faster
            wanted -= rate * left
            seconds += left
            hour = int(hour) + 1
        return seconds / self.faster


async def _visit(member: Member, evse_id: int, seconds: float) -> None:
    """Let one EV come, charge for a number of seconds and leave. If something interrupts it, it leaves early."""
    station = member.station
    token = member.tokens[member.random.randrange(len(member.tokens))]
    try:
        await station.plug_in(evse_id)
        info = await station.authorize(token)
        if info["status"] == "Accepted":
            await station.start_transaction(evse_id, token)
            await pause(seconds, member.stop)
    except SimulatorError:
        # The visit was interrupted by a power cut, a reset, a remote start or a change of availability.
        await pause(AGAIN, member.stop)
    await leave(member, evse_id, token)


async def leave(member: Member, evse_id: int, token: Token | None = None) -> None:
    """End the transaction of an EVSE, if there is one, with this token, and unplug the EV.

    While the station is off, this waits: it may resume the transaction.
    """
    station = member.station
    while True:
        try:
            transaction = station.parts.charging.evse(evse_id).transaction
            if transaction is not None:
                await station.stop_transaction(transaction.transaction_id, token=token)
            for connector_id in range(1, member.config.connectors_per_evse + 1):
                await station.unplug(evse_id, connector_id)
        except UsageError:
            await asyncio.sleep(OFF_FOR)
        else:
            return


async def _accepted(member: Member) -> bool:
    """Wait until the station is accepted. Return False if the run ends first."""
    accepted = asyncio.Event()
    member.on_event.append(lambda event: accepted.set() if event.name == "accepted" else None)
    if member.record.accepted:
        return True
    waiting = [asyncio.ensure_future(accepted.wait()), asyncio.ensure_future(member.stop.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
    return accepted.is_set()
