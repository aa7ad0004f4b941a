"""Previews: the cost of a hypothetical usage, computed by the engine."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Moment, accrue
from citrine_core.blocks.tariff_and_cost.calculation import Reserved, cost_of
from citrine_core.blocks.tariff_and_cost.money import parse_decimal
from citrine_core.blocks.tariff_and_cost.rules import Rules, to_micros
from citrine_core.errors import InvalidArgument

__all__ = ["preview"]

_MOST_POINTS = 1000
_LONGEST = timedelta(days=366)


def preview(rules: Rules, usage: pb.Usage, now: datetime) -> pb.Cost:
    """Return the cost of a usage.

    Raises:
        InvalidArgument: When the usage is impossible.
    """
    start = usage.start_time.ToDatetime(UTC) if usage.HasField("start_time") else now
    moments = _points(usage.points) if usage.points else _in_sum(usage, start)
    if usage.points:
        start = usage.points[0].time.ToDatetime(UTC)
    reserved = None
    if usage.HasField("reservation_time"):
        length = usage.reservation_time.ToTimedelta()
        if not timedelta() <= length <= _LONGEST:
            raise InvalidArgument("usage.reservation_time", "must be from 0 to 366 days")
        reserved = Reserved(start - length, start, usage.reservation_expired, usage.reservation_cancelled)
    only_reserved = usage.reservation_expired or usage.reservation_cancelled
    accrual = None if only_reserved else accrue(rules, moments)
    if accrual is not None:
        accrual = accrual.until(rules, moments[-1].time)
    return cost_of(rules, accrual, reserved)


def _in_sum(usage: pb.Usage, start: datetime) -> list[Moment]:
    charging, idle = usage.charging_time.ToTimedelta(), usage.idle_time.ToTimedelta()
    if charging < timedelta() or idle < timedelta() or charging + idle > _LONGEST:
        raise InvalidArgument("usage.charging_time", "and idle_time must be from 0 to 366 days together")
    first, last = to_micros(start), to_micros(start + charging)
    energy = _mwh("usage.energy_kwh", usage.energy_kwh or "0")
    return [
        Moment(first, charging=True, readings=((first, 0),), authorized=True),
        Moment(last, charging=False, readings=((last, energy),)),
        Moment(to_micros(start + charging + idle)),
    ]


def _points(points: Sequence[pb.UsagePoint]) -> list[Moment]:
    if len(points) > _MOST_POINTS:
        raise InvalidArgument("usage.points", f"must be at most {_MOST_POINTS}")
    moments: list[Moment] = []
    for place, point in enumerate(points):
        path, time = f"usage.points[{place}]", to_micros(point.time.ToDatetime(UTC))
        if moments and not 0 <= time - moments[0].time <= _LONGEST // timedelta(microseconds=1):
            raise InvalidArgument(f"{path}.time", "must be within 366 days after the first")
        if moments and time < moments[-1].time:
            raise InvalidArgument(f"{path}.time", "must not be before the one before")
        energy = _mwh(f"{path}.energy_kwh", point.energy_kwh) if point.HasField("energy_kwh") else None
        current = parse_decimal(f"{path}.current", point.current, places=3) if point.HasField("current") else None
        moments.append(
            Moment(
                time,
                point.charging if point.HasField("charging") else None,
                ((time, energy),) if energy is not None else (),
                None if current is None else int(current * 1000),
                authorized=None if moments else True,
            )
        )
    return moments


def _mwh(field: str, text: str) -> int:
    return int(parse_decimal(field, text, places=6, most=1_000_000) * 1_000_000)
