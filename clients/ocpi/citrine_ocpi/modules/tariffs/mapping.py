"""Tariffs of the core as tariffs of OCPI, in both versions; what OCPI can't say is approximated by a rule, or refused.

The rules are in docs/ocpi.md. But for rounding, an approximation never shows less than is charged.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from google.protobuf.duration_pb2 import Duration
from pydantic import ValidationError

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_ocpi.models import shortened, v2_2_1, v2_3_0
from citrine_ocpi.modules.tariffs.prices import decimal_of, limit_of, only_factor, price_without_tax, tax_factor, vat_of
from citrine_ocpi.modules.tariffs.remarks import NotExpressible, Remarks

__all__ = ["Expressed", "NotExpressible", "express"]

_DIMENSIONS = {
    pb.TARIFF_DIMENSION_ENERGY: "ENERGY",
    pb.TARIFF_DIMENSION_CHARGING_TIME: "TIME",
    pb.TARIFF_DIMENSION_IDLE_TIME: "PARKING_TIME",
    pb.TARIFF_DIMENSION_FLAT: "FLAT",
}
_RESERVATIONS = {
    pb.RESERVATION_RESTRICTION_RESERVATION: "RESERVATION",
    pb.RESERVATION_RESTRICTION_RESERVATION_EXPIRES: "RESERVATION_EXPIRES",
}
_AMOUNTS = frozenset({"min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power"})
_LOCAL = ("start_time", "end_time", "start_date", "end_date")

_FREE: dict[str, Any] = {"price_components": [{"type": "FLAT", "price": Decimal(0), "step_size": 1}]}
"""Nothing has a price, which takes an element to say."""


@dataclass(frozen=True)
class Expressed:
    """A tariff of OCPI."""

    tariff: v2_2_1.Tariff | v2_3_0.Tariff
    approximations: tuple[str, ...]
    """What it says in another way than the core's. Empty: nothing."""


def express(
    tariff: pb.Tariff, country_code: str, party_id: str, version: str, zones: Collection[str], last_updated: datetime
) -> Expressed:
    """Return a tariff as OCPI has it.

    Args:
        tariff: The core's.
        country_code: Of our party.
        party_id: Of our party.
        version: "2.2.1" or "2.3.0".
        zones: Time zones of the locations, by which partners read times of day.
        last_updated: When it changed for partners.

    Raises:
        NotExpressible: When OCPI can't say it.
    """
    remarks = Remarks()
    fields = {
        "country_code": country_code,
        "party_id": party_id,
        "id": tariff.tariff_id,
        "currency": tariff.currency,
        "elements": [*_elements(tariff, version, remarks)] or [_FREE],
        "last_updated": last_updated,
    }
    _check_zone(tariff, zones, remarks)
    fields |= _limits(tariff, version, remarks)
    if tariff.info_url.lower().startswith(("https://", "http://")):
        fields["tariff_alt_url"] = tariff.info_url
    if tariff.HasField("valid_from"):
        fields["start_date_time"] = tariff.valid_from.ToDatetime(UTC)
    if tariff.HasField("valid_to"):
        fields["end_date_time"] = tariff.valid_to.ToDatetime(UTC)
    if version == "2.3.0":
        fields["tax_included"] = _tax_included(tariff)
    remarks.check()
    # At last: notes are part of the texts.
    fields["tariff_alt_text"] = [*_texts(tariff, remarks)]
    try:
        made = (v2_3_0 if version == "2.3.0" else v2_2_1).Tariff.model_validate(fields)
    except ValidationError as error:
        # As an id that is not of ASCII.
        raise NotExpressible((" ".join(str(error).split()),)) from error
    return Expressed(made, remarks.approximations)


def _tax_included(tariff: pb.Tariff) -> str:
    if all(tax_factor(component) is None for element in tariff.elements for component in element.price_components):
        return "N/A"
    return "YES" if tariff.prices_include_tax else "NO"


def _limits(tariff: pb.Tariff, version: str, remarks: Remarks) -> dict[str, Any]:
    factor, found = only_factor(tariff.elements), {}
    names = ("before_taxes", "after_taxes") if version == "2.3.0" else ("excl_vat", "incl_vat")
    for field, amount in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if amount.before_tax or amount.after_tax:
            found[field] = dict(zip(names, limit_of(amount, factor, field, remarks) or (), strict=False))
    if "min_price" in found and tariff.min_price_needs_energy:
        remarks.approximate("the minimum is shown as if it were due without energy, too")
        remarks.notes.append("The minimum is not due where no energy was taken.")
    return found


def _check_zone(tariff: pb.Tariff, zones: Collection[str], remarks: Remarks) -> None:
    """Refuse times of day and days that partners would read in another zone than the core does."""
    is_local = any(
        element.restrictions.days_of_week or any(getattr(element.restrictions, name) for name in _LOCAL)
        for element in tariff.elements
    )
    if tariff.time_zone and is_local and (others := sorted({*zones} - {tariff.time_zone})):
        remarks.refuse(f"its times are of {tariff.time_zone}, and there are locations in {others[0]}")


def _texts(tariff: pb.Tariff, remarks: Remarks) -> Iterator[dict[str, str]]:
    languages: set[str] = set()
    for text in tariff.texts:
        language = text.language.partition("-")[0].lower()
        if len(language) == 2 and language not in languages:
            languages.add(language)
            yield {"language": language, "text": shortened(text.text, 512)}
        else:
            remarks.approximate(f"the text in {text.language} is left out")
    if remarks.notes and "en" not in languages:
        yield {"language": "en", "text": shortened(" ".join(remarks.notes), 512)}


# Elements.


def _elements(tariff: pb.Tariff, version: str, remarks: Remarks) -> Iterator[dict[str, Any]]:
    for place, element in enumerate(tariff.elements):
        limits = element.restrictions
        if limits.reservation == pb.RESERVATION_RESTRICTION_RESERVATION_CANCELLED:
            if any(Fraction(component.price) for component in element.price_components):
                remarks.refuse("cancelled reservations have a price")
            continue
        _check_idle(element, tariff.elements[place + 1 :], remarks)
        made: dict[str, Any] = {
            "price_components": [_component(one, tariff, version, remarks) for one in element.price_components]
        }
        if restrictions := _restrictions(limits, remarks):
            made["restrictions"] = restrictions
        yield made


def _component(component: pb.PriceComponent, tariff: pb.Tariff, version: str, remarks: Remarks) -> dict[str, Any]:
    if version == "2.3.0":
        price = decimal_of(Fraction(component.price), remarks)
    else:
        price = price_without_tax(component, tariff.prices_include_tax, remarks)
    if component.dimension != pb.TARIFF_DIMENSION_FLAT and not component.step_size:
        remarks.approximate("what is billed as measured has steps of 1 Wh and 1 second")
    return {
        "type": _DIMENSIONS[component.dimension],
        "price": price,
        "vat": vat_of(component, remarks),
        "step_size": component.step_size or 1,
    }


def _check_idle(element: pb.TariffElement, later: Sequence[pb.TariffElement], remarks: Remarks) -> None:
    """Approximate an idle fee that begins late by one that begins at once; refuse what is not as simple."""
    limits = element.restrictions
    given = {field.name for field, _ in limits.ListFields()}
    for name in sorted(given & {"min_charging_time", "max_charging_time", "max_idle_time"}):
        remarks.refuse(f"an element has {name}")
    if not limits.HasField("min_idle_time"):
        return
    idle = pb.TARIFF_DIMENSION_IDLE_TIME
    is_fee = all(one.dimension == idle and Fraction(one.price) >= 0 for one in element.price_components)
    is_last = all(one.dimension != idle for other in later for one in other.price_components)
    if not (is_fee and is_last):
        remarks.refuse("an element with min_idle_time is followed by other prices of idle time, or has others itself")
        return
    minutes = Decimal(limits.min_idle_time.ToTimedelta().total_seconds()) / 60
    remarks.approximate("an idle fee that begins late is shown as if it began at once")
    remarks.notes.append(f"The idle fee begins {minutes.normalize():f} minutes after charging.")


def _restrictions(limits: pb.TariffRestrictions, remarks: Remarks) -> dict[str, Any]:
    given = {field.name: value for field, value in limits.ListFields()}
    found: dict[str, Any] = {name: given[name] for name in _LOCAL if name in given}
    if found.get("start_time", "00:00") == found.get("end_time", "00:00"):
        # The whole day.
        found.pop("start_time", None)
        found.pop("end_time", None)
    for name in given.keys() & _AMOUNTS:
        found[name] = decimal_of(Fraction(given[name]), remarks, f"{name} is rounded to four decimals")
    for name in given.keys() & {"min_duration", "max_duration"}:
        found[name] = _seconds(given[name], remarks)
    if limits.days_of_week:
        found["day_of_week"] = [pb.DayOfWeek.Name(day).removeprefix("DAY_OF_WEEK_") for day in limits.days_of_week]
    if limits.reservation:
        found["reservation"] = _RESERVATIONS[limits.reservation]
    return found


def _seconds(duration: Duration, remarks: Remarks) -> int:
    if duration.nanos:
        remarks.approximate("durations are whole seconds")
    return duration.seconds
