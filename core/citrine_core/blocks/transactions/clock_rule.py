"""By which clock a transaction is billed: the station's, unless that is off (docs/adr/0012).

A message that was not queued shows how far the station's clock is off: its time is compared with the time at which the
edge read it. If the difference exceeds the tolerance, the transaction is billed by our clock: a message counts at its
time of arrival, and queued messages by their times relative to each other.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.db import UnitOfWork
from citrine_core.resources.stations.clock_skews import ClockSkews
from citrine_core.services import Services

__all__ = ["OLDEST", "ClockRule", "billed_times", "moved"]

OLDEST = timedelta(days=400)
"""Age above which a queued message is assumed to come from a clock that was never set."""


class ClockRule:
    """Determines which transactions can't be billed by the clock of their station."""

    def __init__(self, services: Services) -> None:
        self._skews = ClockSkews.of(services)
        self._tolerance = services.settings.station_clock_tolerance

    async def load(self, work: UnitOfWork, tenant_id: str, occurrences: Collection[Occurrence]) -> None:
        """Load the clock skews of stations that send queued messages. Usually they are cached."""
        offline = {(tenant_id, one.station_id) for one in occurrences if one.offline}
        if offline:
            await self._skews.load(work.session, offline)

    def presented_time(self, occurrence: Occurrence) -> datetime | None:
        """Return when a token in a queued message was presented, by our clock. None: just now."""
        if not occurrence.offline:
            return None
        skew = self._known_skew(occurrence) or timedelta(0)
        time, received = moved(occurrence.event_time, -skew), _received(occurrence)
        return time if received - OLDEST < time <= received else None

    def examine(
        self, tenant_id: str, occurrences: Collection[Occurrence], states: Mapping[tuple[str, str], TransactionState]
    ) -> set[tuple[str, str]]:
        """Measure the clocks; return the transactions that can't be billed by the clock of their station.

        Args:
            tenant_id: Of the stations.
            occurrences: New events.
            states: Their transactions. The skew is set in those that are returned.
        """
        doubtful: set[tuple[str, str]] = set()
        for occurrence in occurrences:
            if occurrence.offline:
                skew = self._skew_of_queued(occurrence)
            else:
                skew = occurrence.event_time - _received(occurrence)
                self._skews.measure((tenant_id, occurrence.station_id), skew)
                if self._tolerance is None or abs(skew) <= self._tolerance:
                    continue
            key = (occurrence.station_id, occurrence.transaction_id)
            if skew is not None and states[key].clock_skew_ms is None:
                states[key].clock_skew_ms = skew // timedelta(milliseconds=1)
                doubtful.add(key)
        return doubtful

    def _known_skew(self, occurrence: Occurrence) -> timedelta | None:
        """Return the known skew of the station's clock. None: within the tolerance."""
        skew = self._skews.get((occurrence.tenant_id, occurrence.station_id))
        return skew if skew is not None and self._tolerance is not None and abs(skew) > self._tolerance else None

    def _skew_of_queued(self, occurrence: Occurrence) -> timedelta | None:
        if self._tolerance is None:
            return None
        skew, received = self._known_skew(occurrence), _received(occurrence)
        if skew is not None:
            return skew
        # A message can't have been queued in the future, nor so long ago.
        ahead = occurrence.event_time - received
        return None if -OLDEST < ahead <= self._tolerance else ahead


def billed_times(occurrences: Sequence[Occurrence], skew: timedelta | None) -> list[datetime]:
    """Return the times at which events count.

    Args:
        occurrences: All events of a transaction, in its order.
        skew: Skew of the station's clock. None: its times are valid.
    """
    if skew is None:
        return [one.event_time for one in occurrences]
    queued = [(moved(one.event_time, -skew), _received(one)) for one in occurrences if one.offline]
    shift = timedelta(0)
    if queued:
        newest = min(received - time for time, received in queued)
        # Queued messages lie before their arrival. The last of them was queued just before it.
        shift = newest if not timedelta(0) <= newest < OLDEST else shift
    times = [moved(moved(one.event_time, -skew), shift) if one.offline else _received(one) for one in occurrences]
    for place in range(len(times) - 2, -1, -1):
        # A resent message counts no later than the messages after it.
        times[place] = min(times[place], times[place + 1])
    return times


def moved(time: datetime, by: timedelta) -> datetime:
    """Return a time plus a difference, limited to the representable range: some clocks say the year 1 or 9999."""
    try:
        return time + by
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if by < timedelta(0) else datetime.max.replace(tzinfo=UTC)


def _received(occurrence: Occurrence) -> datetime:
    return occurrence.event_time if occurrence.receive_time is None else occurrence.receive_time
