"""Prices of tariffs in words."""

from collections.abc import Iterator, Mapping

from citrine.api.v1.tariffs_pb2 import (
    RESERVATION_RESTRICTION_RESERVATION_CANCELLED,
    RESERVATION_RESTRICTION_RESERVATION_EXPIRES,
    TARIFF_DIMENSION_CHARGING_TIME,
    TARIFF_DIMENSION_ENERGY,
    TARIFF_DIMENSION_FLAT,
    TARIFF_DIMENSION_IDLE_TIME,
    DayOfWeek,
    PriceComponent,
    Tariff,
    TariffRestrictions,
)
from citrine_words.words import duration_word, money

__all__ = ["element_lines"]

_DIMENSIONS: Mapping[int, tuple[str, str]] = {
    TARIFF_DIMENSION_ENERGY: ("energy", "/kWh"),
    TARIFF_DIMENSION_CHARGING_TIME: ("charging", "/h"),
    TARIFF_DIMENSION_IDLE_TIME: ("idle", "/h"),
    TARIFF_DIMENSION_FLAT: ("fee", ""),
}

_RESERVATIONS: Mapping[int, str] = {
    RESERVATION_RESTRICTION_RESERVATION_EXPIRES: "reservation that expires",
    RESERVATION_RESTRICTION_RESERVATION_CANCELLED: "reservation that is cancelled",
}


def element_lines(tariff: Tariff) -> Iterator[str]:
    """Yield each element of a tariff in words."""
    for element in tariff.elements:
        prices = []
        for one in element.price_components:
            name, unit = _DIMENSIONS.get(one.dimension, ("?", ""))
            vat = "" if tariff.prices_include_tax else _taxes(one)
            step = f" in steps of {one.step_size}" if one.step_size > 1 else ""
            prices.append(f"{name} {money(one.price, tariff.currency)}{unit}{vat}{step}")
        limits = ", ".join(_limits(element.restrictions))
        yield f"{', '.join(prices)}{f' ({limits})' if limits else ''}"


def _taxes(one: PriceComponent) -> str:
    taxes = [("VAT", one.vat)] if one.HasField("vat") else [(tax.type, tax.percent) for tax in one.taxes]
    return "".join(f" +{percent}% {name}" for name, percent in taxes)


def _limits(limits: TariffRestrictions) -> Iterator[str]:
    if limits.reservation:
        yield _RESERVATIONS.get(limits.reservation, "reservation")
    if limits.days_of_week:
        yield " ".join(DayOfWeek.Name(day).removeprefix("DAY_OF_WEEK_").title()[:3] for day in limits.days_of_week)
    if limits.start_time or limits.end_time:
        yield f"{limits.start_time or '00:00'}-{limits.end_time or '00:00'}"
    if limits.start_date:
        yield f"from {limits.start_date}"
    if limits.end_date:
        yield f"before {limits.end_date}"
    for name, unit in (("kwh", "kWh"), ("power", "kW"), ("current", "A")):
        for bound, word in (("min", "from"), ("max", "below")):
            if limits.HasField(f"{bound}_{name}"):  # type: ignore[arg-type]
                yield f"{'energy' if name == 'kwh' else name} {word} {getattr(limits, f'{bound}_{name}')} {unit}"
    for name in ("duration", "charging_time", "idle_time"):
        for bound, word in (("min", "from"), ("max", "below")):
            if limits.HasField(f"{bound}_{name}"):  # type: ignore[arg-type]
                yield f"{name.replace('_', ' ')} {word} {duration_word(getattr(limits, f'{bound}_{name}'))}"
