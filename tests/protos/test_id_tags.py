from citrine.ocpp.id_tags import MAX_ID_TAG, id_tag_of, is_surrogate, surrogate_of

LONG = "DE-ABC-C12345678-90123456"


def test_a_token_of_twenty_characters_is_its_own_id_tag() -> None:
    assert id_tag_of("A" * MAX_ID_TAG, "Central") == "A" * MAX_ID_TAG


def test_a_longer_token_has_a_surrogate_that_is_always_the_same() -> None:
    assert id_tag_of(LONG, "eMAID") == "~2EY3MHZ4JGPN3Z2OQMY"
    assert surrogate_of(LONG, "eMAID") == id_tag_of(LONG, "eMAID")


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
