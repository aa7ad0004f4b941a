"""Surrogate idTags of long tokens."""

import pytest

from citrine.ocpp.surrogates import ID_TAG_LENGTH, id_tag_for, surrogate_of

EMAID = "DE-8AA-C1234567890-X"
LONG = "0123456789012345678901234567890123456789"


@pytest.mark.parametrize("id_token", ["A", EMAID, "04A2C3", ""])
def test_id_of_20_characters_is_an_id_tag_by_itself(id_token: str) -> None:
    assert id_tag_for(id_token, "eMAID") == id_token


def test_longer_id_has_a_surrogate_of_20_letters_and_digits() -> None:
    surrogate = id_tag_for(LONG, "Central")

    assert len(surrogate) == ID_TAG_LENGTH
    assert surrogate.isalnum()
    assert surrogate.isascii()


def test_surrogate_never_changes() -> None:
    """Stations hold it in their lists and caches."""
    assert surrogate_of(LONG, "Central") == "KYJO7PLNC4UMQ7KB26LK"


def test_surrogate_is_the_same_for_all_spellings_of_a_token() -> None:
    assert surrogate_of("abc" * 9, "central") == surrogate_of("ABC" * 9, "Central")


def test_tokens_of_two_types_have_two_surrogates() -> None:
    assert surrogate_of(LONG, "Central") != surrogate_of(LONG, "eMAID")


def test_letters_that_look_alike_are_two_tokens() -> None:
    """The Kelvin sign is no K."""
    assert surrogate_of("\N{KELVIN SIGN}" * 21, "Central") != surrogate_of("k" * 21, "Central")


def test_broken_text_has_a_surrogate_too() -> None:
    assert len(surrogate_of("\ud800" * 21, "Central")) == ID_TAG_LENGTH
