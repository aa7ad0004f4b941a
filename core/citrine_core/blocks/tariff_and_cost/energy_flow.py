"""Energy between two readings of a register, spread over the time between them."""

from fractions import Fraction

__all__ = ["EnergyFlow"]


class EnergyFlow:
    """Energy that is spread evenly over a span of time."""

    def __init__(self, start: int, mwh: int, weight: int) -> None:
        self.now = start
        self._start, self._mwh, self._weight, self._elapsed = start, mwh, weight, 0

    @property
    def power(self) -> Fraction:
        """The power in kW."""
        return Fraction(self._mwh * 3600, self._weight) if self._mwh > 0 and self._weight else Fraction(0)

    def go(self, time: int) -> int:
        """Advance by a span of time, and return the energy in it."""
        if not self._mwh:
            return 0
        self._elapsed += time
        before, self.now = self.now, self._start + self._mwh * self._elapsed // self._weight
        return self.now - before

    def time_to(self, mwh: int) -> int:
        """Return the time until so much energy is taken; 0 if it never is."""
        missing = mwh - self._start
        if self._mwh <= 0 or mwh <= self.now or missing > self._mwh:
            return 0
        return -(-missing * self._weight // self._mwh) - self._elapsed
