"""Tariffs and usage for tests, written as short as they can be."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Moment
from citrine_core.blocks.tariff_and_cost.rules import to_micros

__all__ = ["component", "element", "moment", "tariff"]

_DURATIONS = {f"{bound}_{name}" for bound in ("min", "max") for name in ("duration", "charging_time", "idle_time")}


def component(dimension: str, price: str, vat: str | None = None, step: int = 0) -> pb.PriceComponent:
    """Return a price; the dimension without its prefix."""
    number = pb.TariffDimension.Value(f"TARIFF_DIMENSION_{dimension}")
    return pb.PriceComponent(dimension=number, price=price, vat=vat, step_size=step)


def element(*components: pb.PriceComponent, **restrictions: Any) -> pb.TariffElement:
    """Return an element; times in seconds, days by their first three letters."""
    found = pb.TariffElement(price_components=components)
    if "days" in restrictions:
        names = {name[len("DAY_OF_WEEK_") :][:3].title(): number for name, number in pb.DayOfWeek.items()}
        restrictions["days_of_week"] = [names[day] for day in restrictions.pop("days").split()]
    for name in _DURATIONS & set(restrictions):
        restrictions[name] = Duration(seconds=restrictions[name])
    if restrictions:
        found.restrictions.CopyFrom(pb.TariffRestrictions(**restrictions))
    return found


def tariff(*elements: pb.TariffElement, **fields: Any) -> pb.Tariff:
    """Return a tariff in EUR."""
    return pb.Tariff(**{"tariff_id": "T", "currency": "EUR", "elements": elements, **fields})


def moment(time: str, kwh: float | None = None, *, charging: bool | None = None, day: str = "2024-01-01") -> Moment:
    """Return what became known at a time of day in UTC; the first of January 2024 is a Monday."""
    micros = to_micros(datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC))
    readings = () if kwh is None else ((micros, round(kwh * 1_000_000)),)
    return Moment(micros, charging, readings)
