"""How values look: ids that are shortened, amounts of currencies, states."""

import pytest

from citrine.api.v1.firmware_management_pb2 import FirmwareUpdate, FirmwareUpdateState
from citrine.api.v1.reports_pb2 import ReportRun, ReportState
from citrine.api.v1.reservation_pb2 import Reservation, ReservationState
from citrine.api.v1.stations_pb2 import Connector
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine_words.cells import BAD, State, shortened, style_of
from citrine_words.currencies import amount_of
from citrine_words.words import enum_word, money

RED = {"Faulted", "failed", "refused"}
"""Words of those enums that say that something went wrong."""


def test_ids_are_as_long_as_it_takes_to_tell_them_apart() -> None:
    ids = ["8f14e45f-ceea-467f-a0e6", "8f14e45f-cfff-467f-a0e6", "123456789012", "12345678901", "T-1", "8f14e45f", ""]

    assert shortened(ids) == {
        "8f14e45f-ceea-467f-a0e6": "8f14e45f-ce",
        "8f14e45f-cfff-467f-a0e6": "8f14e45f-cf",
        "123456789012": "123456789012",
        "12345678901": "12345678901",
        "T-1": "T-1",
        "8f14e45f": "8f14e45f",
        "": "",
    }


def test_what_is_shown_of_an_id_begins_no_other() -> None:
    ids = [f"{number:06x}-{number:04x}-{'0' * 20}" for number in range(3000)] + ["0" * 36, "0" * 12]

    found = shortened(ids)

    assert len(set(found.values())) == len(set(ids))
    for short in list(found.values())[::100]:
        assert sum(other.startswith(short) for other in ids) == 1 or short in ids


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("0.1", "EUR", "0.10"),
        ("12", "EUR", "12.00"),
        ("0.1234", "EUR", "0.1234"),
        ("0.1200", "EUR", "0.12"),
        ("120", "JPY", "120"),
        ("120.00", "jpy", "120"),
        ("1.5", "KWD", "1.500"),
        ("-3.5", "USD", "-3.50"),
        ("1E+2", "USD", "100.00"),
        ("98765432109876543210.123456789", "USD", "98765432109876543210.123456789"),
        ("much", "USD", "much"),
        ("NaN", "USD", "NaN"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_and_loses_none(value: str, currency: str, text: str) -> None:
    assert amount_of(value, currency) == text


def test_no_amount_has_no_currency() -> None:
    assert money("", "EUR") == ""
    assert money("1", "") == "1.00"


def test_what_went_wrong_is_red() -> None:
    states = {
        *(enum_word(Connector(status=value), "status") for value in ConnectorStatusEnum.values()),
        *(enum_word(ReportRun(state=value), "state") for value in ReportState.values()),
        *(enum_word(FirmwareUpdate(state=value), "state") for value in FirmwareUpdateState.values()),
        *(enum_word(Reservation(state=value), "state") for value in ReservationState.values()),
    }

    assert {state for state in states if style_of(state) == BAD} == RED


def test_a_text_is_no_state() -> None:
    assert style_of("Faulted") == ""
    assert style_of(State("Charging")) == "green"
    assert style_of(State("Whatever")) == ""
