"""Tariffs as fields of a form, and back: what the form does not have stays as it is in the tariff that was edited."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.tariffs_pb2 import (
    RESERVATION_RESTRICTION_RESERVATION,
    RESERVATION_RESTRICTION_RESERVATION_CANCELLED,
    RESERVATION_RESTRICTION_RESERVATION_EXPIRES,
    RESERVATION_RESTRICTION_UNSPECIFIED,
    TARIFF_DIMENSION_CHARGING_TIME,
    TARIFF_DIMENSION_ENERGY,
    TARIFF_DIMENSION_FLAT,
    TARIFF_DIMENSION_IDLE_TIME,
    Amount,
    PriceComponent,
    Tariff,
    TariffElement,
    TariffRestrictions,
    TariffText,
    TaxRate,
    Usage,
)
from citrine_console.formats import field_time
from citrine_console.forms import Values, Wrong
from citrine_console.json_forms import json_of, message_of
from citrine_console.texts import _, noop
from citrine_words.durations import duration_text
from citrine_words.errors import WrongText
from citrine_words.values import parse_duration

__all__ = ["DIMENSIONS", "MOST_ELEMENTS", "OUTPUT", "element_values", "tariff_of", "tariff_values", "usage_of"]

OUTPUT = frozenset({"tenant_id", "version", "create_time", "update_time", "etag", "delete_time"})
"""Fields of a tariff that nobody writes."""

MOST_ELEMENTS = 100
"""Elements of a tariff, as many as the core stores."""


@dataclass(frozen=True)
class Dimension:
    """A price of an element, as the form has it."""

    number: int
    name: str
    label: str
    unit: str
    step: str
    """Unit of its steps. Empty: it has none."""


DIMENSIONS = (
    Dimension(TARIFF_DIMENSION_ENERGY, "energy", noop("Energy"), "/kWh", "Wh"),
    Dimension(TARIFF_DIMENSION_CHARGING_TIME, "charging", noop("Charging time"), "/h", "s"),
    Dimension(TARIFF_DIMENSION_IDLE_TIME, "idle", noop("Parking after charging"), "/h", "s"),
    Dimension(TARIFF_DIMENSION_FLAT, "flat", noop("Fee for each session"), "", ""),
)

_RESERVATIONS: Mapping[str, Any] = {
    "used": RESERVATION_RESTRICTION_RESERVATION,
    "expired": RESERVATION_RESTRICTION_RESERVATION_EXPIRES,
    "cancelled": RESERVATION_RESTRICTION_RESERVATION_CANCELLED,
}

_TEXTS = ("start_time", "end_time", "start_date", "end_date")
_DECIMALS = ("min_kwh", "max_kwh", "min_power", "max_power", "min_current", "max_current")
_SPANS = (
    "min_duration", "max_duration", "min_charging_time", "max_charging_time", "min_idle_time", "max_idle_time",
)  # fmt: skip


def tariff_values(tariff: Tariff, zone: Any) -> dict[str, str]:
    """Return the fields of a form for a tariff."""
    found = {
        "base": json_of(tariff, OUTPUT),
        "etag": tariff.etag,
        "elements": str(max(len(tariff.elements), 1)),
        "tariff_id": tariff.tariff_id,
        "currency": tariff.currency,
        "time_zone": tariff.time_zone,
        "description": tariff.description,
        "info_url": tariff.info_url,
        "prices_include_tax": "yes" if tariff.prices_include_tax else "",
        "min_price_needs_energy": "yes" if tariff.min_price_needs_energy else "",
        "min_price.before_tax": tariff.min_price.before_tax,
        "min_price.after_tax": tariff.min_price.after_tax,
        "max_price.before_tax": tariff.max_price.before_tax,
        "max_price.after_tax": tariff.max_price.after_tax,
        "valid_from": field_time(tariff.valid_from, zone),
        "valid_to": field_time(tariff.valid_to, zone),
        "texts": "\n".join(f"{one.language}: {one.text}" for one in tariff.texts),
    }
    for place, element in enumerate(tariff.elements):
        found.update(element_values(place, element))
    return found


def element_values(place: int, element: TariffElement) -> dict[str, str]:
    """Return the fields of one element of a tariff."""
    found: dict[str, str] = {}
    of = {one.dimension: one for one in element.price_components}
    for dimension in DIMENSIONS:
        one = of.get(dimension.number)  # type: ignore[call-overload]
        if one is not None:
            name = f"e{place}.{dimension.name}"
            taxes = [MessageToDict(tax, preserving_proto_field_name=True) for tax in one.taxes]
            found |= {
                f"{name}.price": one.price,
                f"{name}.vat": one.vat if one.HasField("vat") else "",
                f"{name}.step": str(one.step_size) if one.step_size else "",
                f"{name}.taxes": json.dumps(taxes) if taxes else "",
            }
    limits = element.restrictions
    for name in (*_TEXTS, *_DECIMALS):
        found[f"e{place}.{name}"] = str(getattr(limits, name))
    for name in _SPANS:
        seconds = getattr(limits, name).ToTimedelta().total_seconds()
        found[f"e{place}.{name}"] = duration_text(seconds) if limits.HasField(name) else ""  # type: ignore[arg-type]
    for day in limits.days_of_week:
        found[f"e{place}.day{int(day)}"] = "yes"
    found[f"e{place}.reservation"] = next(
        (word for word, number in _RESERVATIONS.items() if number == limits.reservation), ""
    )
    return found


def tariff_of(values: Values) -> Tariff:
    """Return the tariff that a form describes, by its fields or by JSON.

    Raises:
        Wrong: When a field has no meaning.
    """
    if values["json"]:
        tariff = message_of(values["json"], Tariff())
        tariff.etag = values["etag"]
        if values["tariff_id"]:
            tariff.tariff_id = values["tariff_id"]
        return tariff
    tariff = message_of(values["base"], Tariff(), "base")
    tariff.etag = values["etag"]
    for name in ("tariff_id", "currency", "time_zone", "description", "info_url"):
        setattr(tariff, name, values[name])
    tariff.currency = tariff.currency.upper()
    tariff.prices_include_tax = values.checked("prices_include_tax")
    tariff.min_price_needs_energy = values.checked("min_price_needs_energy")
    _set_amounts(tariff, values)
    tariff.ClearField("valid_from")
    tariff.ClearField("valid_to")
    for name in ("valid_from", "valid_to"):
        time: Timestamp | None = values.time(name)
        if time is not None:
            getattr(tariff, name).CopyFrom(time)
    del tariff.texts[:]
    for line in values["texts"].splitlines():
        language, colon, text = line.partition(":")
        if line.strip() and not colon:
            raise Wrong("texts", _("Each line is a language, a colon and the text, as in: de: 0,39 EUR/kWh"))
        if line.strip():
            tariff.texts.append(TariffText(language=language.strip(), text=text.strip()))
    count = values.number("elements", 1)
    if not 0 <= count <= MOST_ELEMENTS:
        raise Wrong("elements", _("A tariff has at most {} elements.").format(MOST_ELEMENTS))
    del tariff.elements[:]
    for place in range(count):
        tariff.elements.append(_element(place, values))
    return tariff


def _set_amounts(tariff: Tariff, values: Values) -> None:
    tariff.ClearField("min_price")
    tariff.ClearField("max_price")
    for name in ("min_price", "max_price"):
        amount = Amount(
            before_tax=_decimal(values, f"{name}.before_tax"), after_tax=_decimal(values, f"{name}.after_tax")
        )
        if amount != Amount():
            getattr(tariff, name).CopyFrom(amount)


def _decimal(values: Values, name: str) -> str:
    # The core says what is wrong with a number; where a comma separates decimals, people write one.
    return values[name].replace(",", ".")


def _element(place: int, values: Values) -> TariffElement:
    element = TariffElement()
    for dimension in DIMENSIONS:
        name = f"e{place}.{dimension.name}"
        if not values[f"{name}.price"]:
            continue
        one = PriceComponent(
            dimension=dimension.number,  # type: ignore[arg-type]
            price=_decimal(values, f"{name}.price"),
            step_size=values.number(f"{name}.step", 0),
        )
        if values[f"{name}.vat"]:
            one.vat = _decimal(values, f"{name}.vat")
        if values[f"{name}.taxes"]:
            try:
                one.taxes.extend(ParseDict(tax, TaxRate()) for tax in json.loads(values[f"{name}.taxes"]))
            except (ValueError, TypeError) as error:
                raise Wrong(f"{name}.taxes", str(error)) from None
        element.price_components.append(one)
    limits = _restrictions(place, values)
    if limits != TariffRestrictions():
        element.restrictions.CopyFrom(limits)
    return element


def _restrictions(place: int, values: Values) -> TariffRestrictions:
    limits = TariffRestrictions(
        reservation=_RESERVATIONS.get(values[f"e{place}.reservation"], RESERVATION_RESTRICTION_UNSPECIFIED)
    )
    for name in _TEXTS:
        setattr(limits, name, values[f"e{place}.{name}"])
    for name in _DECIMALS:
        if values[f"e{place}.{name}"]:
            setattr(limits, name, _decimal(values, f"e{place}.{name}"))
    for name in _SPANS:
        if (span := _span(values, f"e{place}.{name}")) is not None:
            getattr(limits, name).CopyFrom(span)
    limits.days_of_week.extend(day for day in range(1, 8) if values.checked(f"e{place}.day{day}"))  # type: ignore[misc]
    return limits


def _span(values: Values, name: str) -> Duration | None:
    try:
        return parse_duration(name, values[name]) if values[name] else None
    except WrongText as error:
        raise Wrong(name, str(error)) from None


def usage_of(values: Values) -> Usage:
    """Return the sample session that a form describes.

    Raises:
        Wrong: When a field has no meaning.
    """
    usage = Usage(energy_kwh=_decimal(values, "s.energy"))
    for field, name in (("charging_time", "s.charging"), ("idle_time", "s.idle"), ("reservation_time", "s.reserved")):
        minutes = values.decimal(name)
        if minutes:
            getattr(usage, field).FromMilliseconds(round(minutes * 60_000))
    start = values.time("s.start")
    if start is not None:
        usage.start_time.CopyFrom(start)
    return usage
