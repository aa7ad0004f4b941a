"""Costs as they are printed."""

from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1.tariffs_pb2 import (
    Cost,
    CostLine,
)
from citrine_cli.output import Output
from citrine_words.cells import Figure
from citrine_words.words import duration_word, instant_word, money

__all__ = ["cost_lines"]

_UNITS: Mapping[int, str] = {
    CostLine.KIND_ENERGY: "kWh",
    CostLine.KIND_CHARGING_TIME: "h",
    CostLine.KIND_IDLE_TIME: "h",
    CostLine.KIND_RESERVATION_TIME: "h",
}


_PER: Mapping[int, str] = {kind: f"/{unit}" for kind, unit in _UNITS.items()}


def cost_lines(out: Output, cost: Cost) -> None:
    """Print the parts of a cost."""
    out.table(
        ["for", "quantity", "price", "vat", "without vat", "with vat"],
        (
            [
                CostLine.Kind.Name(one.kind).removeprefix("KIND_").replace("_", " ").lower(),
                Figure(f"{one.quantity} {_UNITS.get(one.kind, '')}".strip()),
                Figure(money(one.price, cost.currency) + _PER.get(one.kind, "")) if one.price else "",
                f"{one.vat}%" if one.HasField("vat") else " ".join(f"{tax.type} {tax.percent}%" for tax in one.taxes),
                money(one.amount.before_tax, cost.currency),
                money(one.amount.after_tax, cost.currency),
            ]
            for one in cost.lines
        ),
        empty="nothing is to be paid for",
        title="items",
    )
    total = {
        "energy": f"{cost.energy_kwh} kWh" if cost.energy_kwh else "",
        "charging": _duration(cost.charging_time),
        "idle": _duration(cost.idle_time),
        "without VAT": money(cost.total.before_tax, cost.currency),
        "with VAT": money(cost.total.after_tax, cost.currency),
    }
    taxes = {f"{one.type} {one.percent}%": money(one.amount, cost.currency) for one in cost.taxes}
    out.facts({"total": total, "taxes": taxes if len(taxes) > 1 else {}})
    if len(cost.periods) > 1:
        out.table(
            ["from", "to", "energy", "price of energy", "price of time", "without vat", "with vat"],
            (
                [
                    instant_word(one, "start_time"),
                    instant_word(one, "end_time"),
                    Figure(f"{one.energy_kwh} kWh"),
                    Figure(f"{one.energy_price} {cost.currency}/kWh") if one.energy_price else "",
                    Figure(f"{one.time_price} {cost.currency}/h") if one.time_price else "",
                    money(one.amount.before_tax, cost.currency),
                    money(one.amount.after_tax, cost.currency),
                ]
                for one in cost.periods
            ),
            empty="",
            title="periods",
        )


def _duration(duration: Duration) -> str:
    return duration_word(duration) if duration.ToTimedelta() else ""
