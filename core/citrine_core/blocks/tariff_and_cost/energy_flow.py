"""Energy between two readings of a register, spread over the time between them."""

from fractions import Fraction

__all__ = ["EnergyFlow"]


class EnergyFlow:
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
