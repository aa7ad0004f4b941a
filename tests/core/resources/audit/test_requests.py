"""What the audit says of requests."""

import re

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from citrine_core.resources.audit.requests import address_of, content_of
from tests.support.contract import rpcs

SECRET = re.compile(r"(^|_)(password|credential|secret|private_key|passphrase|pin)$")


def secret_fields(message: Descriptor, *above: Descriptor) -> list[list[FieldDescriptor]]:
    """Return the ways to the fields of a message that are secret by their names."""
    found = []
    for field in message.fields:
        if field.message_type is not None and field.message_type not in above:
            found += [[field, *way] for way in secret_fields(field.message_type, message, *above)]
        elif field.type == FieldDescriptor.TYPE_STRING and SECRET.search(field.name):
            found.append([field])
    return found


def test_each_field_of_a_request_that_is_secret_by_its_name_is_masked() -> None:
    checked = []
    for kind, way in ((one.input_type, way) for one in rpcs() for way in secret_fields(one.input_type)):
        request = GetMessageClass(kind)()
        at = request
        for field in way[:-1]:
            inner = getattr(at, field.name)
            at = inner.add() if field.is_repeated else inner
        setattr(at, way[-1].name, "in clear")
        checked.append((way[-1].full_name, "in clear" in content_of(request)))

    assert {name for name, is_clear in checked if is_clear} == set()
    assert len({name for name, _ in checked}) >= 4


def test_address_is_the_host_of_the_peer() -> None:
    assert address_of("ipv4:10.0.0.1:4711") == "10.0.0.1"
    assert address_of("ipv6:%5B::1%5D:4711") == "::1"
