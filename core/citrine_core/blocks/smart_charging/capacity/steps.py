"""Selection of the profiles to send now: first those that lower limits, then those that fit. Without input or output.

The load of an EVSE is always the most that its accepted profiles and those that are being sent may allow. So a profile
that raises a limit is sent only if it fits with all other loads, whether or not it is accepted, and the load of an EVSE
whose profile is refused or not answered still counts.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from citrine_core.blocks.smart_charging.capacity.loads import NOTHING, WATTS_PER_AMPERE, Load, either, total
from citrine_core.blocks.smart_charging.capacity.sharing import Budget, Shares, share
from citrine_core.blocks.smart_charging.capacity.situation import Running, Situation
from citrine_core.blocks.smart_charging.planner import shortened_plan
from citrine_core.blocks.smart_charging.schedules import HORIZON, Curve, constant, limit_at, lowest

__all__ = ["DEFAULT", "Outlook", "Step", "exceeds_more", "look_ahead"]

DEFAULT = 0
"""EVSE id that represents transactions that are not planned yet."""

_NEAR = 0.05
"""Difference in A up to which two limits count as equal, because limits in W are rounded."""


@dataclass(frozen=True, slots=True)
class Step:
    """A profile to send now."""

    evse_id: int
    """DEFAULT: the TxDefaultProfile."""
    curve: Curve
    """Limits in A on each phase."""


@dataclass(frozen=True)
class Outlook:
    """The planned shares, and the profiles to send now."""

    shares: Shares
    steps: Sequence[Step]
    is_reached: bool
    """True: all EVSEs have the planned limits."""
    at_risk: bool
    """True: more may be drawn now than the station may draw."""
    given: float
    """Most current that may be drawn now, in A on each phase; infinite if an EVSE is not limited."""


def look_ahead(
    situation: Situation,
    *,
    busy: Collection[int],
    stuck: Collection[int],
    again: Collection[int] = (),
    confirm: bool = False,
    has_no_default: bool = False,
) -> Outlook:
    """Return the shares, and the profiles that may be sent now.

    Args:
        situation: Situation of the station.
        busy: EVSEs whose profile is being sent.
        stuck: EVSEs whose profile was refused or not answered; their load is fixed, and the others share the rest.
        again: EVSEs whose profile must be sent even if nothing changes.
        confirm: True: no limit is raised, because the station may have lost its profiles.
        has_no_default: True: the station accepts no TxDefaultProfile. EVSEs without a limit then count only while they
            charge, because else no transaction could get a share.
    """
    open_ones = [one for one in situation.running if one.evse_id not in stuck]
    fixed = [_bounded(one.load, situation.budget) for one in situation.running if one.evse_id in stuck]
    shares = share(
        [one.claim for one in open_ones],
        [*fixed, *(_bounded(load, situation.budget) for load in situation.expected)],
        situation.budget,
        free=situation.free,
        most_default=situation.most_default,
        present_default=_default_of(situation).amperes,
    )
    curves = {one.evse_id: shortened_plan(shares.of_evses[one.evse_id], one.max_periods) for one in open_ones}
    default = shortened_plan(shares.default, situation.abilities.max_periods or 1024)
    plan = _Plan(situation, curves, default, busy, stuck, again, has_no_default=has_no_default)
    steps = plan.steps(raises=not confirm)
    given = plan.given()
    return Outlook(
        Shares({**{one.evse_id: one.load.amperes for one in situation.running}, **curves}, default),
        steps,
        not steps and plan.is_reached(),
        plan.is_without_default()
        or given[0] > limit_at(situation.budget.amperes, 0.0) + 1e-6
        or given[1] > limit_at(situation.budget.watts, 0.0) + 1e-3,
        given[0],
    )


def exceeds_more(after: Situation, before: Situation) -> bool:
    """Return whether more may be drawn than the station may draw, and more than before."""
    budget = after.budget
    now, then = (_Plan(one, {}, constant(0.0), (), (), ()).loads() for one in (after, before))
    return any(
        _exceeds(total([getattr(load, unit) for load in now]), getattr(budget, unit), 1e-3)
        and _exceeds(total([getattr(load, unit) for load in now]), total([getattr(load, unit) for load in then]))
        for unit in ("amperes", "watts")
    )


def _bounded(load: Load, budget: Budget) -> Load:
    """Return a load that is limited to the budget, which an unlimited load may take completely."""
    return Load(lowest([load.amperes, budget.amperes]), lowest([load.watts, budget.watts]))


def _default_of(situation: Situation) -> Load:
    return either(list(situation.defaults.values()))


class _Plan:
    """The loads of one station, and the selection of the profiles to send."""

    def __init__(
        self,
        situation: Situation,
        curves: Mapping[int, Curve],
        default: Curve,
        busy: Collection[int],
        stuck: Collection[int],
        again: Collection[int],
        *,
        has_no_default: bool = False,
    ) -> None:
        self._has_no_default = has_no_default and _is_unlimited(_default_of(situation))
        self._situation = situation
        self._curves = curves
        self._default = default
        self._busy = busy
        self._stuck = stuck
        self._again = again
        self._loads = {one.evse_id: one.load for one in situation.running}
        self._defaults = dict(situation.defaults)
        self._sent: list[Step] = []

    def steps(self, *, raises: bool) -> list[Step]:
        """Return the profiles to send now."""
        for one in self._open():
            self._lower(one)
        self._lower_default()
        for one in self._open():
            self._raise(one, raises)
        if raises:
            self._raise_default()
        return self._sent

    def is_reached(self) -> bool:
        """Return whether all EVSEs have the planned limits."""
        if self._busy or self._stuck:
            return False
        shares = [(self._present(one), self._curves[one.evse_id]) for one in self._situation.running]
        return all(_same(*pair) for pair in (*shares, (self._present_default(), self._default)))

    def is_without_default(self) -> bool:
        """Return whether the station refuses a default profile that is needed."""
        return self._has_no_default and _exceeds(self._present_default(), self._default)

    def loads(self) -> list[Load]:
        """Return the loads of all EVSEs."""
        return self._all(self._situation.free is None)

    def given(self) -> tuple[float, float]:
        """Return the most that may be drawn now, in A on each phase and in W."""
        loads = self.loads()
        return (
            sum(limit_at(load.amperes, 0.0) for load in loads),
            sum(limit_at(load.watts, 0.0) for load in loads),
        )

    def _open(self) -> list[Running]:
        sent = {step.evse_id for step in self._sent}
        return [
            one
            for one in self._situation.running
            if one.evse_id not in self._busy and one.evse_id not in self._stuck and one.evse_id not in sent
        ]

    def _lower(self, one: Running) -> None:
        """Send a lower limit, or the present limit if the default profile, on which it depends, will be lowered."""
        goal, present = self._curves[one.evse_id], self._present(one)
        relies = not one.has_own and _exceeds(self._present_default(), self._default) and DEFAULT not in self._stuck
        if _exceeds(present, goal) or relies:
            self._send(one, lowest([goal, present]))

    def _lower_default(self) -> None:
        if DEFAULT in self._busy or DEFAULT in self._stuck:
            return
        present = self._present_default()
        # A vehicle must not pause because the station receives its own profile after the default profile.
        waits = any(not one.has_own and one.evse_id not in self._stuck for one in self._situation.running)
        if _exceeds(present, self._default):
            if not waits:
                self._send_default(lowest([self._default, present]))
        elif DEFAULT in self._again:
            self._send_default(lowest([self._default, present]))

    def _raise(self, one: Running, raises: bool) -> None:
        goal, present = self._curves[one.evse_id], self._present(one)
        raised = Load(goal, _times(goal, one.claim.watts_per_ampere))
        if (
            raises
            and _exceeds(goal, present, _NEAR)
            and self._fits({one.evse_id: either([one.load, raised])}, self._defaults)
        ):
            self._loads[one.evse_id] = either([one.load, raised])
            self._send(one, goal)
        elif one.evse_id in self._again:
            self._send(one, lowest([goal, present]))

    def _raise_default(self) -> None:
        sent = {step.evse_id for step in self._sent}
        if DEFAULT in self._busy or DEFAULT in self._stuck or DEFAULT in sent:
            return
        raised = Load(self._default, _times(self._default, WATTS_PER_AMPERE))
        defaults = {evse_id: either([load, raised]) for evse_id, load in self._defaults.items()}
        if _exceeds(self._default, self._present_default(), _NEAR) and self._fits({}, defaults):
            self._send_default(self._default)

    def _send(self, one: Running, curve: Curve) -> None:
        self._sent.append(Step(one.evse_id, shortened_plan(curve, one.max_periods)))

    def _send_default(self, curve: Curve) -> None:
        most = self._situation.abilities.max_periods or 1024
        self._sent.append(Step(DEFAULT, shortened_plan(curve, most)))

    def _present(self, one: Running) -> Curve:
        """Return the load in A on each phase; if the budget has a limit in W, at least the load in W requires."""
        if all(limit == math.inf for _, limit in self._situation.budget.watts):
            return one.load.amperes
        return _highest(one.load.amperes, _times(one.load.watts, 1 / one.claim.watts_per_ampere))

    def _present_default(self) -> Curve:
        load = _default_of(self._situation)
        if all(limit == math.inf for _, limit in self._situation.budget.watts):
            return load.amperes
        return _highest(load.amperes, _times(load.watts, 1 / WATTS_PER_AMPERE))

    def _fits(self, changed: Mapping[int, Load], defaults: Mapping[int, Load]) -> bool:
        loads = self._all(self._situation.free is None, {**self._loads, **changed}, defaults)
        budget = self._situation.budget
        return not (
            _exceeds(total([load.amperes for load in loads]), budget.amperes, 1e-6)
            or _exceeds(total([load.watts for load in loads]), budget.watts, 1e-3)
        )

    def _all(
        self,
        any_number: bool,
        loads: Mapping[int, Load] | None = None,
        defaults: Mapping[int, Load] | None = None,
    ) -> list[Load]:
        """Return the loads of all EVSEs; if the station accepts no default profile, of those that charge."""
        loads = self._loads if loads is None else loads
        defaults = self._defaults if defaults is None else defaults
        expected = [_bounded(load, self._situation.budget) for load in self._situation.expected]
        if self._has_no_default:
            return [*loads.values(), *expected]
        # A transaction may end, and another one begin that is not reported yet.
        running = [either([load, defaults.get(evse_id, NOTHING)]) for evse_id, load in loads.items()]
        free = [load for evse_id, load in defaults.items() if evse_id and evse_id not in loads]
        if any_number:
            free = [_any_number_of(defaults[DEFAULT])]
        return [*running, *free, *expected]


def _is_unlimited(load: Load) -> bool:
    return any(limit == math.inf for _, limit in load.amperes)


def _any_number_of(load: Load) -> Load:
    curves = [
        tuple((start, math.inf if limit > 0 else 0.0) for start, limit in curve) for curve in (load.amperes, load.watts)
    ]
    return Load(*curves)


def _times(curve: Curve, factor: float) -> Curve:
    return tuple((start, limit * factor) for start, limit in curve)


def _highest(one: Curve, other: Curve) -> Curve:
    return either([Load(one, constant(0.0)), Load(other, constant(0.0))]).amperes


def _exceeds(curve: Curve, allowed: Curve, by: float = 1e-3) -> bool:
    starts = {start for one in (curve, allowed) for start, _ in one if start < HORIZON}
    return any(limit_at(curve, start) > limit_at(allowed, start) + by for start in starts)


def _same(one: Curve, other: Curve) -> bool:
    return not _exceeds(one, other, _NEAR) and not _exceeds(other, one, _NEAR)
