"""Makes the points of a series of what rollups sum up, and of what goes on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from citrine.api.v1 import statistics_pb2 as pb
from citrine.api.v1.tariffs_pb2 import Amount
from citrine_core.db import Listed, Page
from citrine_core.errors import InvalidArgument
from citrine_core.resources.locations.queries import find_zones
from citrine_core.resources.statistics.counted import MOST_TIME
from citrine_core.resources.statistics.downtimes import MEASURE_OF
from citrine_core.resources.statistics.intervals import MOST_INTERVALS, boundaries, parts_of, spread
from citrine_core.resources.statistics.models import Rollup
from citrine_core.resources.statistics.queries import SeriesQueries
from citrine_core.resources.statistics.tally import MEASURES
from citrine_core.rpc import to_duration
from citrine_core.times import set_time

__all__ = ["UTC_NAME", "Wanted", "list_series"]

UTC_NAME = "UTC"

_KEY = (Rollup.station_id, Rollup.bucket_time)
"""Types of the key of a list of points: group and time."""

_COUNTS = (
    *("transactions_started", "transactions_ended", "transactions_failed"),
    *("rejected_authorizations", "failed_starts", "faults", "failed_commands"),
)
_TIMES = ("occupied", "offline", "faulted", "unavailable")

Sums = dict[tuple[str, int], dict[str, dict[str, int]]]
"""Sums of measures by group and interval, then by currency."""


class Wanted:
    """What a series is asked for: its time, its intervals and their time zones."""

    def __init__(
        self, start: datetime, end: datetime, interval: pb.SeriesInterval.ValueType, zone: str, *, by_location: bool
    ) -> None:
        self.start = start
        self.end = end
        self.by_location = by_location
        """Whether each location has the intervals of its own time zone."""
        self._interval = interval
        self._zone = zone
        self._times: dict[str, list[datetime]] = {}
        if len(self.times("")) > MOST_INTERVALS + 1:
            raise InvalidArgument("time", f"must have at most {MOST_INTERVALS} intervals")

    def times(self, zone: str) -> list[datetime]:
        """Return when the intervals begin in a time zone (empty: the one that is asked for) and the last one ends."""
        zone = zone or self._zone
        if zone not in self._times:
            self._times[zone] = boundaries(self.start, self.end, self._interval, ZoneInfo(zone))
        return self._times[zone]


async def list_series(queries: SeriesQueries, page: Page, wanted: Wanted, now: datetime) -> Listed[pb.SeriesPoint]:
    """Return points of a series, by group and time: each group has all intervals."""
    after = page.key(*_KEY)
    first = after[0] if after is not None else ""
    intervals = len(wanted.times("")) - 1
    since, until = wanted.start - timedelta(days=32), wanted.end + timedelta(days=32)
    if not wanted.by_location:
        since, until = wanted.times("")[0], wanted.times("")[-1]
    # One more than fill the page: of the first, some are on the page before.
    group_ids = await queries.group_ids(since, until, first, page.size // max(intervals - 1, 1) + 3)
    zones = await find_zones(queries.session, queries.tenant_id, group_ids) if wanted.by_location else {}
    points: list[pb.SeriesPoint] = []
    for zone in sorted({zones.get(group_id, UTC_NAME) for group_id in group_ids} if wanted.by_location else {""}):
        of_zone = [one for one in group_ids if not wanted.by_location or zones.get(one, UTC_NAME) == zone]
        points += await _points(queries, wanted.times(zone), of_zone, now)
    points.sort(key=_key_of)
    following = [one for one in points if after is None or _key_of(one) > after]
    return page.close(following[: page.size + 1], _key_of)


def _key_of(point: pb.SeriesPoint) -> tuple[str, datetime]:
    return point.group_key, point.start_time.ToDatetime(UTC)


async def _points(
    queries: SeriesQueries, times: Sequence[datetime], group_ids: Sequence[str], now: datetime
) -> list[pb.SeriesPoint]:
    """Return all points of some groups."""
    sums: Sums = defaultdict(lambda: defaultdict(lambda: dict.fromkeys(MEASURES, 0)))
    for row in await queries.sums(parts_of(times), group_ids):
        of_currency = sums[row.group_id, row.interval_number][row.currency]
        for name in MEASURES:
            of_currency[name] += int(getattr(row, name))
    in_service: dict[tuple[str, int], timedelta] = {}
    if queries.has_time:
        in_service = await _in_service(queries, times, group_ids, now)
        await _add_what_goes_on(queries, times, group_ids, now, sums)
    return list(_made(times, group_ids, sums, in_service if queries.has_time else None))


async def _in_service(
    queries: SeriesQueries, times: Sequence[datetime], group_ids: Sequence[str], now: datetime
) -> dict[tuple[str, int], timedelta]:
    """Return the time in service by group and interval."""
    found: dict[tuple[str, int], timedelta] = defaultdict(timedelta)
    for row in await queries.services(times[0], min(times[-1], now), group_ids):
        for place, part in spread(times, row.begin_time, min(row.end_time or now, now), row.number):
            found[row.group_id, place] += part
    return found


async def _add_what_goes_on(
    queries: SeriesQueries, times: Sequence[datetime], group_ids: Sequence[str], now: datetime, sums: Sums
) -> None:
    """Add the time of states and transactions that have not ended, and are in no rollup yet."""
    going = [(row.group_id, MEASURE_OF[row.kind], row.start_time) for row in await queries.downtimes(group_ids)]
    for row in await queries.transactions(group_ids):
        going.append((row.group_id, "occupied_ms", max(row.start_time, now - MOST_TIME)))
    for group_id, measure, start in going:
        for place, part in spread(times, start, now):
            sums[group_id, place][""][measure] += part // timedelta(milliseconds=1)


def _made(
    times: Sequence[datetime],
    group_ids: Sequence[str],
    sums: Sums,
    in_service: Mapping[tuple[str, int], timedelta] | None,
) -> Iterator[pb.SeriesPoint]:
    for group_id in group_ids:
        for place, (start, end) in enumerate(pairwise(times)):
            by_currency = sums.get((group_id, place), {})
            counts = by_currency.get("", dict.fromkeys(MEASURES, 0))
            point = pb.SeriesPoint(
                group_key=group_id,
                energy_kwh=_decimal(counts["energy_mwh"]),
                revenues=[_revenue(code, by_currency[code]) for code in sorted(by_currency) if code],
            )
            for name in _COUNTS:
                setattr(point, name, counts[name])
            set_time(point.start_time, start)
            set_time(point.end_time, end)
            if in_service is not None:
                _add_times(point, counts, in_service.get((group_id, place), timedelta(0)))
            yield point


def _add_times(point: pb.SeriesPoint, counts: Mapping[str, int], in_service: timedelta) -> None:
    spans = {name: timedelta(milliseconds=counts[f"{name}_ms"]) for name in _TIMES}
    for name, span in {"in_service": in_service, **spans}.items():
        getattr(point, f"{name}_time").CopyFrom(to_duration(span))
    meant = in_service - spans["unavailable"]
    if meant > timedelta(0):
        point.utilisation = _share(spans["occupied"], meant)
        point.uptime = _share(meant - spans["offline"] - spans["faulted"], meant)


def _share(part: timedelta, whole: timedelta) -> float:
    return min(max(part / whole, 0.0), 1.0)


def _revenue(currency: str, counts: Mapping[str, int]) -> pb.Revenue:
    amount = Amount(before_tax=_money(counts["before_tax_micros"]), after_tax=_money(counts["after_tax_micros"]))
    return pb.Revenue(currency=currency, amount=amount, transactions=counts["transactions_ended"])


def _decimal(millionths: int) -> str:
    """Return a number without needless zeros."""
    text = f"{Decimal(millionths).scaleb(-6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _money(micros: int) -> str:
    """Return an amount with two digits at least."""
    whole, _, rest = f"{Decimal(micros).scaleb(-6):.6f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"
