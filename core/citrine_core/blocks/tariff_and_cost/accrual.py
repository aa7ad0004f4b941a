"""How a transaction comes to its cost: its time and energy, cut where another price begins.

A pure fold, without clocks and databases: the same moments under the same rules make the same accrual, whether they
came one by one or all at once. All numbers are whole: time in microseconds, energy in mWh.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter

import orjson

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.rules import Rules, Situation

__all__ = ["Accrual", "Moment", "Period", "accrue"]

_ENERGY = int(pb.TARIFF_DIMENSION_ENERGY)
_CHARGING = int(pb.TARIFF_DIMENSION_CHARGING_TIME)
_IDLE = int(pb.TARIFF_DIMENSION_IDLE_TIME)
_FLAT = int(pb.TARIFF_DIMENSION_FLAT)

LONGEST = 100 * 86_400_000_000
"""Microseconds. A longer time between two readings is no time at all, but a clock that was wrong and was set."""

MOST_PERIODS = 200
"""A vehicle that starts and stops all the time must not have us store all of it: then times of the same prices are
taken together, though others lie between."""

NONE = -1
"""Stands for the element where no price applies."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What became known of a transaction at one time."""

    time: int
    """Microseconds since 1970."""
    charging: bool | None = None
    """True: from then on the vehicle takes power or would. False: it is idle. None: as before."""
    readings: Sequence[tuple[int, int]] = ()
    """Times and the energy in mWh since the transaction began, by time."""
    current_ma: int | None = None
    """Current summed over the phases. None: not measured."""
    known_at: int = 0
    """What time it was when that became known, where it had been queued. 0: the same."""


@dataclass(slots=True)
class Period:
    """A time in which the same prices applied."""

    start: int
    end: int
    charging: bool
    energy: int
    """Place of the element whose price of energy applies; NONE: it costs nothing."""
    time: int
    """The same for charging or idle time."""
    mwh: int = 0
    length: int = 0
    """Microseconds."""


@dataclass(slots=True)
class Accrual:
    """What a transaction has taken so far. Its fields are stored."""

    start: int
    at: int
    """Settled up to here: the time of the last reading of the register, or the start."""
    mwh: int = 0
    """Energy up to there."""
    charging: bool = True
    """Whether it charges from there on. A station that says nothing of it charges."""
    changes: list[tuple[int, bool]] = field(default_factory=list)
    """Times behind `at` from which on it charges, or does not: to be settled once the energy is known."""
    seen: int = 0
    """The latest time heard of."""
    known_at: int = 0
    """What time it was at the last message that had been queued. 0: there was none."""
    current_ma: int | None = None
    charged: int = 0
    idled: int = 0
    """Since charging stopped."""
    reserved: tuple[int, int] | None = None
    """From when to when the EVSE was reserved. None: it was not, or that costs nothing."""
    flat: int = NONE
    """Place of the element whose fee applies."""
    periods: list[Period] = field(default_factory=list)

    def take(self, rules: Rules, moment: Moment) -> None:
        """Take in what became known next.

        A reading that is not behind what is settled, as from a clock that was set back, counts at once: no energy is
        lost, and none is counted twice.
        """
        for time, mwh in moment.readings:
            self._settle(rules, max(time, self.at), mwh)
        if moment.current_ma is not None:
            self.current_ma = moment.current_ma
        if moment.charging is not None:
            self._change(max(moment.time, self.at), moment.charging)
        self.seen = max(self.seen, moment.time, self.at)
        self.known_at = max(self.known_at, moment.known_at)

    def moment_after(self, elapsed: timedelta) -> int:
        """Return what time it is for the transaction, by the clock that it is billed by.

        Whoever is shown the cost while it runs, driver or operator, is shown it up to this moment.

        Args:
            elapsed: Since something was heard of it.
        """
        return max(self.seen, self.known_at) + max(elapsed, timedelta(0)) // timedelta(microseconds=1)

    def until(self, rules: Rules, time: int) -> "Accrual":
        """Return what it is at a time, if nothing but time passed since it was last heard of."""
        if time <= self.at:
            return self
        # Only the last period still changes.
        copy = replace(self, changes=list(self.changes), periods=[*self.periods[:-1], *map(replace, self.periods[-1:])])
        copy._settle(rules, time, self.mwh)
        return copy

    def dump(self) -> bytes:
        """Return it as it is stored."""
        # By name, so that what is added later has its default in what was stored before.
        values = {name: getattr(self, name) for name in _STORED}
        values["periods"] = [
            (one.start, one.end, one.charging, one.energy, one.time, one.mwh, one.length) for one in self.periods
        ]
        return orjson.dumps(values)

    @classmethod
    def load(cls, content: bytes) -> "Accrual":
        """Return what was stored."""
        values = orjson.loads(content)
        values["changes"] = [(time, charging) for time, charging in values["changes"]]
        values["periods"] = [Period(*one) for one in values["periods"]]
        if values["reserved"] is not None:
            values["reserved"] = tuple(values["reserved"])
        return cls(**values)

    def _change(self, time: int, charging: bool) -> None:
        last = self.changes[-1] if self.changes else (self.at, self.charging)
        if last[1] == charging:
            return
        if time <= self.at:
            self._switch(charging)
        else:
            self.changes.append((max(time, last[0]), charging))

    def _switch(self, charging: bool) -> None:
        self.charging = charging
        self.idled = 0

    def _settle(self, rules: Rules, end: int, mwh: int) -> None:
        """Bring it to a time at which the energy is known.

        What was taken in between is spread evenly over the time of charging, or over all of it if there is none.
        """
        if end - self.at > LONGEST:
            self._set_clock(end)
        modes = [(self.at, self.charging), *(one for one in self.changes if one[0] < end), (end, False)]
        spans = [(start, stop, charging) for (start, charging), (stop, _) in pairwise(modes)]
        weight = sum(stop - start for start, stop, charging in spans if charging)
        everywhere = weight == 0
        flow = _Flow(self.mwh, mwh - self.mwh, end - self.at if everywhere else weight)
        for place, (start, stop, charging) in enumerate(spans):
            if place:
                self._switch(charging)
            self._pass(rules, start, stop, flow if charging or everywhere else _Flow(flow.now, 0, 0))
        rest = mwh - flow.now
        self.at, self.mwh = end, mwh
        if rest:
            # A reading of no duration, or what does not divide evenly.
            self._add(rules, end, end, rest, self._situation(end, mwh, Fraction(0)))
        for time, charging in self.changes:
            if time == end:
                self._switch(charging)
        self.changes = [one for one in self.changes if one[0] > end]

    def _set_clock(self, time: int) -> None:
        """Go on at a time without any having passed."""
        for _, charging in self.changes:
            self._switch(charging)
        self.changes = []
        self.start += time - self.at
        self.at = time

    def _pass(self, rules: Rules, time: int, end: int, flow: "_Flow") -> None:
        """Add a time in which it charges throughout, or not at all."""
        while time < end:
            stop = min(end, rules.at(time)[0], *self._thresholds(rules, time, flow))
            situation = self._situation(time, flow.now, flow.power)
            self._add(rules, time, stop, flow.go(stop - time), situation)
            if self.charging:
                self.charged += stop - time
            else:
                self.idled += stop - time
            time = stop

    def _thresholds(self, rules: Rules, time: int, flow: "_Flow") -> Iterable[int]:
        found = [self.start + one for one in rules.durations]
        if self.charging:
            found += [time + one - self.charged for one in rules.charges]
        else:
            found += [time + one - self.idled for one in rules.idles]
        found += [time + flow.time_to(one) for one in rules.energies]
        return [one for one in found if one > time]

    def _situation(self, time: int, mwh: int, power: Fraction) -> Situation:
        current = None if self.current_ma is None or not self.charging else Fraction(self.current_ma, 1000)
        return Situation(mwh, power, current, time - self.start, self.charged, self.idled)

    def _add(self, rules: Rules, start: int, end: int, mwh: int, situation: Situation) -> None:
        energy = _applies(rules, start, situation, _ENERGY)
        time = _applies(rules, start, situation, _CHARGING if self.charging else _IDLE)
        kind = (self.charging, energy, time)
        last = self.periods[-1] if self.periods else None
        if last is None or (last.charging, last.energy, last.time) != kind:
            if end == start and last is not None and last.energy == energy:
                last.mwh += mwh
                return
            last = self._earlier(kind) or Period(start, end, *kind)
            self.periods.append(last)
        last.end = end
        last.length += end - start
        last.mwh += mwh

    def _earlier(self, kind: tuple[bool, int, int]) -> Period | None:
        """Take a period of the same prices out, where there are too many to begin another."""
        if len(self.periods) < MOST_PERIODS:
            return None
        places = range(len(self.periods) - 1, -1, -1)
        found = (
            at for at in places if (self.periods[at].charging, self.periods[at].energy, self.periods[at].time) == kind
        )
        place = next(found, None)
        # A copy: others may hold the same period.
        return None if place is None else replace(self.periods.pop(place))


_period_values = attrgetter(*(one.name for one in fields(Period)))

_STORED = tuple(one.name for one in fields(Accrual) if one.name != "periods")
"""Fields that are stored as they are."""


class _Flow:
    """Energy that is taken evenly over some time."""

    def __init__(self, start: int, mwh: int, weight: int) -> None:
        self.now = start
        self._start, self._mwh, self._weight, self._elapsed = start, mwh, weight, 0
        self.power = Fraction(mwh * 3600, weight) if mwh > 0 and weight else Fraction(0)
        """In kW."""

    def go(self, time: int) -> int:
        """Let time pass and return what was taken in it."""
        if not self._mwh:
            return 0
        self._elapsed += time
        before, self.now = self.now, self._start + self._mwh * self._elapsed // self._weight
        return self.now - before

    def time_to(self, mwh: int) -> int:
        """Return how long it takes until so much is taken, 0 where it never is."""
        missing = mwh - self._start
        if self._mwh <= 0 or mwh <= self.now or missing > self._mwh:
            return 0
        return -(-missing * self._weight // self._mwh) - self._elapsed


def _applies(rules: Rules, time: int, situation: Situation, dimension: int) -> int:
    _, places = rules.at(time)
    for place in places:
        element = rules.elements[place]
        if dimension in element.components and not element.reservation and element.holds_in(situation):
            return place
    return NONE


def accrue(rules: Rules, moments: Iterable[Moment], accrual: Accrual | None = None) -> Accrual | None:
    """Return what moments of a transaction make, one after the other; None where there are none.

    Args:
        rules: Of its tariff.
        moments: What became known, in the order of the transaction's messages.
        accrual: What those before made. None: these are the first.
    """
    for moment in moments:
        if accrual is None:
            accrual = Accrual(moment.time, moment.time, seen=moment.time)
            # Fees go by what holds when it begins.
            accrual.flat = _applies(rules, moment.time, Situation(), _FLAT)
        accrual.take(rules, moment)
    return accrual
