"""Several taxes on a price, and prices below zero."""

from typing import Any

import pytest

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import accrue
from citrine_core.blocks.tariff_and_cost.calculation import cost_of, total_of
from citrine_core.blocks.tariff_and_cost.definitions import check_tariff
from citrine_core.blocks.tariff_and_cost.rules import read_rules
from citrine_core.errors import InvalidArgument
from tests.core.blocks.tariff_and_cost.tariffs import component, element, moment, tariff

FEDERAL, STATE, CITY = (
    pb.TaxRate(type="Federal", percent="5"),
    pb.TaxRate(type="State", percent="9.975"),
    pb.TaxRate(type="City", percent="10", stack=1),
)


def priced(price: str, *taxes: pb.TaxRate, dimension: str = "ENERGY") -> pb.PriceComponent:
    found = component(dimension, price)
    found.taxes.extend(taxes)
    return found


def cost(wanted: pb.Tariff, kwh: float = 100) -> pb.Cost:
    """Return what so much energy costs, after it was checked that both ways to reckon come to the same."""
    rules = read_rules(wanted)
    accrual = accrue(rules, [moment("10:00", 0), moment("11:00", kwh)])
    assert accrual is not None
    found = cost_of(rules, accrual)
    assert (found.total.before_tax, found.total.after_tax) == tuple(map(str, total_of(rules, accrual)))
    return found


def taxes_of(found: Any) -> list[tuple[str, str]]:
    return [(one.type, one.amount) for one in found.taxes]


@pytest.mark.parametrize(
    ("wanted", "before", "after", "taxes"),
    [
        pytest.param(
            tariff(element(priced("1", FEDERAL, STATE))),
            "100.00",
            "114.98",
            [("Federal", "5.00"), ("State", "9.975")],
            id="beside each other",
        ),
        pytest.param(
            tariff(element(priced("1", CITY, FEDERAL))),
            "100.00",
            "115.50",
            [("Federal", "5.00"), ("City", "10.50")],
            id="one on top of the other",
        ),
        pytest.param(
            tariff(element(priced("1.155", FEDERAL, CITY)), prices_include_tax=True),
            "100.00",
            "115.50",
            [("Federal", "5.00"), ("City", "10.50")],
            id="prices with taxes",
        ),
        pytest.param(
            tariff(element(priced("1", FEDERAL), component("FLAT", "10", "20"))),
            "110.00",
            "117.00",
            [("Federal", "5.00"), ("VAT", "2.00")],
            id="others on another price",
        ),
        pytest.param(
            tariff(element(priced("1", FEDERAL, STATE)), max_price=pb.Amount(before_tax="50")),
            "50.00",
            "57.49",
            [("Federal", "2.50"), ("State", "4.9875")],
            id="a maximum takes of all of them",
        ),
        pytest.param(tariff(element(component("ENERGY", "1"))), "100.00", "100.00", [], id="none"),
    ],
)
def test_what_taxes_come_to(wanted: pb.Tariff, before: str, after: str, taxes: list[tuple[str, str]]) -> None:
    found = cost(wanted)

    assert (found.total.before_tax, found.total.after_tax) == (before, after)
    assert taxes_of(found) == taxes


@pytest.mark.parametrize(
    ("wanted", "before", "after"),
    [
        pytest.param(tariff(element(component("ENERGY", "-0.05", "20"))), "-5.00", "-6.00", id="the driver is paid"),
        pytest.param(
            tariff(element(component("ENERGY", "-0.05", "20"), component("FLAT", "2", "20"))),
            "-3.00",
            "-3.60",
            id="fee",
        ),
        pytest.param(
            tariff(element(component("ENERGY", "-0.05", "20")), min_price=pb.Amount(before_tax="0")),
            "0.00",
            "0.00",
            id="but no less than nothing",
        ),
        pytest.param(
            tariff(
                element(component("ENERGY", "-0.05", "0"), component("FLAT", "5.01", "100")),
                max_price=pb.Amount(before_tax="0.001"),
            ),
            "0.00",
            "0.00",
            id="limits of sums that cancel each other",
        ),
        pytest.param(tariff(element(component("ENERGY", "-0.00005"))), "-0.01", "-0.01", id="half a cent"),
    ],
)
def test_prices_may_be_negative(wanted: pb.Tariff, before: str, after: str) -> None:
    found = cost(wanted)

    assert (found.total.before_tax, found.total.after_tax) == (before, after)


@pytest.mark.parametrize(
    ("taxes", "field"),
    [
        pytest.param([pb.TaxRate(percent="5")], "taxes[0].type", id="no name"),
        pytest.param([FEDERAL, FEDERAL], "taxes[1].type", id="twice"),
        pytest.param([pb.TaxRate(type="A", percent="-1")], "taxes[0].percent", id="below nothing"),
        pytest.param([pb.TaxRate(type="A", percent="5", stack=5)], "taxes[0].stack", id="stack"),
        pytest.param([pb.TaxRate(type="City", percent="10", stack=3)], "taxes[0].stack", id="on nothing"),
        pytest.param([FEDERAL, pb.TaxRate(type="B", percent="1", stack=2)], "taxes[1].stack", id="on a gap"),
        pytest.param([pb.TaxRate(type=f"T{n}", percent="1") for n in range(6)], "taxes", id="too many"),
    ],
)
def test_what_is_no_tax_is_refused(taxes: list[pb.TaxRate], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_tariff(tariff(element(priced("1", *taxes))))

    assert refused.value.field == f"tariff.elements[0].price_components[0].{field}"


def test_vat_and_taxes_exclude_each_other() -> None:
    both = priced("1", FEDERAL)
    both.vat = "19"

    with pytest.raises(InvalidArgument):
        check_tariff(tariff(element(both)))
