"""Names of fields of the contract: one thing has one name, and a name says what kind of thing it is."""

import importlib
import pkgutil
from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

import citrine.api.v1
import citrine.authorizer.v1
import citrine.events.v1

BOUNDS = ("valid_from", "valid_to", "since", "_since", "_until", "_before")
"""Ends of names of times that say from or until when something holds, or is asked for."""

OF_RANGES = {"start", "end", "period_begin", "period_end"}
"""Names of times in messages that are a range of time; two are OCPI's."""

OF_OCPI = {"is_green_energy"}


def _nested(message: Descriptor) -> Iterator[FieldDescriptor]:
    yield from message.fields
    for nested in message.nested_types:
        yield from _nested(nested)


def _fields() -> Iterator[FieldDescriptor]:
    for package in (citrine.api.v1, citrine.authorizer.v1, citrine.events.v1):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if module.name.endswith("_pb2"):
                for message in importlib.import_module(module.name).DESCRIPTOR.message_types_by_name.values():
                    yield from _nested(message)


def test_an_id_is_called_by_what_it_is_of() -> None:
    """The same in the message of the object, in requests and in events."""
    assert [field.full_name for field in _fields() if field.name == "id"] == []


def test_a_boolean_is_called_by_what_is_true() -> None:
    found = {field.full_name for field in _fields() if field.name.startswith("is_") and field.name not in OF_OCPI}

    assert found == set()


def test_a_time_is_called_time_or_says_from_or_until_when_something_holds() -> None:
    times = [
        field
        for field in _fields()
        if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp"
    ]

    found = {
        field.full_name for field in times if not field.name.endswith(("time", *BOUNDS)) and field.name not in OF_RANGES
    }

    assert len(times) > 100
    assert found == set()


def test_what_was_deleted_is_not_called_removed() -> None:
    found = {field.full_name for field in _fields() if field.name.startswith(("remove", "include_removed"))}

    assert found == set()
