"""How values of OCPI are read, generously, and written, strictly; and what the judge of the tests finds in them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from citrine_ocpi.models import CiString, shortened, v2_2_1, v2_3_0, written_time
from tests.support.emsp.validation import enum_faults, faults, received_faults

TOKEN: dict[str, Any] = {
    "country_code": "DE",
    "party_id": "prv",
    "uid": "04a2",
    "type": "RFID",
    "contract_id": "DE-PRV-1",
    "issuer": "Provider",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-11-30T08:00:00Z",
}

NO_DAY = "2026-02-30T08:00:00Z"


def token(**changes: Any) -> v2_2_1.Token:
    return v2_2_1.Token.model_validate(TOKEN | changes)


def test_an_id_is_compared_without_case_and_retained_as_it_came() -> None:
    read = token()

    assert read.uid == "04A2"
    assert read.uid != "04A3"
    assert {CiString("Abc"): 1}[CiString("aBC")] == 1
    assert (read.wire()["uid"], type(read.wire()["uid"])) == ("04a2", str)


@pytest.mark.parametrize("wrong", ["Ümlaut", "tab\there", "x" * 37, 5, None])
def test_an_id_is_printable_ascii_of_a_length(wrong: object) -> None:
    with pytest.raises(ValidationError, match="uid"):
        token(uid=wrong)


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-11-30T08:00:00Z", "2026-11-30T08:00:00Z"),
        ("2026-11-30T08:00:00", "2026-11-30T08:00:00Z"),
        ("2026-11-30T09:00:00+01:00", "2026-11-30T08:00:00Z"),
        ("2026-11-30T08:00:00.5Z", "2026-11-30T08:00:00.500Z"),
        ("2026-11-30T08:00:00.123456789", "2026-11-30T08:00:00.123Z"),
    ],
)
def test_a_time_is_utc_and_written_with_z_and_milliseconds_at_most(sent: str, written: str) -> None:
    assert token(last_updated=sent).wire()["last_updated"] == written


@pytest.mark.parametrize("wrong", [1764489600, "yesterday", True])
def test_no_number_is_a_time(wrong: object) -> None:
    with pytest.raises(ValidationError, match="last_updated"):
        token(last_updated=wrong)


def test_a_time_of_python_is_written_in_utc() -> None:
    assert written_time(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T22:00:00Z"
    assert written_time(datetime(2026, 1, 1, 0, 0, 0, 999999, UTC)) == "2026-01-01T00:00:00.999Z"


@pytest.mark.parametrize(
    ("value", "written"),
    [("4", "4"), ("4.00", "4"), ("0.38754", "0.3875"), ("0.00005", "0.0001"), ("-0.00001", "0"), ("1e9", "1000000000")],
)
def test_a_number_has_four_decimals_at_most(value: str, written: str) -> None:
    price = v2_2_1.Price(excl_vat=Decimal(value))

    assert price.model_dump_json(exclude_none=True) == f'{{"excl_vat":{written}}}'


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "1e300", "four", None])
def test_a_number_is_finite_and_of_this_world(wrong: object) -> None:
    with pytest.raises(ValidationError, match="excl_vat"):
        v2_2_1.Price.model_validate({"excl_vat": wrong})


def test_a_limit_has_one_decimal() -> None:
    period = v2_3_0.ChargingProfilePeriod(start_period=0, limit=Decimal("16.06"))

    assert period.wire() == {"start_period": 0, "limit": 16.1}


def test_a_value_that_nobody_knows_is_tolerated_and_retained() -> None:
    read = token(type="EMAID", whitelist="SOMETIMES", colour="blue", group_id=None)

    assert (read.type, read.type.is_known, read.whitelist) == ("EMAID", False, "SOMETIMES")
    assert read.wire() == TOKEN | {"type": "EMAID", "whitelist": "SOMETIMES"}
    assert token().type is v2_2_1.TokenType.RFID
    assert v2_3_0.Token.model_validate(TOKEN | {"type": "EMAID"}).type.is_known


def test_a_text_has_no_line_breaks_and_is_cut_where_it_is_too_long() -> None:
    text = v2_2_1.DisplayText.model_validate({"language": "en", "text": "one\r\ntwo\tthree"})

    assert text.text == "one two three"
    assert shortened("Under the\nbig bridge", 10) == "Under the…"


def test_lists_may_be_null_or_absent_and_are_left_out_when_empty() -> None:
    hours = v2_2_1.Hours.model_validate({"twentyfourseven": True, "regular_hours": None, "exceptional_openings": []})

    assert hours.wire() == {"twentyfourseven": True}


def test_a_patch_replaces_fields_and_null_removes_them() -> None:
    patched = token(language="de").patched({"valid": False, "language": None, "last_updated": "2026-12-01T00:00:00Z"})

    assert patched == token(valid=False, last_updated="2026-12-01T00:00:00Z")
    with pytest.raises(ValidationError, match="issuer"):
        token().patched({"issuer": None})


def test_a_patch_alone_is_checked_field_by_field() -> None:
    changes = {"status": "CHARGING", "last_updated": "2026-12-01T00:00:00", "directions": [], "colour": "blue"}

    assert v2_3_0.EVSE.checked_changes(changes) == {
        "status": "CHARGING",
        "last_updated": "2026-12-01T00:00:00Z",
        "directions": [],
    }
    with pytest.raises(ValidationError, match=r"connectors\.0\.id"):
        v2_3_0.EVSE.checked_changes({"connectors": [{"id": "x" * 40}]})


def test_no_error_and_no_representation_shows_a_token() -> None:
    credentials = {"token": "s3cret-s3cret", "url": "https://cpo.example", "roles": []}

    with pytest.raises(ValidationError) as failed:
        v2_3_0.Credentials.model_validate(credentials)
    role = {"role": "CPO", "business_details": {"name": "C"}, "party_id": "CTR", "country_code": "NL"}
    read = v2_3_0.Credentials.model_validate(credentials | {"roles": [role]})

    assert "s3cret" not in f"{failed.value}{read!r}{read}"
    assert read.wire()["token"] == "s3cret-s3cret"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"colour": "blue"}, "Token.colour: Token has no such field"),
        ({"language": None}, "Token.language: None is no string"),
        ({"language": "deu"}, "Token.language: 'deu' is longer than 2"),
        ({"uid": "é"}, "Token.uid: 'é' is not printable ASCII"),
        ({"issuer": "a\nb"}, r"Token.issuer: 'a\nb' has control characters"),
        ({"valid": 1}, "Token.valid: 1 is no boolean"),
        ({"type": "EMAID"}, "Token.type: 'EMAID' is no TokenType"),
        ({"energy_contract": []}, "Token.energy_contract: [] is no object"),
        ({"last_updated": "2026-11-30T08:00:00"}, "Token.last_updated: '2026-11-30T08:00:00' is no time in UTC with Z"),
        (
            {"last_updated": NO_DAY},
            f"Token.last_updated: {NO_DAY!r} is no time in UTC with Z",
        ),
    ],
)
def test_the_judge_finds_each_fault(changes: dict[str, Any], fault: str) -> None:
    assert faults(TOKEN, "Token", "2.2.1") == []
    assert faults(TOKEN | changes, "Token", "2.2.1") == [fault]


def test_the_judge_counts_decimals_and_wants_required_fields_and_full_lists() -> None:
    component = {"type": "ENERGY", "price": Decimal("0.12345"), "step_size": 1.0}

    assert faults(component, "PriceComponent", "2.3.0") == [
        "PriceComponent.price: Decimal('0.12345') has more than 4 decimals",
        "PriceComponent.step_size: 1.0 is no integer",
    ]
    assert faults({"price_components": []}, "TariffElement", "2.3.0") == ["TariffElement.price_components: is empty"]
    assert faults({}, "Price", "2.2.1") == ["Price.excl_vat: is missing"]
    assert faults({"kwh": 1}, "Session", "2.2.1", partial=True) == ["Session.last_updated: is missing"]
    assert faults({"start_period": 0, "limit": 8.15}, "ChargingProfilePeriod", "2.3.0") != []


def test_the_judge_knows_which_enums_are_open() -> None:
    assert enum_faults("NOT_POSSIBLE", "ChargingPreferencesResponse", "2.2.1") == []
    assert enum_faults("PERHAPS", "ChargingPreferencesResponse", "2.2.1") != []
    assert faults(TOKEN | {"type": "OWN"}, "Token", "2.3.0", foreign_values=True) == []
    assert faults(TOKEN | {"type": "OWN"}, "Token", "2.2.1", foreign_values=True) != []


def test_the_judge_knows_what_a_module_receives_by_the_path() -> None:
    connector = {"status": "AVAILABLE", "last_updated": TOKEN["last_updated"]}

    assert received_faults("2.2.1", "locations", "NL/CTR/L1/E1", connector, partial=True) == []
    assert received_faults("2.2.1", "locations", "NL/CTR/L1", connector, partial=True) == [
        "Location.status: Location has no such field"
    ]
    assert received_faults("2.3.0", "chargingprofiles", "results/1", {"result": "ACCEPTED"}) == []
    assert received_faults("2.3.0", "commands", "START_SESSION/1", {"result": "PERHAPS"}) != []
