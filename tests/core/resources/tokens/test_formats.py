"""What an id of each type looks like."""

import pytest

from citrine_core.resources.tokens import TYPES, format_problem, lookup_of, lookups_of, same_spelling, type_of


@pytest.mark.parametrize(
    ("id_token", "type_name"),
    [
        pytest.param("04a2B3c4", "ISO14443", id="UID of 4 bytes"),
        pytest.param("04A2B3C4D5E6F7", "iso14443", id="UID of 7 bytes, type in another case"),
        pytest.param("04A2B3C4D5E6F7080910", "ISO14443", id="UID of 10 bytes"),
        pytest.param("E004010012345678", "ISO15693", id="UID of 8 bytes"),
        pytest.param("20:69:C0:21", "ISO14443", id="UID with colons"),
        pytest.param("20 69 C0 21", "ISO14443", id="UID with blanks"),
        pytest.param("E0-04-01-00-12-34-56-78", "ISO15693", id="UID with hyphens"),
        pytest.param("DE8AACA2B3C4D59", "eMAID", id="eMAID with check digit"),
        pytest.param("DE-8AA-CA2B3C4D5-9", "eMAID", id="eMAID with separators"),
        pytest.param("nl*8aa*123456*x", "eMAID", id="DIN SPEC 91286"),
        pytest.param("00:1B:44:11:3A:B7", "MacAddress", id="MAC with colons"),
        pytest.param("001B44113AB7", "EVCCID", id="EVCCID"),
        pytest.param("WVWZZZ1JZ3W386752", "VIN", id="VIN"),
        pytest.param("1234", "KeyCode", id="PIN"),
        pytest.param("whatever the CSMS likes", "Central", id="Central"),
        pytest.param("", "NoAuthorization", id="start button"),
        pytest.param("?", "a type of tomorrow", id="unknown type"),
    ],
)
def test_right(id_token: str, type_name: str) -> None:
    assert format_problem(id_token, type_name) == ""


@pytest.mark.parametrize(
    ("id_token", "type_name"),
    [
        pytest.param("04A2B3C", "ISO14443", id="odd digits"),
        pytest.param("04A2B3CG", "ISO14443", id="not hexadecimal"),
        pytest.param("04A2B3C4", "ISO15693", id="short"),
        pytest.param("DE-8AACA2B3C4D5-9", "eMAID", id="separators here and there"),
        pytest.param("001B44113AB", "MacAddress", id="half a byte"),
        pytest.param("00:1B-44:11:3A:B7", "MacAddress", id="mixed separators"),
        pytest.param("WVWZZZ1JZ3W38675O", "VIN", id="letter O"),
        pytest.param("1", "NoAuthorization", id="a start button with an id"),
        *(pytest.param("", name, id=f"no id, {name}") for name in TYPES if name != "NoAuthorization"),
    ],
)
def test_wrong(id_token: str, type_name: str) -> None:
    assert format_problem(id_token, type_name) != ""


def test_a_type_is_known_in_any_case() -> None:
    assert [type_of(name.swapcase()) for name in TYPES] == list(TYPES)
    assert type_of("Other") == "Other"


@pytest.mark.parametrize(
    ("id_token", "type_name", "lookup"),
    [
        pytest.param("20:69:C0:21", "ISO14443", "2069c021", id="colons"),
        pytest.param(" 20 69 c0 21 ", "iso14443", "2069c021", id="blanks"),
        pytest.param("E0-04.01-00.12-34.56-78", "ISO15693", "e004010012345678", id="hyphens and dots"),
        pytest.param("00:1B:44:11:3A:B7", "MacAddress", "001b44113ab7", id="MAC"),
        pytest.param("DE-8AA-CA2B3C4D5-9", "eMAID", "de-8aa-ca2b3c4d5-9", id="no bytes"),
        pytest.param("20:69:C0:21", "Central", "20:69:c0:21", id="any text"),
        pytest.param("20:69:C0:21", "", "20:69:c0:21", id="type not known"),
        pytest.param("::", "ISO14443", "::", id="nothing but separators"),
        pytest.param("\u212a:1", "ISO14443", "\u212a1", id="not ASCII"),
        pytest.param("", "ISO14443", "", id="nothing"),
    ],
)
def test_all_spellings_have_one_lookup(id_token: str, type_name: str, lookup: str) -> None:
    assert lookup_of(id_token, type_name) == lookup
    assert lookup in lookups_of(id_token)


def test_another_separator_is_another_spelling_and_another_case_is_not() -> None:
    assert same_spelling("20:69:C0:21", "20:69:c0:21")
    assert not same_spelling("20:69:C0:21", "2069C021")
