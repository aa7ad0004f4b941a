"""The register model, which derives the energy of a transaction from its readings (docs/adr/0009).

Pure functions. An ordinary reading, which rises by no more than the elapsed time allows, is accepted by itself with
`follows`. If a reading is doubtful, all readings of the transaction are reckoned anew with `reckon`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from citrine.api.v1.transactions_pb2 import TransactionAnomaly
from citrine_core.blocks.meter_values import exact, total_of
from citrine_core.blocks.transactions.register_readings import SLACK_S, Reading, beside_placeholders
from citrine_core.steps import Steps, in_one_go

__all__ = [
    "MOST_POWER_W",
    "NOISE_WH",
    "Doubt",
    "Reading",
    "Reckoned",
    "follows",
    "is_idle",
    "most_power",
    "reckon",
    "reckon_in_steps",
]

MOST_POWER_W = 1_000_000.0
"""Power above which energy is never billed without a confirmation."""

MARGIN = 1.25
"""Factor by which an EVSE may exceed the power of its device model."""

NOISE_WH = 10.0
"""A decrease by less is rounding, and is ignored."""

_KILO = 1000.0

NEAR = 0.05
"""Part of the register by which a reading in another unit may rise to be accepted by itself."""

NOT_FAR = 0.5
"""The same for the first of two readings that agree on the unit."""

OUTLIER = int(TransactionAnomaly.KIND_OUTLIER_DROPPED)
RESTART = int(TransactionAnomaly.KIND_RESTART_ASSUMED)
REBASED = int(TransactionAnomaly.KIND_REGISTER_JUMPED)
UNIT = int(TransactionAnomaly.KIND_UNIT_ASSUMED)


class Doubt(NamedTuple):
    """An assumption about readings, or a reading that was left out."""

    kind: int
    time: datetime
    wh: float


@dataclass(slots=True)
class _Chain:
    """Readings that continue from each other: one life of a register."""

    readings: list[tuple[int, Reading]]
    """With their places among all readings."""
    base: float
    """Register value from which it counts."""
    before: float = 0.0
    """Energy of the earlier lives."""
    is_firm: bool = True
    """False: a reading at the height of the life before proves that there was only one."""

    @property
    def last(self) -> Reading:
        return self.readings[-1][1]

    def energy_at(self, wh: float) -> float:
        return max(0.0, total_of(wh, self.base, self.before))


@dataclass(slots=True)
class Reckoned:
    """The result for all readings of a transaction."""

    start_wh: float | None = None
    last: Reading | None = None
    base_wh: float = 0.0
    before_wh: float = 0.0
    began: bool = False
    energy_wh: float | None = None
    energies: dict[int, float] = field(default_factory=dict)
    """Energy in Wh up to each reading that counts, by its index."""
    doubts: list[Doubt] = field(default_factory=list)
    is_pending: bool = False
    """True: the meaning of the last readings is undecided."""
    height_wh: float | None = None
    """A reading at or above it proves that the register did not restart. None: nothing would."""


def most_power(limit_w: float | None) -> float:
    """Return the highest power that is billed, in W, for a power limit. None: the limit is unknown."""
    return MOST_POWER_W if limit_w is None else min(MOST_POWER_W, limit_w * MARGIN)


def follows(
    time: datetime, wh: float, reading_time: datetime, reading_wh: float, power_w: float = MOST_POWER_W
) -> bool:
    """Return whether a reading continues from another: not lower, and not higher than time and power allow."""
    rise = reading_wh - wh
    if rise < 0:
        return False
    if rise * 3600 <= SLACK_S * power_w and reading_time >= time:
        return True
    seconds = (reading_time - time).total_seconds()
    return rise * 3600 <= ((seconds if seconds > 0 else 0.0) + SLACK_S) * power_w


def is_idle(time: datetime, wh: float, reading_time: datetime, reading_wh: float) -> bool:
    """Return whether a reading can be ignored: it is older, or lower by no more than rounding."""
    if reading_wh < 0 or reading_wh > wh:
        return False
    return reading_time <= time or wh - reading_wh <= NOISE_WH


def reckon(readings: Sequence[Reading], confirmed: Collection[float] = (), power_w: float = MOST_POWER_W) -> Reckoned:
    """Return the result for readings of one series.

    Args:
        readings: In the order of their events.
        confirmed: Registers in Wh that an operator confirmed: a rise up to one of them counts, however steep.
        power_w: Power limit of the EVSE.
    """
    return in_one_go(reckon_in_steps(readings, confirmed, power_w))


def reckon_in_steps(
    readings: Sequence[Reading], confirmed: Collection[float] = (), power_w: float = MOST_POWER_W
) -> Steps[Reckoned]:
    """Do the same in small steps."""
    return _Walk(confirmed, power_w).over(readings)


class _Doubts:
    """Doubts in the order in which they arose, indexed, so that many of them do not slow down look-ups."""

    def __init__(self) -> None:
        self._found: dict[int, Doubt] = {}
        self._count = 0
        self._known: dict[tuple[datetime, float], int] = {}
        """Number of doubts by time and register."""
        self._lives: dict[datetime, list[int]] = {}
        """Indexes of doubts about another life of the register, by time."""

    def add(self, doubts: Iterable[Doubt]) -> None:
        for one in doubts:
            self._found[self._count] = one
            self._known[one.time, one.wh] = self._known.get((one.time, one.wh), 0) + 1
            if one.kind in (RESTART, REBASED):
                self._lives.setdefault(one.time, []).append(self._count)
            self._count += 1

    def knows(self, doubt: Doubt) -> bool:
        """Return whether there is a doubt with the same time and register."""
        return self._known.get((doubt.time, doubt.wh), 0) > 0

    def forget_lives(self, time: datetime) -> None:
        """Remove the doubts that another life of the register begins at a time."""
        for place in self._lives.pop(time, ()):
            one = self._found.pop(place)
            self._known[one.time, one.wh] -= 1

    def all(self) -> list[Doubt]:
        return list(self._found.values())


class _Walk:
    def __init__(self, confirmed: Collection[float], power_w: float) -> None:
        self._confirmed = confirmed
        self._power_w = power_w
        self._chain: _Chain | None = None
        self._earlier: list[_Chain] = []
        self._pending: list[tuple[int, Reading]] = []
        self._found = Reckoned()
        self._doubts = _Doubts()

    def over(self, readings: Sequence[Reading]) -> Steps[Reckoned]:
        found = self._found
        begin = next((place for place, one in enumerate(readings) if one.rank == 0 and one.wh >= 0), None)
        rest = [place for place, one in enumerate(readings) if place != begin and one.rank != 0]
        order = ([] if begin is None else [begin]) + rest
        if begin is not None and (others := beside_placeholders(readings, begin, rest)):
            self._drop((place, readings[place]) for place in order if place not in others)
            begin, order = None, others
        for place in order:
            self._append(place, readings[place])
            yield
        chain = self._chain
        if chain is None:
            return found
        self._drop(self._pending, is_final=False)
        found.doubts = self._doubts.all()
        lives = [*self._earlier, chain]
        found.began = begin is not None
        found.start_wh = lives[0].readings[0][1].wh
        found.last, found.base_wh, found.before_wh = chain.last, chain.base, chain.before
        found.energy_wh = chain.energy_at(chain.last.wh)
        for life in lives:
            for place, one in life.readings:
                found.energies[place] = life.energy_at(one.wh)
                yield
        found.is_pending = bool(self._pending)
        if self._earlier and not chain.is_firm:
            found.height_wh = self._earlier[-1].last.wh
        if begin is not None:
            self._end(readings, begin, order)
        return found

    def _end(self, readings: Sequence[Reading], begin: int, order: Iterable[int]) -> None:
        """Use the values of the beginning and the end, if there are both without a boot in between."""
        found, first = self._found, readings[begin]
        ends = [place for place in order if readings[place].rank == 2]
        if not ends:
            return
        last = readings[ends[-1]]
        is_glitch = last.wh == 0 and bool(found.energy_wh)
        if last.boots != first.boots or is_glitch or not self._follows(first, last):
            return
        energy = total_of(last.wh, first.wh)
        if found.energy_wh == energy and found.last == last:
            return
        found.start_wh, found.base_wh, found.before_wh = first.wh, first.wh, 0.0
        found.last, found.energy_wh = last, energy
        found.doubts = [one for one in found.doubts if one.wh != last.wh]
        for place, wh in list(found.energies.items()):
            if wh > energy:
                found.doubts.append(Doubt(OUTLIER, readings[place].time, readings[place].wh))
                del found.energies[place]
        found.energies[begin], found.energies[ends[-1]] = 0.0, energy

    def _follows(self, one: Reading, other: Reading) -> bool:
        if other.wh >= one.wh and any(one.wh < wh <= other.wh for wh in self._confirmed):
            return True
        return follows(one.time, one.wh, other.time, other.wh, self._power_w)

    def _append(self, place: int, reading: Reading) -> None:
        if reading.wh < 0:
            self._drop([(place, reading)])
            return
        chain = self._chain
        if chain is None:
            self._chain = _Chain([(place, reading)], reading.wh)
            return
        if self._goes_back(reading):
            chain = self._chain
            assert chain is not None
        last = chain.last
        if self._follows(last, reading):
            self._drop(self._pending)
            self._pending = []
            chain.readings.append((place, reading))
            self._secure(chain)
        elif not is_idle(last.time, last.wh, reading.time, reading.wh):
            self._doubt(place, reading)

    def _secure(self, chain: _Chain) -> None:
        """Confirm a restart at a boot, once a second reading continues from a low first one."""
        if chain.is_firm or len(chain.readings) != 2:
            return
        (_, first), (_, second), height = *chain.readings, self._earlier[-1].last
        chain.is_firm = first.boots > height.boots and first.wh < height.wh / 2 and first.wh < second.wh < height.wh

    def _goes_back(self, reading: Reading) -> bool:
        """Return to the life before, if a reading proves that the register did not restart."""
        chain = self._chain
        assert chain is not None
        if not self._earlier:
            return False
        before = self._earlier[-1]
        if not self._follows(before.last, reading):
            return False
        if self._follows(chain.last, reading) and (chain.is_firm or reading.wh < before.last.wh):
            return False
        self._earlier.pop()
        self._drop([*chain.readings, *self._pending])
        self._pending, self._chain = [], before
        dropped = chain.readings[0][1]
        self._doubts.forget_lives(dropped.time)
        return True

    def _doubt(self, place: int, reading: Reading) -> None:
        chain, last = self._chain, self._pending[-1][1] if self._pending else None
        assert chain is not None
        is_drop, has_booted = reading.wh < chain.last.wh, reading.boots > chain.last.boots
        if not (is_drop and has_booted) and (scaled := self._in_unit([(place, reading)], NEAR)) is not None:
            chain.readings += scaled
            self._drop(self._pending)
            self._pending = []
            return
        if last is not None and not self._follows(last, reading):
            if is_idle(last.time, last.wh, reading.time, reading.wh):
                return
            self._drop(self._pending)
            self._pending = []
        self._pending.append((place, reading))
        first = self._pending[0][1]
        if first.wh < chain.last.wh and first.boots > chain.last.boots:
            self._restart()
        elif len(self._pending) > 1 and reading.wh > first.wh:
            self._decide(first)

    def _in_unit(self, readings: Sequence[tuple[int, Reading]], most: float) -> list[tuple[int, Reading]] | None:
        """Return readings in the unit of the others, if they continue from these by a factor of 1000, or of 1/1000.

        A low reading that is simply wrong may continue by a factor of 1000 as well, so the rise must be small.
        """
        chain = self._chain
        assert chain is not None
        if chain.last.wh < _KILO:
            return None
        for factor in (_KILO, 1 / _KILO):
            scaled = [(place, one._replace(wh=float(exact(one.wh) * exact(factor)))) for place, one in readings]
            before = [chain.last, *(one for _, one in scaled)]
            is_near = before[1].wh - before[0].wh <= most * before[0].wh
            if is_near and all(self._follows(*pair) for pair in pairwise(before)):
                self._doubts.add(Doubt(UNIT, one.time, one.wh) for _, one in readings)
                return scaled
        return None

    def _decide(self, first: Reading) -> None:
        """Accept two rising readings that nothing before them explains."""
        chain = self._chain
        assert chain is not None
        readings = chain.readings
        if len(readings) > 1 and self._follows(readings[-2][1], first):
            # The last one was too high. Without it, all others belong to one life.
            self._drop([readings.pop()])
            readings += self._pending
            self._pending = []
        elif (scaled := self._in_unit(self._pending, NOT_FAR)) is not None:
            readings += scaled
            self._pending = []
        elif len(readings) > 1 and first.wh < chain.last.wh:
            self._restart()
        elif len(readings) == 1 and not self._earlier:
            # The first reading was wrong.
            self._drop(readings)
            self._chain, self._pending = _Chain(self._pending, first.wh), []
        else:
            self._next_life(first.wh, REBASED, is_firm=True)

    def _restart(self) -> None:
        chain, first = self._chain, self._pending[0][1]
        assert chain is not None
        # The register counts from 0, unless that is too much. Then it is another meter.
        if follows(chain.last.time, 0.0, first.time, first.wh, self._power_w):
            self._next_life(0.0, RESTART, is_firm=False)
        elif len(self._pending) > 1:
            self._next_life(first.wh, REBASED, is_firm=True)

    def _next_life(self, base: float, kind: int, *, is_firm: bool) -> None:
        chain, first = self._chain, self._pending[0][1]
        assert chain is not None
        self._earlier.append(chain)
        self._chain = _Chain(self._pending, base, chain.energy_at(chain.last.wh), is_firm)
        self._pending = []
        self._doubts.add([Doubt(kind, first.time, first.wh)])

    def _drop(self, dropped: Iterable[tuple[int, Reading]], *, is_final: bool = True) -> None:
        doubts = [Doubt(OUTLIER, one.time, one.wh) for _, one in dropped]
        self._doubts.add([one for one in doubts if not is_final or not self._doubts.knows(one)])
