"""What is added to rollups: sums by scope, grain and bucket, pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

__all__ = ["DAY", "LOCATION", "MEASURES", "QUARTER", "STATION", "TARIFF", "TENANT", "Place", "RollupKey", "Tally"]

TENANT, LOCATION, TARIFF, STATION = 1, 2, 3, 4
"""Scopes of rollups."""

QUARTER, DAY = 1, 2
"""Grains of rollups."""

MEASURES = (
    "transactions_started",
    "transactions_ended",
    "transactions_failed",
    "energy_mwh",
    "before_tax_micros",
    "after_tax_micros",
    "rejected_authorizations",
    "failed_starts",
    "faults",
    "failed_commands",
    "occupied_ms",
    "offline_ms",
    "faulted_ms",
    "unavailable_ms",
)
"""Columns of rollups that are summed up, in their order."""

_PLACES = {name: place for place, name in enumerate(MEASURES)}

_QUARTER_OF_AN_HOUR = timedelta(minutes=15)
_ONE_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Place(NamedTuple):
    """Whose it is that is counted."""

    tenant_id: str
    station_id: str
    location_id: str = ""
    """Where the station stood. Empty: at no location."""


class RollupKey(NamedTuple):
    """The key of a rollup."""

    tenant_id: str
    scope: int
    grain: int
    bucket_time: datetime
    station_id: str
    location_id: str
    tariff_id: str
    currency: str


class Tally:
    """Sums to be added to rollups; what is taken back is negative."""

    def __init__(self) -> None:
        self._sums: dict[RollupKey, list[int]] = {}

    def __len__(self) -> int:
        return len(self._sums)

    def pop_rows(self) -> list[tuple[object, ...]]:
        """Return the rows of rollups whose sums change, with what is added: the key, then the measures; forget them."""
        sums, self._sums = self._sums, {}
        return [(*key, *row) for key, row in sorted(sums.items()) if any(row)]

    def add(
        self, place: Place, time: datetime, amounts: dict[str, int], *, tariff_id: str | None = None, currency: str = ""
    ) -> None:
        """Add what happened at a time.

        Args:
            place: Where.
            time: When.
            amounts: By measure.
            tariff_id: Tariff of the transaction that it is about. None: it is about none.
            currency: Of money. Empty: it is none.
        """
        for grain, length in ((QUARTER, _QUARTER_OF_AN_HOUR), (DAY, _ONE_DAY)):
            self._add(place, grain, _floor(time, length), amounts, tariff_id, currency)

    def add_span(self, place: Place, measure: str, start: datetime, end: datetime, sign: int = 1) -> None:
        """Add the time from start to end to a measure, to each bucket its part; with sign -1 take it back."""
        for grain, length in ((QUARTER, _QUARTER_OF_AN_HOUR), (DAY, _ONE_DAY)):
            for bucket, part in _parts(start, end, length):
                self._add(place, grain, bucket, {measure: sign * part}, None, "")

    def _add(
        self, place: Place, grain: int, bucket: datetime, amounts: dict[str, int], tariff_id: str | None, currency: str
    ) -> None:
        tenant_id, station_id, location_id = place
        of_tariff = tariff_id or ""
        keys = [
            RollupKey(tenant_id, TENANT, grain, bucket, "", "", "", currency),
            RollupKey(tenant_id, LOCATION, grain, bucket, "", location_id, "", currency),
            RollupKey(tenant_id, STATION, grain, bucket, station_id, location_id, of_tariff, currency),
        ]
        if tariff_id is not None:
            keys.append(RollupKey(tenant_id, TARIFF, grain, bucket, "", "", tariff_id, currency))
        for key in keys:
            sums = self._sums.get(key)
            if sums is None:
                sums = self._sums[key] = [0] * len(MEASURES)
            for name, amount in amounts.items():
                sums[_PLACES[name]] += amount


def _floor(time: datetime, length: timedelta) -> datetime:
    return time - (time - _EPOCH) % length


def _parts(start: datetime, end: datetime, length: timedelta) -> Iterator[tuple[datetime, int]]:
    """Yield the buckets of a span, each with its milliseconds of it. Their sum is that of the span, rounded once."""
    bucket, before = _floor(start, length), _milliseconds(start)
    while bucket < end:
        until = _milliseconds(min(bucket + length, end))
        if until > before:
            yield bucket, until - before
        bucket, before = bucket + length, until


def _milliseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MILLISECOND
