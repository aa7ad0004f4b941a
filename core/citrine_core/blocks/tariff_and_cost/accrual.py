"""How a transaction comes to its cost: its time and energy, cut where another price begins.

A pure fold, without clocks and databases: the same moments under the same rules make the same accrual, whether they
came one by one or all at once. All numbers are whole: time in microseconds, energy in mWh.

When a price applies (docs/adr/0011): energy always, once somebody was authorised; time, fees and the minimum from the
authorisation on; idle time once charging happened. Who charges without a token is authorised by charging.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter

import orjson

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.energy_flow import EnergyFlow
from citrine_core.blocks.tariff_and_cost.rules import Rules, Situation
from citrine_core.steps import Steps, in_one_go

__all__ = ["Accrual", "Moment", "Period", "accrue", "accrue_in_steps"]

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

IDLE, WAITING, CHARGING = 0, 1, 2
"""What a vehicle does: takes no power and asks for none; would take power, as far as we know; takes power, as its
station says. Accruals of earlier versions know the first two only, as false and true."""


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
    authorized: bool | None = None
    """True: somebody may charge from now on. False: somebody presented a token and was refused. None: neither."""
    offered: bool = True
    """False: the station offers no power, so that charging, though the vehicle would, has not begun with this."""

    @property
    def mode(self) -> int | None:
        """What the vehicle does from then on. None: as before."""
        if self.charging is None:
            return None
        return (CHARGING if self.offered else WAITING) if self.charging else IDLE


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
    charging: int = WAITING
    """What the vehicle does from there on. A station that says nothing of it charges."""
    changes: list[tuple[int, int]] = field(default_factory=list)
    """Times behind `at` from which on it does something else: to be settled once the energy is known."""
    seen: int = 0
    """The latest time heard of."""
    known_at: int = 0
    """What time it was at the last message that had been queued. 0: there was none."""
    current_ma: int | None = None
    charged: int = 0
    """Since the authorisation."""
    idled: int = 0
    """Since charging stopped."""
    has_charged: bool = False
    """Charging happened before `at`: its station said so, or energy was taken."""
    authorized: int | None = None
    """Since when somebody may charge. None: nobody may, and nothing is to be paid."""
    by_token: bool = False
    """A token was accepted, or what stands for one. False: that it charges is what speaks for `authorized`."""
    refused: bool = False
    """A token was refused, and none accepted: charging speaks for nobody any more."""
    reserved: tuple[int, int] | None = None
    """From when to when the EVSE was reserved. None: it was not, or that costs nothing."""
    flat: int = NONE
    """Place of the element whose fee applies."""
    periods: list[Period] = field(default_factory=list)

    def add_moment(self, rules: Rules, moment: Moment) -> None:
        """Take in what became known next.

        A reading that is not behind what is settled, as from a clock that was set back, counts at once: no energy is
        lost, and none is counted twice.
        """
        for time, mwh in moment.readings:
            self._settle(rules, max(time, self.at), mwh)
        if moment.current_ma is not None:
            self.current_ma = moment.current_ma
        time, mode = max(moment.time, self.at), moment.mode
        if moment.authorized is not None:
            self._present(rules, time, moment.authorized)
        if mode is not None:
            self._change(time, mode)
            self._reckon_with(rules, time, mode)
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
        if "authorized" not in values:
            # Before authorisations were known, all counted from the beginning, and idle time at once.
            values |= {"authorized": values["start"], "by_token": True, "has_charged": True}
        values["changes"] = [(time, int(mode)) for time, mode in values["changes"]]
        values["charging"] = int(values["charging"])
        values["periods"] = [Period(*one) for one in values["periods"]]
        if values["reserved"] is not None:
            values["reserved"] = tuple(values["reserved"])
        return cls(**values)

    def begin(self, rules: Rules, moment: Moment) -> None:
        """Have the first moment say whether somebody may charge from the beginning."""
        if moment.authorized is None and moment.mode in (None, CHARGING):
            self._authorize(rules, moment.time)

    def _present(self, rules: Rules, time: int, accepted: bool) -> None:
        """Take in what was said of a token. The first that is accepted counts."""
        if self.by_token:
            return
        if not accepted or self.refused:
            # What was taken until now was taken by somebody who was refused.
            self._forget_time()
            self.periods = [replace(one, energy=NONE) for one in self.periods]
        # Whoever charged before, and was not refused, had been authorised before, in whatever way.
        if accepted and (self.authorized is None or not self._charges_already()):
            self._forget_time()
            self._authorize(rules, time)
        self.by_token, self.refused = accepted, not accepted

    def _reckon_with(self, rules: Rules, time: int, mode: int) -> None:
        """Have what the vehicle does say whether somebody may charge, as long as no token does."""
        if self.by_token or self.refused:
            return
        if mode == CHARGING and self.authorized is None:
            self._authorize(rules, time)
        elif mode != CHARGING and self.authorized is not None and not self._charges_already():
            # That it charged was no more than an assumption.
            self._forget_time()

    def _authorize(self, rules: Rules, time: int) -> None:
        self.authorized = time
        # Fees go by what holds when somebody is authorised.
        self.flat = _applies(rules, time, Situation(), _FLAT)

    def _forget_time(self) -> None:
        """Take the authorisation back, and what was to be paid for time under it."""
        self.authorized, self.flat = None, NONE
        self.charged = self.idled = 0
        self.periods = [replace(one, time=NONE) for one in self.periods]

    def _charges_already(self) -> bool:
        return self.has_charged or CHARGING in (self.charging, *(mode for _, mode in self.changes))

    def _change(self, time: int, mode: int) -> None:
        last = self.changes[-1] if self.changes else (self.at, self.charging)
        if last[1] == mode:
            return
        if time <= self.at:
            self._switch(mode)
        else:
            self.changes.append((max(time, last[0]), mode))

    def _switch(self, mode: int) -> None:
        self.charging = mode
        self.idled = 0
        # However short: its station said that it charged.
        self.has_charged = self.has_charged or mode == CHARGING

    def _settle(self, rules: Rules, end: int, mwh: int) -> None:
        """Bring it to a time at which the energy is known.

        What was taken in between is spread evenly over the time of charging, or over all of it if there is none.
        """
        if end - self.at > LONGEST:
            self._set_clock(end)
        modes = [(self.at, self.charging), *(one for one in self.changes if one[0] < end), (end, IDLE)]
        spans = [(start, stop, mode) for (start, mode), (stop, _) in pairwise(modes)]
        weight = sum(stop - start for start, stop, mode in spans if mode)
        everywhere = weight == 0
        consumed = mwh - self.mwh
        # Where its station says when it charged, energy tells nothing more of that.
        proves_charging = consumed > 0 and all(mode != CHARGING for _, _, mode in spans)
        flow = EnergyFlow(self.mwh, consumed, end - self.at if everywhere else weight)
        for place, (start, stop, mode) in enumerate(spans):
            if place:
                self._switch(mode)
            if mode and proves_charging:
                self._charge(rules, start)
            self._pass(rules, start, stop, flow if mode or everywhere else EnergyFlow(flow.now, 0, 0))
        rest = mwh - flow.now
        self.at, self.mwh = end, mwh
        if rest:
            # A reading of no duration, or what does not divide evenly.
            if self.charging and rest > 0:
                self._charge(rules, end)
            self._add(rules, end, end, rest, self._situation(end, mwh, Fraction(0)))
        for time, mode in self.changes:
            if time == end:
                self._switch(mode)
        self.changes = [one for one in self.changes if one[0] > end]

    def _charge(self, rules: Rules, time: int) -> None:
        """Note that charging happens from a time on, which speaks for an authorisation where no token was presented."""
        self.has_charged = True
        if self.authorized is None and not self.refused:
            self._authorize(rules, time)

    def _set_clock(self, time: int) -> None:
        """Go on at a time without any having passed."""
        for _, mode in self.changes:
            self._switch(mode)
        self.changes = []
        self.start += time - self.at
        if self.authorized is not None:
            self.authorized = min(self.authorized, self.at) + time - self.at
        self.at = time

    def _pass(self, rules: Rules, time: int, end: int, flow: EnergyFlow) -> None:
        """Add a time in which it charges throughout, or not at all."""
        while time < end:
            stop = min(end, rules.at(time)[0], *self._thresholds(rules, time, flow))
            situation = self._situation(time, flow.now, flow.power)
            self._add(rules, time, stop, flow.go(stop - time), situation)
            if self._counts(time):
                if self.charging:
                    self.charged += stop - time
                else:
                    self.idled += stop - time
            time = stop

    def _counts(self, time: int) -> bool:
        """Return whether time is to be paid for: after the authorisation, and idle time after charging."""
        return self.authorized is not None and time >= self.authorized and bool(self.charging or self.has_charged)

    def _thresholds(self, rules: Rules, time: int, flow: EnergyFlow) -> Iterable[int]:
        found = []
        if self.authorized is not None:
            found = [self.authorized, *(self.authorized + one for one in rules.durations)]
        if not self._counts(time):
            pass
        elif self.charging:
            found += [time + one - self.charged for one in rules.charges]
        else:
            found += [time + one - self.idled for one in rules.idles]
        found += [time + flow.time_to(one) for one in rules.energies]
        return [one for one in found if one > time]

    def _situation(self, time: int, mwh: int, power: Fraction) -> Situation:
        current = None if self.current_ma is None or not self.charging else Fraction(self.current_ma, 1000)
        duration = 0 if self.authorized is None else max(0, time - self.authorized)
        return Situation(mwh, power, current, duration, self.charged, self.idled)

    def _add(self, rules: Rules, start: int, end: int, mwh: int, situation: Situation) -> None:
        energy = _applies(rules, start, situation, _ENERGY)
        time = _applies(rules, start, situation, _CHARGING if self.charging else _IDLE) if self._counts(start) else NONE
        kind = (bool(self.charging), energy, time)
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
    return in_one_go(accrue_in_steps(rules, moments, accrual))


def accrue_in_steps(rules: Rules, moments: Iterable[Moment], accrual: Accrual | None = None) -> Steps[Accrual | None]:
    """Return the same in small steps."""
    for moment in moments:
        if accrual is None:
            accrual = Accrual(moment.time, moment.time, seen=moment.time)
            accrual.begin(rules, moment)
        accrual.add_moment(rules, moment)
        yield
    return accrual
