"""The shares of transactions in the capacity of their station. Without input or output.

If not all transactions can get the least current of their vehicles, earlier transactions precede later ones, which
wait with a share of 0. All others get equal shares, except for vehicles that can take less, whose rest is shared by
the others. A vehicle that takes no power now gets its least current if others want more, so that it may resume. The
rest is the limit of transactions that are not planned yet.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from citrine_core.blocks.smart_charging.capacity.loads import WATTS_PER_AMPERE, Load
from citrine_core.blocks.smart_charging.schedules import HORIZON, Curve, constant, limit_at, lowest

__all__ = ["LEAST_CURRENT", "Budget", "Claim", "Shares", "share"]

LEAST_CURRENT = 6.0
"""Least current of a vehicle in A (IEC 61851-1); a smaller share is sent as 0."""

_MOST_CURRENT = 10_000.0
"""Current in A above that of any station, which replaces an infinite limit."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a station may draw."""

    amperes: Curve = ((0.0, math.inf),)
    """Limits in A on each phase."""
    watts: Curve = ((0.0, math.inf),)


@dataclass(frozen=True, slots=True)
class Claim:
    """One transaction that gets a share."""

    evse_id: int
    most: Curve
    """Most that it may have by limits that are not shared, or that it wants, in A on each phase."""
    least: float = LEAST_CURRENT
    watts_per_ampere: float = WATTS_PER_AMPERE
    idle: bool = False
    """True: the vehicle takes no power now."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The planned shares."""

    of_evses: Mapping[int, Curve]
    """Shares by EVSE, in A on each phase."""
    default: Curve
    """Limit of each EVSE without a planned transaction, in A on each phase."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """One claim at one time."""

    evse_id: int
    most: float
    least: float
    watts_per_ampere: float
    idle: bool


def share(
    claims: Sequence[Claim],
    fixed: Sequence[Load],
    budget: Budget,
    *,
    free: int | None,
    most_default: Curve,
    present_default: Curve,
) -> Shares:
    """Return the shares over time.

    Args:
        claims: Transactions in the order in which they began.
        fixed: Loads that can't be changed.
        budget: The most that the station may draw.
        free: Number of EVSEs without a transaction. None: not known.
        most_default: Most that an EVSE without a planned transaction may have by limits that are not shared.
        present_default: Its limit now, which does not change if no EVSE is free and it fits.
    """
    curves = [budget.amperes, budget.watts, most_default, present_default, *(claim.most for claim in claims)]
    curves += [curve for load in fixed for curve in (load.amperes, load.watts)]
    starts = sorted({0.0, *(start for curve in curves for start, _ in curve if start < HORIZON)})
    of_evses: dict[int, list[tuple[float, float]]] = {claim.evse_id: [] for claim in claims}
    defaults: list[tuple[float, float]] = []
    for start in starts:
        there = _Budget(limit_at(budget.amperes, start), limit_at(budget.watts, start))
        loads = [(limit_at(load.amperes, start), limit_at(load.watts, start)) for load in fixed]
        moments = [_at(claim, start) for claim in claims]
        given = _share(moments, there.without(loads))
        for evse_id, amperes in given.items():
            of_evses[evse_id].append((start, amperes))
        drawn = [(given[one.evse_id], given[one.evse_id] * one.watts_per_ampere) for one in moments]
        default = _default([*loads, *drawn], there, free, limit_at(most_default, start))
        present = limit_at(present_default, start)
        if free == 0 and present <= limit_at(most_default, start) and there.fits(_with(present, [*loads, *drawn], 0)):
            default = present
        defaults.append((start, default))
    return Shares({evse_id: _joined(points) for evse_id, points in of_evses.items()}, _joined(defaults))


def _joined(points: Sequence[tuple[float, float]]) -> Curve:
    return lowest([tuple(points)]) if points else constant(0.0)


def _at(claim: Claim, time: float) -> _Moment:
    most = min(limit_at(claim.most, time), _MOST_CURRENT)
    return _Moment(claim.evse_id, most, claim.least, claim.watts_per_ampere, claim.idle)


@dataclass(frozen=True, slots=True)
class _Budget:
    amperes: float
    watts: float

    def fits(self, loads: Sequence[tuple[float, float]]) -> bool:
        return (
            sum(amperes for amperes, _ in loads) <= self.amperes + 1e-6
            and sum(watts for _, watts in loads) <= self.watts + 1e-3
        )

    def without(self, loads: Sequence[tuple[float, float]]) -> "_Budget":
        return _Budget(
            _left(self.amperes, [amperes for amperes, _ in loads]), _left(self.watts, [watts for _, watts in loads])
        )


def _left(there: float, drawn: Sequence[float]) -> float:
    return math.inf if there == math.inf else max(0.0, there - min(there, sum(drawn)))


def _share(moments: Sequence[_Moment], there: _Budget) -> dict[int, float]:
    eager = any(not one.idle and one.most >= one.least for one in moments)
    # A vehicle that takes no power comes after those that do, and gets its least current.
    claims = [replace(one, most=min(one.most, one.least)) if one.idle and eager else one for one in moments]
    admitted: list[_Moment] = []
    for one in sorted(claims, key=lambda one: one.idle and eager):
        loads = [(other.least, other.least * other.watts_per_ampere) for other in (*admitted, one)]
        if one.most >= one.least and there.fits(loads):
            admitted.append(one)

    def at(level: float) -> list[tuple[float, float]]:
        rates = [min(max(level, one.least), one.most) for one in admitted]
        return [(rate, rate * one.watts_per_ampere) for rate, one in zip(rates, admitted, strict=True)]

    level = _largest(lambda level: there.fits(at(level)))
    given = {one.evse_id: 0.0 for one in moments}
    for one, (rate, _) in zip(admitted, at(level), strict=True):
        given[one.evse_id] = math.floor(rate * 10 + 1e-6) / 10
    return given


def _default(loads: Sequence[tuple[float, float]], there: _Budget, free: int | None, most: float) -> float:
    """Return the limit of each EVSE without a planned transaction, in A on each phase.

    It must also fit on EVSEs whose transaction ends and is followed by one that is not reported yet.
    """
    if free is None:
        # Any number of EVSEs may begin to charge.
        return min(most, _MOST_CURRENT) if there == _Budget(math.inf, math.inf) else 0.0
    level = min(most, _largest(lambda level: there.fits(_with(level, loads, free))))
    return math.floor(level * 10 + 1e-6) / 10 if level >= LEAST_CURRENT else 0.0


def _with(level: float, loads: Sequence[tuple[float, float]], free: int) -> list[tuple[float, float]]:
    beside = (level, level * WATTS_PER_AMPERE)
    return [*((max(a, beside[0]), max(w, beside[1])) for a, w in loads), *[beside] * free]


def _largest(fits: Callable[[float], bool]) -> float:
    low, high = 0.0, _MOST_CURRENT
    if fits(high):
        return high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    # The largest that fits in tenths of an ampere, not the one below it.
    tenth = math.floor(low * 10 + 1) / 10
    return tenth if fits(tenth) else low
