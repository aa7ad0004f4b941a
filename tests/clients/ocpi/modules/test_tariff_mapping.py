"""Tariffs of the core as partners read them: what is said as it is, what is approximated, and what is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_ocpi.modules.tariffs import Expressed, NotExpressible, express
from tests.support.emsp.validation import faults

CHANGED = datetime(2026, 11, 30, 8, tzinfo=UTC)
ENERGY = {"dimension": "TARIFF_DIMENSION_ENERGY", "price": "0.39"}
IDLE = {"dimension": "TARIFF_DIMENSION_IDLE_TIME", "price": "6", "stepSize": 60}
FLAT = {"dimension": "TARIFF_DIMENSION_FLAT", "price": "1"}


def tariff(*elements: dict[str, Any], **fields: Any) -> pb.Tariff:
    given = elements or ({"priceComponents": [ENERGY]},)
    return ParseDict({"tariffId": "DAY", "currency": "EUR", "elements": [*given], **fields}, pb.Tariff())


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"priceComponents": [*components], **({"restrictions": restrictions} if restrictions else {})}


def expressed(version: str, given: pb.Tariff, zones: tuple[str, ...] = ("Europe/Amsterdam",)) -> Expressed:
    found = express(given, "NL", "CTR", version, zones, CHANGED)
    assert faults(found.tariff.wire(), "Tariff", version) == []
    return found


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_a_tariff_says_all_that_ocpi_has_words_for(version: str) -> None:
    given = tariff(
        element(
            ENERGY | {"vat": "21", "stepSize": 100},
            IDLE | {"vat": "21"},
            startTime="22:00",
            endTime="06:00",
            startDate="2026-01-01",
            endDate="2027-01-01",
            daysOfWeek=["DAY_OF_WEEK_MONDAY", "DAY_OF_WEEK_SUNDAY"],
            minKwh="0.5",
            maxPower="22",
            minDuration="60s",
        ),
        element(FLAT | {"vat": "21"}, reservation="RESERVATION_RESTRICTION_RESERVATION_EXPIRES"),
        minPrice={"beforeTax": "1", "afterTax": "1.21"},
        maxPrice={"beforeTax": "50"},
        validFrom="2026-01-01T00:00:00Z",
        validTo="2027-01-01T00:00:00Z",
        texts=[{"language": "de-CH", "text": "Tagtarif"}],
        infoUrl="https://cpo.example/day",
    )

    found = expressed(version, given)

    limits = ("excl_vat", "incl_vat") if version == "2.2.1" else ("before_taxes", "after_taxes")
    wire = found.tariff.wire()
    assert found.approximations == ()
    assert wire.pop("tax_included", "NO") == "NO"
    assert wire == {
        "country_code": "NL",
        "party_id": "CTR",
        "id": "DAY",
        "currency": "EUR",
        "tariff_alt_text": [{"language": "de", "text": "Tagtarif"}],
        "tariff_alt_url": "https://cpo.example/day",
        "min_price": {limits[0]: 1, limits[1]: 1.21},
        "max_price": {limits[0]: 50},
        "elements": [
            {
                "price_components": [
                    {"type": "ENERGY", "price": 0.39, "vat": 21, "step_size": 100},
                    {"type": "PARKING_TIME", "price": 6, "vat": 21, "step_size": 60},
                ],
                "restrictions": {
                    "start_time": "22:00",
                    "end_time": "06:00",
                    "start_date": "2026-01-01",
                    "end_date": "2027-01-01",
                    "min_kwh": 0.5,
                    "max_power": 22,
                    "min_duration": 60,
                    "day_of_week": ["MONDAY", "SUNDAY"],
                },
            },
            {
                "price_components": [{"type": "FLAT", "price": 1, "vat": 21, "step_size": 1}],
                "restrictions": {"reservation": "RESERVATION_EXPIRES"},
            },
        ],
        "start_date_time": "2026-01-01T00:00:00Z",
        "end_date_time": "2027-01-01T00:00:00Z",
        "last_updated": "2026-11-30T08:00:00Z",
    }


def test_prices_with_tax_are_said_so_where_the_version_can_and_without_tax_where_it_cannot() -> None:
    given = tariff(element(ENERGY | {"vat": "21", "stepSize": 1}), pricesIncludeTax=True)

    older, newer = expressed("2.2.1", given), expressed("2.3.0", given)

    assert older.tariff.elements[0].price_components[0].price == Decimal("0.3223")
    assert older.approximations == ("prices are rounded to four decimals",)
    assert newer.tariff.wire()["tax_included"] == "YES"
    assert newer.tariff.elements[0].price_components[0].price == Decimal("0.39")
    assert newer.approximations == ()


def test_several_taxes_are_one_percentage_also_where_one_is_on_another() -> None:
    taxes = [{"type": "GST", "percent": "5", "stack": 0}, {"type": "QST", "percent": "10", "stack": 1}]

    found = expressed("2.3.0", tariff(element(ENERGY | {"taxes": taxes, "stepSize": 1})))

    assert found.tariff.elements[0].price_components[0].vat == Decimal("15.5")
    assert found.approximations == ("several taxes on a price are one percentage",)


def test_no_tax_is_no_percentage() -> None:
    wire = expressed("2.3.0", tariff(element(FLAT))).tariff.wire()

    assert wire["tax_included"] == "N/A"
    assert "vat" not in wire["elements"][0]["price_components"][0]
    assert expressed("2.3.0", tariff(element(FLAT | {"vat": "0"}))).tariff.wire()["tax_included"] == "NO"


def test_steps_that_the_tariff_lacks_are_the_smallest() -> None:
    found = expressed("2.2.1", tariff())

    assert found.tariff.elements[0].price_components[0].step_size == 1
    assert found.approximations == ("what is billed as measured has steps of 1 Wh and 1 second",)


def test_an_idle_fee_that_begins_late_is_shown_at_once_and_said_in_words() -> None:
    found = expressed("2.2.1", tariff(element(IDLE, minIdleTime="600s"), element(ENERGY | {"stepSize": 1})))

    assert found.tariff.elements[0].restrictions is None
    assert found.tariff.tariff_alt_text[0].text == "The idle fee begins 10 minutes after charging."
    assert found.approximations == ("an idle fee that begins late is shown as if it began at once",)


def test_a_minimum_that_needs_energy_is_shown_as_due_always_and_said_in_words() -> None:
    given = tariff(element(FLAT), minPrice={"afterTax": "2"}, minPriceNeedsEnergy=True)

    wire = expressed("2.2.1", given).tariff.wire()

    assert wire["min_price"] == {"excl_vat": 2, "incl_vat": 2}
    assert wire["tariff_alt_text"] == [{"language": "en", "text": "The minimum is not due where no energy was taken."}]


def test_a_limit_with_tax_alone_is_divided_by_the_only_rate() -> None:
    given = tariff(element(FLAT | {"vat": "20"}), maxPrice={"afterTax": "60"})

    assert expressed("2.3.0", given).tariff.wire()["max_price"] == {"before_taxes": 50, "after_taxes": 60}


def test_free_reservations_that_are_cancelled_need_no_word_and_an_empty_tariff_is_free() -> None:
    free = FLAT | {"price": "0"}
    found = expressed("2.2.1", tariff(element(free, reservation="RESERVATION_RESTRICTION_RESERVATION_CANCELLED")))

    assert found.tariff.wire()["elements"] == [{"price_components": [{"type": "FLAT", "price": 0, "step_size": 1}]}]


def test_texts_in_languages_without_two_letters_are_left_out() -> None:
    texts = [
        {"language": "gsw", "text": "Tagtarif"},
        {"language": "en", "text": "Day"},
        {"language": "en-GB", "text": "D"},
    ]

    found = expressed("2.2.1", tariff(element(FLAT), texts=texts))

    assert [text.text for text in found.tariff.tariff_alt_text] == ["Day"]
    assert found.approximations == ("the text in gsw is left out", "the text in en-GB is left out")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            tariff(element(ENERGY, startTime="08:00"), timeZone="America/Toronto"),
            "its times are of America/Toronto, and there are locations in Europe/Amsterdam",
        ),
        (
            tariff(element(ENERGY, daysOfWeek=["DAY_OF_WEEK_MONDAY"]), timeZone="UTC"),
            "its times are of UTC, and there are locations in Europe/Amsterdam",
        ),
        (tariff(element(ENERGY, maxChargingTime="60s")), "an element has max_charging_time"),
        (tariff(element(IDLE, maxIdleTime="60s")), "an element has max_idle_time"),
        (
            tariff(element(IDLE, minIdleTime="60s"), element(IDLE)),
            "an element with min_idle_time is followed by other prices of idle time, or has others itself",
        ),
        (
            tariff(element(FLAT, reservation="RESERVATION_RESTRICTION_RESERVATION_CANCELLED")),
            "cancelled reservations have a price",
        ),
        (
            tariff(element(ENERGY | {"vat": "10"}, FLAT | {"vat": "20"}), minPrice={"afterTax": "2"}),
            "min_price is given with taxes alone, and prices have different taxes",
        ),
    ],
)
def test_what_would_be_read_wrong_is_refused(given: pb.Tariff, reason: str) -> None:
    with pytest.raises(NotExpressible) as refused:
        express(given, "NL", "CTR", "2.3.0", ("Europe/Amsterdam",), CHANGED)

    assert refused.value.reasons == (reason,)


def test_times_in_the_zone_of_all_locations_are_read_rightly() -> None:
    given = tariff(element(ENERGY, startTime="08:00", endTime="08:00"), timeZone="Europe/Amsterdam")

    found = expressed("2.2.1", given)

    assert found.tariff.elements[0].restrictions is None or not found.tariff.elements[0].restrictions.start_time
    assert found.tariff.last_updated == CHANGED + timedelta(0)
