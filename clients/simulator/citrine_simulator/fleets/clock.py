"""The clock of a station of a fleet: it can be wrong, and a whole day can pass on it in no time."""

from datetime import UTC, datetime, timedelta

from citrine_simulator.clock import SystemClock

__all__ = ["FleetClock"]


class FleetClock(SystemClock):
    """The machine's clock with an offset and a drift of its own.

    What is skipped has passed on both of its faces; what is set is the time of day alone.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._drift = 0.0
        self._drifts_since = 0.0
        self._skipped = 0.0

    def now(self) -> datetime:
        """Return the time of day as the station has it, in UTC."""
        drift = self._drift * (self.monotonic() - self._drifts_since)
        return super().now() + self._offset + timedelta(seconds=drift)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return super().monotonic() + self._skipped

    def turn(self, seconds: float) -> None:
        """Set the time of day forward or back."""
        self._offset += timedelta(seconds=seconds)

    def turn_to(self, moment: datetime) -> None:
        """Set the time of day."""
        self._offset += moment.astimezone(UTC) - self.now()

    def skip(self, seconds: float) -> None:
        """Let time pass without waiting for it."""
        self.turn(seconds)
        self._skipped += seconds

    def drift(self, share: float) -> None:
        """Go fast from now on, or slow, by this share of the time that passes."""
        self._drift, self._drifts_since = share, self.monotonic()
