import pytest

from citrine.ocpp.id_tags import MAX_ID_TAG, id_tag_of, is_surrogate, surrogate_of

LONG = "DE-ABC-C12345678-90123456"


def test_a_token_of_twenty_characters_is_its_own_id_tag() -> None:
    assert id_tag_of("A" * MAX_ID_TAG, "Central") == "A" * MAX_ID_TAG


def test_a_longer_token_has_a_surrogate_that_is_always_the_same() -> None:
    assert id_tag_of(LONG, "eMAID") == "~2EY3MHZ4JGPN3Z2OQMY"
    assert surrogate_of(LONG, "eMAID") == id_tag_of(LONG, "eMAID")


@pytest.mark.parametrize("typed", ["04:A2:0B:1C:2D:3E:4F:50:61:72", "04-A2-0B-1C-2D-3E-4F-50-61-72"])
def test_a_uid_of_ten_bytes_goes_without_its_separators(typed: str) -> None:
    assert id_tag_of(typed, "ISO14443") == "04A20B1C2D3E4F506172"


def test_a_uid_that_is_short_enough_goes_as_it_was_typed() -> None:
    assert id_tag_of("04:A2:0B:1C", "ISO14443") == "04:A2:0B:1C"


def test_case_makes_no_difference_because_an_id_tag_has_none() -> None:
    assert surrogate_of(LONG.lower(), "emaid") == surrogate_of(LONG, "eMAID")


def test_tokens_of_other_types_have_other_surrogates() -> None:
    assert surrogate_of(LONG, "Central") != surrogate_of(LONG, "eMAID")


def test_a_surrogate_is_printable_and_known_by_its_form() -> None:
    surrogate = surrogate_of(LONG, "eMAID")

    assert len(surrogate) == MAX_ID_TAG
    assert surrogate.isascii()
    assert surrogate.isprintable()
    assert is_surrogate(surrogate)
    assert not is_surrogate("DEADBEEF")
