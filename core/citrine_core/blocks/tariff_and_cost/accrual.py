"""The accrual of a transaction: its time and energy, divided into periods with the same prices.

It is a pure fold, without clocks and databases: the same moments under the same rules yield the same accrual, whether
they arrive one by one or all at once. All numbers are whole: time in microseconds, energy in mWh.

When a price applies (docs/adr/0011): for energy always, if somebody was authorised; for time, fees and the minimum
from the authorisation on; for idle time after charging has happened. Charging without a token counts as authorisation.
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
from citrine_core.steps import Steps

__all__ = ["Accrual", "Moment", "Period", "accrue", "accrue_in_steps"]

_ENERGY = int(pb.TARIFF_DIMENSION_ENERGY)
_CHARGING = int(pb.TARIFF_DIMENSION_CHARGING_TIME)
_IDLE = int(pb.TARIFF_DIMENSION_IDLE_TIME)
_FLAT = int(pb.TARIFF_DIMENSION_FLAT)

LONGEST = 100 * 86_400_000_000
"""Microseconds. A longer time between two readings does not count as time: a wrong clock was corrected."""

MOST_PERIODS = 200
"""Most periods of an accrual. A vehicle that starts and stops all the time must not fill the database: above this
number, times with the same prices are merged, even if others lie between them."""

NONE = -1
"""Index in place of an element, if no price applies."""

IDLE, WAITING, CHARGING = 0, 1, 2
"""The mode of a vehicle: it takes no power and requests none; it would take power, as far as we know; it takes power,
as its station reports. Accruals of earlier versions have only the first two, as false and true."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The facts about a transaction that became known at one time."""

    time: int
    """Microseconds since 1970."""
    charging: bool | None = None
    """True: from then on the vehicle takes power or would. False: it is idle. None: no change."""
    readings: Sequence[tuple[int, int]] = ()
    """Pairs of time and energy in mWh since the transaction began, ordered by time."""
    current_ma: int | None = None
    """Current summed over the phases. None: not measured."""
    known_at: int = 0
    """When the facts became known, if their message had been queued. 0: at `time`."""
    authorized: bool | None = None
    """True: somebody may charge from now on. False: somebody presented a token and was refused. None: neither."""
    offered: bool = True
    """False: the station offers no power, so that charging, though the vehicle would, has not begun with this."""

    @property
    def mode(self) -> int | None:
        """The mode of the vehicle from then on. None: no change."""
        if self.charging is None:
            return None
        return (CHARGING if self.offered else WAITING) if self.charging else IDLE


@dataclass(slots=True)
class Period:
    """A span of time in which the same prices applied."""

    start: int
    end: int
    charging: bool
    energy: int
    """Index of the element whose price of energy applies. NONE: energy costs nothing."""
    time: int
    """The same for the price of charging or idle time."""
    mwh: int = 0
    length: int = 0
    """Microseconds."""


@dataclass(slots=True)
class Accrual:
    """The time and energy of a transaction so far. Its fields are stored."""

    start: int
    at: int
    """The time up to which it is settled: that of the last reading of the register, or the start."""
    mwh: int = 0
    """Energy up to that time."""
    charging: int = WAITING
    """Mode of the vehicle from that time on. If a station reports none, the vehicle counts as charging."""
    changes: list[tuple[int, int]] = field(default_factory=list)
    """Times after `at` at which the mode changes, not settled until the energy is known."""
    seen: int = 0
    """The latest time that was reported."""
    known_at: int = 0
    """`known_at` of the last message that had been queued. 0: there was none."""
    current_ma: int | None = None
    charged: int = 0
    """Charging time since the authorisation."""
    idled: int = 0
    """Idle time since charging stopped."""
    has_charged: bool = False
    """Whether charging happened before `at`: the station reported it, or energy was taken."""
    authorized: int | None = None
    """Since when somebody is authorised. None: nobody is, and nothing must be paid."""
    by_token: bool = False
    """Whether a token, or an equivalent, was accepted. False: `authorized` was inferred from charging."""
    refused: bool = False
    """Whether a token was refused and none accepted: charging then implies no authorisation."""
    reserved: tuple[int, int] | None = None
    """Start and end of the reservation of the EVSE. None: there was none, or it costs nothing."""
    flat: int = NONE
    """Index of the element whose fee applies."""
    periods: list[Period] = field(default_factory=list)

    def add_moment(self, rules: Rules, moment: Moment) -> None:
        """Add the next moment.

        A reading that is not after the settled time, for example from a clock that was set back, counts at once: all
        energy is counted, and exactly once.
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
        """Return the current time of the transaction, by the clock by which it is billed.

        The running cost, as drivers and operators see it, is the cost up to this time.

        Args:
            elapsed: Time since the last report about the transaction.
        """
        return max(self.seen, self.known_at) + max(elapsed, timedelta(0)) // timedelta(microseconds=1)

    def until(self, rules: Rules, time: int) -> "Accrual":
        """Return the accrual at a later time, if only time passed since the last report."""
        if time <= self.at:
            return self
        # Only the last period still changes.
        copy = replace(self, changes=list(self.changes), periods=[*self.periods[:-1], *map(replace, self.periods[-1:])])
        copy._settle(rules, time, self.mwh)
        return copy

    def dump(self) -> bytes:
        """Return the stored form of the accrual."""
        # Fields are stored by name, so that fields that are added later get their defaults.
        values = {name: getattr(self, name) for name in _STORED}
        values["periods"] = [
            (one.start, one.end, one.charging, one.energy, one.time, one.mwh, one.length) for one in self.periods
        ]
        return orjson.dumps(values)

    @classmethod
    def load(cls, content: bytes) -> "Accrual":
        """Return the accrual of a stored form."""
        values = orjson.loads(content)
        if "authorized" not in values:
            # Earlier versions had no authorisation: everything counted from the beginning, and idle time at once.
            values |= {"authorized": values["start"], "by_token": True, "has_charged": True}
        values["changes"] = [(time, int(mode)) for time, mode in values["changes"]]
        values["charging"] = int(values["charging"])
        values["periods"] = [Period(*one) for one in values["periods"]]
        if values["reserved"] is not None:
            values["reserved"] = tuple(values["reserved"])
        return cls(**values)

    def begin(self, rules: Rules, moment: Moment) -> None:
        """Determine from the first moment whether somebody is authorised from the beginning."""
        if moment.authorized is None and moment.mode in (None, CHARGING):
            self._authorize(rules, moment.time)

    def _present(self, rules: Rules, time: int, accepted: bool) -> None:
        """Record that a token was accepted or refused. The first accepted token counts."""
        if self.by_token:
            return
        if not accepted or self.refused:
            # The time so far belongs to somebody who was refused.
            self._forget_time()
            self.periods = [replace(one, energy=NONE) for one in self.periods]
        # A driver who charged before, and was not refused, had been authorised before in some way.
        if accepted and (self.authorized is None or not self._charges_already()):
            self._forget_time()
            self._authorize(rules, time)
        self.by_token, self.refused = accepted, not accepted

    def _reckon_with(self, rules: Rules, time: int, mode: int) -> None:
        """Infer the authorisation from the mode of the vehicle, until a token decides on it."""
        if self.by_token or self.refused:
            return
        if mode == CHARGING and self.authorized is None:
            self._authorize(rules, time)
        elif mode != CHARGING and self.authorized is not None and not self._charges_already():
            # Charging was only an assumption.
            self._forget_time()

    def _authorize(self, rules: Rules, time: int) -> None:
        self.authorized = time
        # The element that applies at the authorisation determines the fee.
        self.flat = _applies(rules, time, Situation(), _FLAT)

    def _forget_time(self) -> None:
        """Revoke the authorisation, and discard the time that was to be paid under it."""
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
        # The station reported charging, however short it was.
        self.has_charged = self.has_charged or mode == CHARGING

    def _settle(self, rules: Rules, end: int, mwh: int) -> None:
        """Settle the accrual up to a time at which the energy is known.

        The energy since the last reading is spread evenly over the charging time, or over the whole time if there is no
        charging time.
        """
        if end - self.at > LONGEST:
            self._set_clock(end)
        modes = [(self.at, self.charging), *(one for one in self.changes if one[0] < end), (end, IDLE)]
        spans = [(start, stop, mode) for (start, mode), (stop, _) in pairwise(modes)]
        weight = sum(stop - start for start, stop, mode in spans if mode)
        everywhere = weight == 0
        consumed = mwh - self.mwh
        # If the station reported when the vehicle charged, energy proves nothing more.
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
            # The rest is of a reading without duration, or of a division with a remainder.
            if self.charging and rest > 0:
                self._charge(rules, end)
            self._add(rules, end, end, rest, self._situation(end, mwh, Fraction(0)))
        for time, mode in self.changes:
            if time == end:
                self._switch(mode)
        self.changes = [one for one in self.changes if one[0] > end]

    def _charge(self, rules: Rules, time: int) -> None:
        """Record charging from a time on, which implies an authorisation if no token was presented."""
        self.has_charged = True
        if self.authorized is None and not self.refused:
            self._authorize(rules, time)

    def _set_clock(self, time: int) -> None:
        """Continue at another time, without counting the time between."""
        for _, mode in self.changes:
            self._switch(mode)
        self.changes = []
        self.start += time - self.at
        if self.authorized is not None:
            self.authorized = min(self.authorized, self.at) + time - self.at
        self.at = time

    def _pass(self, rules: Rules, time: int, end: int, flow: EnergyFlow) -> None:
        """Add a span of time in which the mode does not change."""
        while time < end:
            stop = min(end, rules.at(time)[0], *self._thresholds(rules, time, flow))
            situation = self._situation(time, flow.now, flow.power) if rules.has_situations else _ANY_SITUATION
            self._add(rules, time, stop, flow.go(stop - time), situation)
            if self._counts(time):
                if self.charging:
                    self.charged += stop - time
                else:
                    self.idled += stop - time
            time = stop

    def _counts(self, time: int) -> bool:
        """Return whether time must be paid: after the authorisation, and for idle time also after charging."""
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
        """Remove and return a period with the same prices, if there are too many periods to begin another."""
        if len(self.periods) < MOST_PERIODS:
            return None
        places = range(len(self.periods) - 1, -1, -1)
        found = (
            at for at in places if (self.periods[at].charging, self.periods[at].energy, self.periods[at].time) == kind
        )
        place = next(found, None)
        # It returns a copy, because other accruals may share the period.
        return None if place is None else replace(self.periods.pop(place))


_period_values = attrgetter(*(one.name for one in fields(Period)))

_ANY_SITUATION = Situation()

_STORED = tuple(one.name for one in fields(Accrual) if one.name != "periods")
"""Fields that are stored without translation."""


def _applies(rules: Rules, time: int, situation: Situation, dimension: int) -> int:
    _, places = rules.at(time)
    for place in places:
        element = rules.elements[place]
        if dimension in element.components and not element.reservation and element.holds_in(situation):
            return place
    return NONE


def accrue(rules: Rules, moments: Iterable[Moment], accrual: Accrual | None = None) -> Accrual | None:
    """Return the accrual of a transaction after some moments; None if there are none.

    Args:
        rules: The rules of its tariff.
        moments: The moments, in the order of the transaction's messages.
        accrual: The accrual of the moments before. None: these are the first.
    """
    for moment in moments:
        accrual = _with_moment(rules, moment, accrual)
    return accrual


def accrue_in_steps(rules: Rules, moments: Iterable[Moment], accrual: Accrual | None = None) -> Steps[Accrual | None]:
    """Do the same as `accrue` in small steps."""
    for moment in moments:
        accrual = _with_moment(rules, moment, accrual)
        yield
    return accrual


def _with_moment(rules: Rules, moment: Moment, accrual: Accrual | None) -> Accrual:
    if accrual is None:
        accrual = Accrual(moment.time, moment.time, seen=moment.time)
        accrual.begin(rules, moment)
    accrual.add_moment(rules, moment)
    return accrual
