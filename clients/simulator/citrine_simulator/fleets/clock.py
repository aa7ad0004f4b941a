"""The clock of a fleet's station, which can be wrong and can skip time."""

from datetime import UTC, datetime, timedelta

from citrine_simulator.clock import SystemClock

__all__ = ["FleetClock"]


class FleetClock(SystemClock):
    """The machine's clock with an offset and a drift.

    Skipping affects both the time of day and the monotonic time, setting affects only the time of day.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._drift = 0.0
        self._drifts_since = 0.0
        self._skipped = 0.0

    def now(self) -> datetime:
        """Return the time of day of the station, in UTC."""
        drift = self._drift * (self.monotonic() - self._drifts_since)
        return super().now() + self._offset + timedelta(seconds=drift)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return super().monotonic() + self._skipped

    def turn(self, seconds: float) -> None:
        """Set the time of day forward, or back if negative."""
        self._offset += timedelta(seconds=seconds)

    def turn_to(self, moment: datetime) -> None:
        """Set the time of day."""
        self._offset += moment.astimezone(UTC) - self.now()

    def skip(self, seconds: float) -> None:
        """Advance both times without waiting."""
        self.turn(seconds)
        self._skipped += seconds

    def drift(self, share: float) -> None:
        """Run fast from now on, or slow if negative, by this share of the passing time."""
        self._drift, self._drifts_since = share, self.monotonic()
