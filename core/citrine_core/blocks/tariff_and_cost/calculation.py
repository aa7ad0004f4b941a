"""The cost of an accrual: quantities times prices, steps, VAT, minimum and maximum, and one rounding at the end.

Rules of rounding:

* Energy is in whole mWh, time in whole microseconds. If a step is set, the billed quantity is rounded up to whole
  steps: once for the energy of a transaction, and once for the charging or idle time that was billed last, by the
  step of the price that applied last, as in OCPI's CDRs.
* Prices times quantities are exact fractions, with tax and without. A line shows them to six places.
* The totals before and after tax are each rounded once, half up, to the minor unit of the currency.
* Minimum and maximum apply to both totals. If only one of the two is given, the other total is adjusted with it.
* The cost of a period at a price is the difference of what that price cost up to its end and up to its beginning, each
  rounded to six places: no period differs from its exact cost by more than a millionth, and together they are the line.
* Taxes of a line are exact, too. Those of the minimum and maximum are divided like those of the other lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import NONE, Accrual, Period
from citrine_core.blocks.tariff_and_cost.money import decimal_text, rounded, rounded_quotient
from citrine_core.blocks.tariff_and_cost.rules import (
    PRICE_SCALE,
    TAX_SCALE,
    Component,
    Rules,
    Situation,
    to_micros,
    to_time,
)
from citrine_core.blocks.tariff_and_cost.taxes import Tax, taxes_on

__all__ = ["Reserved", "cost_of", "total_of"]

_ENERGY = int(pb.TARIFF_DIMENSION_ENERGY)
_CHARGING = int(pb.TARIFF_DIMENSION_CHARGING_TIME)
_IDLE = int(pb.TARIFF_DIMENSION_IDLE_TIME)
_FLAT = int(pb.TARIFF_DIMENSION_FLAT)

_UNITS = {_ENERGY: 1_000_000, _CHARGING: 3_600_000_000, _IDLE: 3_600_000_000, _FLAT: 1}
"""Quantity per price: mWh in a kWh, microseconds in an hour, one fee."""

_COMMON = 3_600_000_000
"""A common multiple of all units."""

_KINDS = {
    _ENERGY: pb.CostLine.KIND_ENERGY,
    _CHARGING: pb.CostLine.KIND_CHARGING_TIME,
    _IDLE: pb.CostLine.KIND_IDLE_TIME,
    _FLAT: pb.CostLine.KIND_FLAT,
}
_KINDS_OF_RESERVATIONS = {
    _CHARGING: pb.CostLine.KIND_RESERVATION_TIME,
    _FLAT: pb.CostLine.KIND_RESERVATION_FLAT,
}

_PLACES = 6
"""Decimal places of quantities and of the amounts of lines and periods."""


_Amounts: TypeAlias = tuple[Decimal | int, Decimal | int]
"""An amount before tax and after it."""

_NOTHING: _Amounts = (0, 0)


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation that is billed."""

    start: datetime
    end: datetime
    expired: bool = False
    cancelled: bool = False


@dataclass(slots=True)
class _Line:
    kind: pb.CostLine.Kind.ValueType
    element: int
    quantity: Fraction
    component: Component | None
    before: Fraction
    after: Fraction


def total_of(rules: Rules, accrual: Accrual | None, reserved: Reserved | None = None) -> tuple[Decimal, Decimal]:
    """Return the total cost before and after tax."""
    is_plain = rules.has_whole_taxes and not rules.gross and not rules.has_limits
    if not is_plain or reserved is not None or (accrual is not None and accrual.reserved):
        lines = _lines(rules, accrual, reserved)
        before = sum((one.before for one in lines), Fraction(0))
        after = sum((one.after for one in lines), Fraction(0))
        return rounded(before, rules.digits), rounded(after, rules.digits)
    return _plain_total(rules, _quantities(rules, accrual))


def _plain_total(rules: Rules, quantities: Mapping[tuple[int, int], int]) -> tuple[Decimal, Decimal]:
    """Return the totals, computed in whole numbers: much faster, and sufficient for most tariffs."""
    before = after = 0
    for (kind, element), quantity in quantities.items():
        component = rules.elements[element].components[kind]
        amount = component.millionths * quantity * (_COMMON // _UNITS[kind])
        before += amount
        after += amount * component.tax
    scale = _COMMON * PRICE_SCALE
    return rounded_quotient(before, scale, rules.digits), rounded_quotient(after, scale * TAX_SCALE, rules.digits)


def cost_of(rules: Rules, accrual: Accrual | None, reserved: Reserved | None = None) -> pb.Cost:
    """Return the cost by lines and periods. If the accrual is None, nobody charged."""
    before, after = total_of(rules, accrual, reserved)
    periods = accrual.periods if accrual is not None else []
    lines = _lines(rules, accrual, reserved)
    taxes = _taxes(rules, lines)
    sums: dict[Tax, Fraction] = {}
    for of_line in taxes:
        for tax, amount in of_line.items():
            sums[tax] = sums.get(tax, Fraction(0)) + amount
    return pb.Cost(
        currency=rules.currency,
        total=pb.Amount(before_tax=f"{before:f}", after_tax=f"{after:f}"),
        lines=[_line_to_proto(one, of_line) for one, of_line in zip(lines, taxes, strict=True)],
        taxes=_taxes_to_proto(sums),
        periods=_periods_to_proto(rules, accrual),
        energy_kwh=decimal_text(Fraction(sum(one.mwh for one in periods), 1_000_000), _PLACES),
        charging_time=_duration(sum(one.length for one in periods if one.charging)),
        idle_time=_duration(sum(one.length for one in periods if not one.charging)),
    )


def _quantities(rules: Rules, accrual: Accrual | None) -> dict[tuple[int, int], int]:
    """Return the billed quantities, by dimension and element."""
    quantities: dict[tuple[int, int], int] = {}
    if accrual is not None and accrual.authorized is not None:
        if accrual.flat != NONE:
            quantities[_FLAT, accrual.flat] = 1
        _add_quantities(quantities, accrual.periods)
        _round_to_steps(rules, quantities, accrual.periods)
    return quantities


def _lines(rules: Rules, accrual: Accrual | None, reserved: Reserved | None) -> list[_Line]:
    quantities = _quantities(rules, accrual)
    lines = [_priced(rules, _KINDS[kind], kind, element, amount) for (kind, element), amount in quantities.items()]
    if reserved is None and accrual is not None and accrual.reserved is not None and accrual.authorized is not None:
        start, end = accrual.reserved
        reserved = Reserved(to_time(start), to_time(end))
    if reserved is not None:
        lines[:0] = _of_reservation(rules, reserved)
    # Minimum and maximum are those of transactions, which begin with the authorisation.
    if accrual is None or accrual.authorized is None:
        return lines
    has_energy = any(one.mwh > 0 for one in accrual.periods)
    return [*lines, *_limited(rules, lines, has_minimum=has_energy or not rules.minimum_needs_energy)]


def _add_quantities(quantities: dict[tuple[int, int], int], periods: list[Period]) -> None:
    for period in periods:
        for kind, element, quantity in _billed(period):
            if element != NONE and quantity:
                quantities[kind, element] = quantities.get((kind, element), 0) + quantity


def _billed(period: Period) -> Iterator[tuple[int, int, int]]:
    yield _ENERGY, period.energy, period.mwh
    yield _CHARGING if period.charging else _IDLE, period.time, period.length


def _round_to_steps(rules: Rules, quantities: dict[tuple[int, int], int], periods: list[Period]) -> None:
    """Round up to whole steps, by an addition to the quantity that was billed last."""
    if not rules.has_steps:
        return
    for kinds in ((_ENERGY,), (_CHARGING, _IDLE)):
        last = next(
            (
                (kind, element)
                for period in reversed(periods)
                for kind, element, quantity in _billed(period)
                if kind in kinds and element != NONE and quantity
            ),
            None,
        )
        if last is None:
            continue
        step = rules.elements[last[1]].components[last[0]].step
        if step:
            # Time of one kind is not rounded if time of the other kind follows it.
            quantities[last] += -sum(quantity for (kind, _), quantity in quantities.items() if kind == last[0]) % step


def _priced(rules: Rules, kind: pb.CostLine.Kind.ValueType, dimension: int, element: int, quantity: int) -> _Line:
    component = rules.elements[element].components[dimension]
    count = Fraction(quantity, _UNITS[dimension])
    amount = component.price * count
    if rules.gross:
        return _Line(kind, element, count, component, amount / component.tax_factor, amount)
    return _Line(kind, element, count, component, amount, amount * component.tax_factor)


def _of_reservation(rules: Rules, reserved: Reserved) -> Iterator[_Line]:
    """Yield the lines of a reservation, by the elements that apply when it is made.

    For an expired reservation, elements for expired ones apply, and elements for all reservations apply to the
    dimensions that those do not price. For a cancelled one, elements for cancelled ones apply.
    """
    used, expired = pb.RESERVATION_RESTRICTION_RESERVATION, pb.RESERVATION_RESTRICTION_RESERVATION_EXPIRES
    restrictions: tuple[int, ...] = (expired, used) if reserved.expired else (used,)
    if reserved.cancelled:
        restrictions = (pb.RESERVATION_RESTRICTION_RESERVATION_CANCELLED,)
    _, places = rules.at(to_micros(reserved.start))
    for dimension, kind in _KINDS_OF_RESERVATIONS.items():
        for wanted in restrictions:
            fitting = (
                place
                for place in places
                if rules.elements[place].reservation == wanted
                and dimension in rules.elements[place].components
                and rules.elements[place].holds_in(Situation())
            )
            element = next(fitting, NONE)
            if element != NONE:
                time = max(0, to_micros(reserved.end) - to_micros(reserved.start))
                step = rules.elements[element].components[dimension].step
                quantity = 1 if dimension == _FLAT else time + (-time % step if step else 0)
                yield _priced(rules, kind, dimension, element, quantity)
                break


def _limited(rules: Rules, lines: list[_Line], *, has_minimum: bool) -> Iterator[_Line]:
    before = sum((one.before for one in lines), Fraction(0))
    after = sum((one.after for one in lines), Fraction(0))
    amounts = [one.before for one in lines]
    low = before, after
    if has_minimum:
        low = _within_limits(rules, before, after, rules.least, amounts, is_minimum=True)
    if low != (before, after):
        yield _Line(pb.CostLine.KIND_MINIMUM, NONE, Fraction(1), None, low[0] - before, low[1] - after)
    high = _within_limits(rules, *low, rules.most, amounts, is_minimum=False)
    if high != low:
        yield _Line(pb.CostLine.KIND_MAXIMUM, NONE, Fraction(1), None, high[0] - low[0], high[1] - low[1])


def _within_limits(
    rules: Rules,
    before: Fraction,
    after: Fraction,
    limits: tuple[Fraction | None, Fraction | None],
    amounts: Sequence[Fraction],
    *,
    is_minimum: bool,
) -> tuple[Fraction, Fraction]:
    choose = max if is_minimum else min
    net, gross = limits
    if net is not None and gross is not None:
        return choose(before, net), choose(after, gross)
    # Without any amount there is no tax rate, so that of the first price is used.
    first = next(iter(rules.elements[0].components.values()))
    # Amounts of different signs may cancel each other, and are not plain.
    is_plain = all(one >= 0 for one in amounts) or all(one <= 0 for one in amounts)
    factor = after / before if before and is_plain else first.tax_factor
    if net is not None and choose(before, net) != before:
        return net, net * factor
    if gross is not None and choose(after, gross) != after:
        return gross / factor, gross
    return before, after


def _taxes(rules: Rules, lines: Sequence[_Line]) -> list[dict[Tax, Fraction]]:
    """Return the taxes in each line."""
    found: list[dict[Tax, Fraction]] = []
    sums: dict[Tax, Fraction] = {}
    for line in lines:
        component = line.component
        if component is not None:
            found.append(dict(taxes_on(line.before, component.taxes)))
            for tax, amount in found[-1].items():
                sums[tax] = sums.get(tax, Fraction(0)) + amount
            continue
        weights = sums
        whole = sum(weights.values(), Fraction(0))
        if not whole or any(one < 0 for one in weights.values()):
            first = next(iter(rules.elements[0].components.values()))
            weights = dict(taxes_on(Fraction(1), first.taxes))
            whole = sum(weights.values(), Fraction(0))
        due = line.after - line.before
        found.append({tax: due * weight / whole for tax, weight in weights.items()} if whole and due else {})
    return found


def _taxes_to_proto(taxes: Mapping[Tax, Fraction]) -> list[pb.TaxAmount]:
    return [
        pb.TaxAmount(type=tax.type, percent=tax.text, stack=tax.stack, amount=decimal_text(amount, _PLACES, least=2))
        for tax, amount in sorted(taxes.items(), key=lambda one: (one[0].stack, one[0].type, one[0].percent))
    ]


def _line_to_proto(line: _Line, taxes: Mapping[Tax, Fraction]) -> pb.CostLine:
    text = None if line.component is None else line.component.text
    return pb.CostLine(
        kind=line.kind,
        price="" if text is None else text.price,
        vat=text.vat if text is not None and text.HasField("vat") else None,
        quantity=decimal_text(line.quantity, _PLACES),
        amount=pb.Amount(
            before_tax=decimal_text(line.before, _PLACES, least=2), after_tax=decimal_text(line.after, _PLACES, least=2)
        ),
        element=line.element,
        taxes=_taxes_to_proto(taxes),
    )


def _periods_to_proto(rules: Rules, accrual: Accrual | None) -> list[pb.CostPeriod]:
    if accrual is None:
        return []
    billed, total = _quantities(rules, accrual), dict[tuple[int, int], int]()
    last = {(kind, element): one for one in accrual.periods for kind, element, count in _billed(one) if count}
    before: dict[tuple[int, int], _Amounts] = {}
    found = []
    for period in accrual.periods:
        amounts: dict[int, _Amounts] = {}
        for kind, element, quantity in _billed(period):
            key = kind, element
            if key not in billed:
                continue
            # Steps add to the last period of a price, which therefore has all that is left of its line.
            total[key] = billed[key] if last[key] is period else total.get(key, 0) + quantity
            line = _priced(rules, _KINDS[kind], kind, element, total[key])
            so_far = rounded(line.before, _PLACES), rounded(line.after, _PLACES)
            earlier = before.get(key, _NOTHING)
            amounts[kind] = so_far[0] - earlier[0], so_far[1] - earlier[1]
            before[key] = so_far
        found.append(_period_to_proto(rules, period, amounts))
    return found


def _period_to_proto(rules: Rules, period: Period, amounts: Mapping[int, _Amounts]) -> pb.CostPeriod:
    prices = {
        kind: rules.elements[element].components[kind].text.price
        for kind, element, _ in _billed(period)
        if element != NONE
    }
    time = _CHARGING if period.charging else _IDLE
    length = period.length
    found = pb.CostPeriod(
        energy_kwh=decimal_text(Fraction(period.mwh, 1_000_000), _PLACES),
        charging_time=_duration(length if period.charging else 0),
        idle_time=_duration(0 if period.charging else length),
        energy_price=prices.get(_ENERGY),
        time_price=prices.get(time),
        energy_amount=_amount(amounts[_ENERGY]) if _ENERGY in amounts else None,
        time_amount=_amount(amounts[time]) if time in amounts else None,
        amount=_amount((sum(one[0] for one in amounts.values()), sum(one[1] for one in amounts.values()))),
    )
    found.start_time.FromDatetime(to_time(period.start))
    found.end_time.FromDatetime(to_time(period.end))
    return found


def _amount(amounts: _Amounts) -> pb.Amount:
    before, after = (decimal_text(Fraction(one), _PLACES, least=2) for one in amounts)
    return pb.Amount(before_tax=before, after_tax=after)


def _duration(micros: int) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(microseconds=micros))
    return duration
