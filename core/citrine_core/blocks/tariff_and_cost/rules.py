"""A tariff in the form that the engine computes with: prices as fractions, restrictions as numbers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.components import PRICE_SCALE, TAX_SCALE, Component
from citrine_core.blocks.tariff_and_cost.money import minor_digits, parse_decimal
from citrine_core.blocks.tariff_and_cost.taxes import read_taxes
from citrine_core.errors import InvalidArgument

__all__ = [
    "PRICE_SCALE",
    "TAX_SCALE",
    "Component",
    "Element",
    "Rules",
    "Situation",
    "read_rules",
    "to_micros",
    "to_time",
    "zone_of",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_MOMENT = timedelta(microseconds=1)
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

_DIMENSIONS = (
    pb.TARIFF_DIMENSION_ENERGY,
    pb.TARIFF_DIMENSION_CHARGING_TIME,
    pb.TARIFF_DIMENSION_IDLE_TIME,
    pb.TARIFF_DIMENSION_FLAT,
)
_OF_RESERVATIONS = (pb.TARIFF_DIMENSION_CHARGING_TIME, pb.TARIFF_DIMENSION_FLAT)

_ANY = (None, None)

_AMPERE_PER_KILOWATT = Fraction(1000, 230)
"""Current, summed over the phases, per kW; used if a station reports no current."""


def to_micros(time: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (time - _EPOCH) // _MOMENT


def to_time(micros: int) -> datetime:
    """Return the time that is a number of microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name; UTC if the name is empty.

    Raises:
        InvalidArgument: When there is no zone with this name.
    """
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        raise InvalidArgument("tariff.time_zone", f"{name!r} is no time zone of the IANA database") from None


@dataclass(slots=True)
class Situation:
    """The state of a transaction that restrictions depend on, apart from the time of day."""

    mwh: int = 0
    """Energy so far."""
    power: Fraction = Fraction(0)
    """Power in kW."""
    current: Fraction | None = None
    """Current in A. None: not reported."""
    duration: int = 0
    """Microseconds since the transaction began."""
    charged: int = 0
    """Microseconds of charging so far."""
    idled: int = 0
    """Microseconds since charging stopped."""


@dataclass(frozen=True, slots=True)
class Element:
    """Prices under the same restrictions."""

    components: Mapping[int, Component]
    """The prices, by dimension."""
    reservation: int
    start_minute: int | None
    end_minute: int | None
    start_date: date | None
    end_date: date | None
    days: frozenset[int]
    """ISO weekdays. Empty: all."""
    energy: tuple[int | None, int | None]
    power: tuple[Fraction | None, Fraction | None]
    current: tuple[Fraction | None, Fraction | None]
    duration: tuple[int | None, int | None]
    charged: tuple[int | None, int | None]
    idled: tuple[int | None, int | None]

    always: bool = field(init=False)
    """Whether only the time of day and the date restrict it."""

    def __post_init__(self) -> None:
        """Determine `always`."""
        bounds = (self.energy, self.power, self.current, self.duration, self.charged, self.idled)
        object.__setattr__(self, "always", all(one == _ANY for one in bounds))

    def holds_at(self, local: datetime) -> bool:
        """Return whether it applies at a time in the zone of the tariff."""
        day = local.date()
        if self.days and day.isoweekday() not in self.days:
            return False
        if (self.start_date is not None and day < self.start_date) or (
            self.end_date is not None and day >= self.end_date
        ):
            return False
        if self.start_minute is None and self.end_minute is None:
            return True
        minute, start, end = local.hour * 60 + local.minute, self.start_minute or 0, self.end_minute or 24 * 60
        # An end before the start is on the next day.
        return start <= minute < end if start < end else minute >= start or minute < end

    def holds_in(self, situation: Situation) -> bool:
        """Return whether it applies in a situation, regardless of the time of day."""
        if self.always:
            return True
        current = situation.current
        if current is None and self.current != _ANY:
            current = situation.power * _AMPERE_PER_KILOWATT
        return (
            _within(situation.mwh, self.energy)
            and _within(situation.duration, self.duration)
            and _within(situation.charged, self.charged)
            and _within(situation.idled, self.idled)
            and _within(situation.power, self.power)
            and (current is None or _within(current, self.current))
        )


def _within(value: int | Fraction, bounds: tuple[int | Fraction | None, int | Fraction | None]) -> bool:
    least, most = bounds
    return (least is None or value >= least) and (most is None or value < most)


@dataclass
class Rules:
    """The parsed rules of one version of a tariff. They have no state of transactions, so all may share them."""

    currency: str
    digits: int
    zone: ZoneInfo
    elements: Sequence[Element]
    gross: bool
    """Whether prices include tax."""
    least: tuple[Fraction | None, Fraction | None]
    """Minimum before and after tax."""
    most: tuple[Fraction | None, Fraction | None]
    interval: timedelta | None = None
    minimum_needs_energy: bool = False
    """Whether the minimum applies only if energy was taken."""
    energies: Sequence[int] = ()
    """Thresholds at which other elements may apply, here in mWh; in the next fields in microseconds."""
    durations: Sequence[int] = ()
    charges: Sequence[int] = ()
    idles: Sequence[int] = ()
    _marks: Sequence[int] = ()
    """Minutes of the day at which other elements may apply. Empty: the time of day does not matter."""
    _cached: tuple[int, int, tuple[int, ...]] = field(default=(0, 0, ()))
    """The last result by time of day: start and end of the span, and the elements that apply in it."""

    @cached_property
    def has_limits(self) -> bool:
        """Whether it has a minimum or a maximum."""
        return any(one is not None for one in (*self.least, *self.most))

    @cached_property
    def has_whole_taxes(self) -> bool:
        """Whether all prices with tax can be computed in whole numbers."""
        return all(one.tax for element in self.elements for one in element.components.values())

    @cached_property
    def has_steps(self) -> bool:
        """Whether any price is billed in steps."""
        return any(one.step for element in self.elements for one in element.components.values())

    @cached_property
    def has_situations(self) -> bool:
        """Whether any price depends on the state of the transaction."""
        return not all(element.always for element in self.elements)

    @cached_property
    def bills_energy(self) -> bool:
        """Whether the cost depends on the energy: by a price of energy, or by a restriction."""
        prices = (one.components.get(int(pb.TARIFF_DIMENSION_ENERGY)) for one in self.elements)
        return bool(self.energies) or any(price is not None and price.price != 0 for price in prices)

    @cached_property
    def bills_reservations(self) -> bool:
        """Whether it has prices for reservations that are used."""
        return any(one.reservation == pb.RESERVATION_RESTRICTION_RESERVATION for one in self.elements)

    def at(self, time: int) -> tuple[int, tuple[int, ...]]:
        """Return the end of the current span, and the indexes of the elements that apply by time of day and date.

        Restrictions use the local time of the zone: an hour that is skipped is not billed, and an hour that occurs
        twice is billed twice.
        """
        start, end, elements = self._cached
        if not start <= time < end:
            local = to_time(time).astimezone(self.zone)
            elements = tuple(place for place, one in enumerate(self.elements) if one.holds_at(local))
            start, end = time, self._next(time, local)
            self._cached = (start, end, elements)
        return end, elements

    def _next(self, time: int, local: datetime) -> int:
        if not self._marks:
            return time + 366 * _DAY
        found = [time + _DAY, *self._changes_of_clocks(time)]
        for days in (0, 1):
            # This is local time: an addition to a time with a zone ignores changes between summer and winter time.
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
            for mark in self._marks:
                wall = midnight + timedelta(minutes=mark)
                found.extend(to_micros(wall.replace(fold=fold)) for fold in (0, 1))
        return min(moment for moment in found if moment > time)

    def _changes_of_clocks(self, time: int) -> Iterator[int]:
        offset = self._offset(time)
        low, high = time, time + _DAY
        if self._offset(high) == offset:
            return
        while high - low > 1_000_000:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
        # Clocks change at whole seconds.
        yield high // 1_000_000 * 1_000_000

    def _offset(self, time: int) -> timedelta | None:
        return to_time(time).astimezone(self.zone).utcoffset()


def read_rules(tariff: pb.Tariff) -> Rules:
    """Return the rules of a tariff.

    Raises:
        InvalidArgument: When a field is invalid; with the path of the first such field.
    """
    if not re.fullmatch(r"[A-Z]{3}", tariff.currency):
        raise InvalidArgument("tariff.currency", "must be a currency of ISO 4217, e.g. EUR")
    if not tariff.elements:
        raise InvalidArgument("tariff.elements", "must not be empty")
    if len(tariff.elements) > 100:
        raise InvalidArgument("tariff.elements", "must be at most 100")
    elements = [_element(f"tariff.elements[{place}]", one) for place, one in enumerate(tariff.elements)]
    least, most = _limits("tariff.min_price", tariff.min_price), _limits("tariff.max_price", tariff.max_price)
    for low, high in zip(least, most, strict=True):
        if low is not None and high is not None and low > high:
            raise InvalidArgument("tariff.max_price", "must not be less than min_price")
    interval = tariff.running_cost_interval
    return Rules(
        tariff.currency,
        minor_digits(tariff.currency),
        zone_of(tariff.time_zone),
        elements,
        tariff.prices_include_tax,
        least,
        most,
        interval.ToTimedelta() if tariff.HasField("running_cost_interval") else None,
        tariff.min_price_needs_energy,
        _thresholds([one.energy for one in elements]),
        _thresholds([one.duration for one in elements]),
        _thresholds([one.charged for one in elements]),
        _thresholds([one.idled for one in elements]),
        sorted({mark for one in elements for mark in _marks(one)}),
    )


def _thresholds(bounds: Sequence[tuple[int | None, int | None]]) -> Sequence[int]:
    return sorted({value for pair in bounds for value in pair if value})


def _marks(element: Element) -> Iterator[int]:
    if element.start_minute is not None or element.end_minute is not None:
        yield element.start_minute or 0
        yield (element.end_minute or 0) % (24 * 60)
    if element.days or element.start_date or element.end_date:
        yield 0


def _element(path: str, element: pb.TariffElement) -> Element:
    if not element.price_components:
        raise InvalidArgument(f"{path}.price_components", "must not be empty")
    limits, where = element.restrictions, f"{path}.restrictions"
    allowed = _OF_RESERVATIONS if limits.reservation else _DIMENSIONS
    components: dict[int, Component] = {}
    for place, one in enumerate(element.price_components):
        at = f"{path}.price_components[{place}]"
        if one.dimension not in allowed:
            raise InvalidArgument(f"{at}.dimension", "is missing, or is none that the element can have")
        if one.dimension in components:
            raise InvalidArgument(f"{at}.dimension", "is in the element already")
        components[one.dimension] = _component(at, one)
    return Element(
        components,
        limits.reservation,
        _minute(f"{where}.start_time", limits.start_time),
        _minute(f"{where}.end_time", limits.end_time),
        _date(f"{where}.start_date", limits.start_date),
        _date(f"{where}.end_date", limits.end_date),
        frozenset(day for day in limits.days_of_week if day),
        _energy(where, limits),
        (_number(where, limits, "min_power"), _number(where, limits, "max_power")),
        (_number(where, limits, "min_current"), _number(where, limits, "max_current")),
        (_time(where, limits, "min_duration"), _time(where, limits, "max_duration")),
        (_time(where, limits, "min_charging_time"), _time(where, limits, "max_charging_time")),
        (_time(where, limits, "min_idle_time"), _time(where, limits, "max_idle_time")),
    )


def _component(path: str, component: pb.PriceComponent) -> Component:
    if component.step_size < 0:
        raise InvalidArgument(f"{path}.step_size", "must not be negative")
    taxes = read_taxes(path, component)
    unit = {pb.TARIFF_DIMENSION_ENERGY: 1000, pb.TARIFF_DIMENSION_FLAT: 0}.get(component.dimension, 1_000_000)
    price = parse_decimal(f"{path}.price", component.price, places=6, most=1_000_000_000, is_signed=True)
    return Component(price, taxes, component.step_size * unit, component)


def _limits(path: str, amount: pb.Amount) -> tuple[Fraction | None, Fraction | None]:
    before = parse_decimal(f"{path}.before_tax", amount.before_tax, places=6) if amount.before_tax else None
    after = parse_decimal(f"{path}.after_tax", amount.after_tax, places=6) if amount.after_tax else None
    return before, after


def _minute(path: str, text: str) -> int | None:
    if not text:
        return None
    found = _TIME_OF_DAY.fullmatch(text)
    if not found:
        raise InvalidArgument(path, "must be a time of day from 00:00 to 23:59")
    return int(found[1]) * 60 + int(found[2])


def _date(path: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        raise InvalidArgument(path, "must be a day as YYYY-MM-DD") from None


def _energy(path: str, limits: pb.TariffRestrictions) -> tuple[int | None, int | None]:
    least, most = _number(path, limits, "min_kwh"), _number(path, limits, "max_kwh")
    return (None if least is None else int(least * 1_000_000)), (None if most is None else int(most * 1_000_000))


def _number(path: str, limits: pb.TariffRestrictions, name: str) -> Fraction | None:
    return parse_decimal(f"{path}.{name}", getattr(limits, name), places=6) if limits.HasField(name) else None  # type: ignore[arg-type]


def _time(path: str, limits: pb.TariffRestrictions, name: str) -> int | None:
    if not limits.HasField(name):  # type: ignore[arg-type]
        return None
    duration: Duration = getattr(limits, name)
    if duration.seconds < 0 or duration.nanos < 0:
        raise InvalidArgument(f"{path}.{name}", "must not be negative")
    return duration.ToMicroseconds()
