"""Ids are found whole, in any spelling, and replaced by as many bytes."""

import base64
from collections.abc import Callable

import pytest

from citrine.api.v1.tariffs_pb2 import TariffAssignment
from citrine.ocpp.v2.types_pb2 import IdToken, SignedMeterValue
from citrine_core.resources.persons.messages import replace_in_json, replace_in_message
from citrine_core.resources.persons.pseudonyms import Identity, Person, pseudonym_for

CARD = Person([Identity("04A2B3C8", "ghjkmnpq")])
SHORT = Person([Identity("1234", "ghjk")])

DIGITS = Person([Identity("12500000", "ghjkmnpq")])
CONTRACT = Person([Identity("DE-ABC-C00000001-X", "ghjkmnpqrstvwxy")])


@pytest.mark.parametrize(
    ("person", "stored", "replaced"),
    [
        pytest.param(CARD, "04a2b3c8", "ghjkmnpq", id="case"),
        pytest.param(CARD, "04:A2:b3:C8", "gh:jk:mn:pq", id="separators"),
        pytest.param(CARD, '{"a":"04A2B3C8"}', '{"a":"ghjkmnpq"}', id="json"),
        pytest.param(CARD, "token 04A2B3C8 of 04A2B3C8.", "token ghjkmnpq of ghjkmnpq.", id="words"),
        pytest.param(CARD, "04A2B3C8D1", "04A2B3C8D1", id="a-longer-id"),
        pytest.param(CARD, "704A2B3C8", "704A2B3C8", id="a-longer-id-before"),
        pytest.param(SHORT, "1234", "1234", id="short"),
        pytest.param(SHORT, "1234 Wh", "1234 Wh", id="a-number"),
        pytest.param(SHORT, '"1234"', '"1234"', id="short-and-quoted"),
        pytest.param(
            SHORT, b"\x0a\x05\x31\x32\x2e\x33\x34", b"\x0a\x05\x31\x32\x2e\x33\x34", id="an-amount-in-a-message"
        ),
        pytest.param(DIGITS, "12.500000", "12.500000", id="an-amount"),
        pytest.param(DIGITS, "12:50:00:00", "gh:jk:mn:pq", id="bytes"),
        pytest.param(CONTRACT, "DEABCC00000001X", "ghjkmnpqrstvwxy", id="a-contract-without-separators"),
    ],
)
def test_ids_are_found_whole(person: Person, stored: str, replaced: str) -> None:
    assert person.replace(stored) == replaced


@pytest.mark.parametrize(
    ("identity", "stored"),
    [
        pytest.param(Identity("04A2B3C8", "ghjkmnpq"), "token 04:a2:b3:c8 of 04A2B3C8.", id="card"),
        pytest.param(Identity("DE-ABC-C00000001-X", "ghjkmnpqrstvwxy"), "DEABCC00000001X", id="contract"),
        pytest.param(Identity("fleet-4711-Süd", "ghjkmnpqrstvw"), "of fleet-4711-Süd", id="group"),
        pytest.param(Identity('a"b4711\\12', "ghjkmnpqrs"), 'a"b4711\\12', id="written in another way in JSON"),
    ],
)
def test_one_of_thousands_of_ids_is_found_as_one_alone_is(identity: Identity, stored: str) -> None:
    """A fleet has as many, in as many spellings, and each row of the tenant is looked at."""
    alone = Person([identity])
    fleet = Person([*(Identity(f"{number:0{8 + number % 3 * 6}X}", "g" * 8) for number in range(6000)), identity])

    assert fleet.replace(stored) == alone.replace(stored) != stored
    assert fleet.replace_id(identity.value) == alone.replace_id(identity.value) != identity.value
    assert fleet.has_id(identity.value)
    assert fleet.may_be_in(stored.encode())
    assert fleet.may_be_in(b"nothing of them") == alone.may_be_in(b"nothing of them")


@pytest.mark.parametrize(
    ("stored", "replaced"),
    [
        pytest.param('{"a":12500000,"b":"12500000"}', '{"a":12500000,"b":"ghjkmnpq"}', id="a-number"),
        pytest.param('{"idToken":"1234","amount":"1234"}', '{"idToken":"ghjk","amount":"1234"}', id="a-key-of-ids"),
        pytest.param('[2,"1","A",{"idTag": "1234", "n": 1234, "t": "12', None, id="cut"),
        pytest.param('{"groupIds":["a","1234"],"ids":["1234"]}', '{"groupIds":["a","ghjk"],"ids":["1234"]}', id="list"),
        pytest.param('{"idToken":"a\\"b"}', '{"idToken":"a\\"b"}', id="escaped"),
        pytest.param(
            '{"publishAllowedTo":[{"uid":"1234"}],"uid":"1234"}',
            '{"publishAllowedTo":[{"uid":"ghjk"}],"uid":"1234"}',
            id="an-evse-of-that-id",
        ),
    ],
)
def test_ids_of_any_length_are_found_by_the_keys_of_json(stored: str, replaced: str | None) -> None:
    person = Person([Identity("1234", "ghjk"), Identity("12500000", "ghjkmnpq")])

    assert replace_in_json(stored, person) == (replaced or stored.replace('"1234"', '"ghjk"'))


def test_ids_that_differ_by_separators_are_of_others_unless_they_are_bytes() -> None:
    assert (SHORT.has_id("12-34"), CARD.has_id("04-A2-B3-C8")) == (False, True)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes])
def test_signed_data_are_looked_into_in_lines_or_not(encode: Callable[[bytes], bytes]) -> None:
    said = b"OCMF|{" + b'"x":"y",' * 20 + b'"ID":"%b"}'
    message = SignedMeterValue(signed_meter_data=encode(said % b"04A2B3C8").decode())

    assert replace_in_message(message, CARD)

    assert base64.b64decode(message.signed_meter_data) == said % b"ghjkmnpq"


def test_an_id_in_fields_that_this_release_does_not_know_is_found() -> None:
    """At any depth; what is known, and what else is not known, stays."""
    unknown = b"\xc2\x3e\x08%b" + b"\xc8\x3e\x07"
    message = TariffAssignment(tariff_id="T-1", id_token=IdToken(id_token="1234", type="KeyCode"))
    for part in (message, message.id_token):
        part.MergeFromString(unknown % b"04A2B3C8")
    wanted = TariffAssignment(tariff_id="T-1", id_token=IdToken(id_token="1234", type="KeyCode"))
    for part in (wanted, wanted.id_token):
        part.MergeFromString(unknown % b"ghjkmnpq")

    assert replace_in_message(message, CARD)

    assert message.SerializeToString(deterministic=True) == wanted.SerializeToString(deterministic=True)
    assert not replace_in_message(message, CARD)


@pytest.mark.parametrize("value", ["04A2B3C8", "7" + "x" * 60, "7" + "y" * 200, "Kelvin-123-\u212a"])
def test_a_field_of_a_message_stays_a_field(value: str) -> None:
    """Whatever its length, and what stands beside it."""
    message = IdToken(id_token=value, type="ISO14443")
    person = Person([Identity(value, pseudonym_for(value))])

    read = IdToken.FromString(person.replace(message.SerializeToString()))

    assert read.type == "ISO14443"
    assert read.id_token != value
    assert len(read.id_token.encode()) == len(value.encode())
