"""What drivers are told of a tariff."""

import pytest

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.texts import LONGEST, message_of, text_of
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff

TEXTS = [pb.TariffText(language="en", text="30 cents"), pb.TariffText(language="de", text="30 Cent")]
ENERGY = element(component("ENERGY", "0.30", "19"))


@pytest.mark.parametrize(
    ("language", "text"), [("de", "30 Cent"), ("de-AT", "30 Cent"), ("fr", "30 cents"), ("", "30 cents")]
)
def test_drivers_are_told_in_their_language(language: str, text: str) -> None:
    assert text_of(tariff(ENERGY, texts=TEXTS), language)[0] == text


def test_prices_are_told_with_tax() -> None:
    told = text_of(
        tariff(
            element(component("ENERGY", "0.30", "19"), component("FLAT", "0.5"), start_time="08:00", end_time="20:00"),
            element(component("IDLE_TIME", "6"), min_idle_time=600, days="Mon Sun"),
            min_price=pb.Amount(before_tax="1"),
            max_price=pb.Amount(after_tax="50"),
        )
    )

    assert told == (
        "energy 0.357 EUR/kWh, start 0.50 EUR (08:00-20:00); idle 6.00 EUR/h (Mon,Sun idle from 10 min); "
        "at least 1.00 EUR before tax; at most 50.00 EUR",
        "en",
    )


def test_a_message_is_as_long_as_stations_take_it() -> None:
    assert len(message_of(tariff(*[ENERGY] * 100)).content) == LONGEST
