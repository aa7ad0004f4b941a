"""Ids are found whole, in any spelling, and replaced by as many bytes."""

import pytest

from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.resources.persons.pseudonyms import Identity, Person, pseudonym_for

CARD = Person([Identity("04A2B3C8", "ghjkmnpq")])
SHORT = Person([Identity("1234", "ghjk")])


@pytest.mark.parametrize(
    ("person", "stored", "replaced"),
    [
        pytest.param(CARD, "04a2b3c8", "ghjkmnpq", id="case"),
        pytest.param(CARD, "04:A2:b3:C8", "gh:jk:mn:pq", id="separators"),
        pytest.param(CARD, '{"a":"04A2B3C8"}', '{"a":"ghjkmnpq"}', id="json"),
        pytest.param(CARD, "token 04A2B3C8 of 04A2B3C8.", "token ghjkmnpq of ghjkmnpq.", id="words"),
        pytest.param(CARD, "04A2B3C8D1", "04A2B3C8D1", id="a-longer-id"),
        pytest.param(CARD, "704A2B3C8", "704A2B3C8", id="a-longer-id-before"),
        pytest.param(SHORT, "1234", "ghjk", id="short"),
        pytest.param(SHORT, "1234 Wh", "1234 Wh", id="a-number"),
        pytest.param(SHORT, '"1234"', '"ghjk"', id="short-and-quoted"),
    ],
)
def test_ids_are_found_whole(person: Person, stored: str, replaced: str) -> None:
    assert person.replace(stored) == replaced


@pytest.mark.parametrize("value", ["04A2B3C8", "x" * 60, "y" * 200, "Kelvin-\u212a"])
def test_a_field_of_a_message_stays_a_field(value: str) -> None:
    """Whatever its length, and what stands beside it."""
    message = IdToken(id_token=value, type="ISO14443")
    person = Person([Identity(value, pseudonym_for(value))])

    read = IdToken.FromString(person.replace(message.SerializeToString()))

    assert read.type == "ISO14443"
    assert read.id_token != value
    assert len(read.id_token.encode()) == len(value.encode())
