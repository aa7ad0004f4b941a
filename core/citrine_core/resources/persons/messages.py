"""Replaces the ids of a person in messages, by their descriptors, and in JSON, by its keys.

A field that has the id of a token, and nothing else, is compared as a whole. In all other texts only ids are found that
nothing else is written like.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from citrine_core.resources.persons.fields import is_id_field, is_id_key
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["change_json", "replace_in_json", "replace_in_message", "replace_in_pairs"]

_SIGNED = "signed_meter_data"
"""Field with text of base64."""

_AMOUNT = re.compile(r"[-+]?\d+(?:\.\d+)?")
"""Amounts are texts in our own messages."""

_OURS = ("citrine.api.", "citrine.events.")

_JSON = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""A string of JSON, of which the last may be cut, or a bracket."""

_PAIR = re.compile(r"(?P<name>\w+)=(?P<value>.*?)(?=, \w+=|\Z)", re.DOTALL)

_COLON = re.compile(r"\s*:")


def replace_in_message(message: Message, person: Person) -> bool:
    """Replace the ids of a person in a message, in place; return whether there were any."""
    changed = False
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            changed |= _replace_in_field(field, value, person)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                for position, one in enumerate(value):
                    value[position] = _replaced(field, one, person)
                    changed |= value[position] != one
            elif (new := _replaced(field, value, person)) != value:
                setattr(message, field.name, new)
                changed = True
    return changed


def replace_in_json(text: str, person: Person) -> str:
    """Return a text of JSON, which may be cut, with the ids of a person replaced; all else stays as it is written."""
    return change_json(text, lambda keys, value: _of_json(keys, value, person))


def replace_in_pairs(text: str, person: Person) -> str:
    """Return a text such as "station_id=CS-1, id_token=AB", which may be cut, with the ids of a person replaced."""

    def replaced(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        return f"{name}={_of_json([name], value, person)}"

    return _PAIR.sub(replaced, text)


def change_json(text: str, change: Callable[[Sequence[str], str], str]) -> str:
    """Return a text of JSON, which may be cut, with its values that are strings changed.

    Args:
        text: The text.
        change: Returns the new value, given the keys that lead to it and the value.
    """
    keys: list[str] = []
    parts, done = [], 0
    for found in _JSON.finditer(text):
        token = found[0]
        if token in "[{":
            # Elements of an array have the key of the array.
            keys.append(keys[-1] if token == "[" and keys else "")
        elif token in "]}":
            if keys:
                keys.pop()
        else:
            value = _loaded(token)
            if _COLON.match(text, found.end()):
                if keys:
                    keys[-1] = value
            elif (new := change(keys, value)) != value:
                parts += [text[done : found.start()], orjson.dumps(new).decode()]
                done = found.end()
    return "".join([*parts, text[done:]])


def _loaded(token: str) -> str:
    try:
        return str(orjson.loads(token))
    except orjson.JSONDecodeError:
        return token.strip('"')


def _of_json(keys: Sequence[str], value: str, person: Person) -> str:
    return str(person.replace_id(value) if is_id_key(keys) else person.replace(value))


def _replace_in_field(field: FieldDescriptor, value: Any, person: Person) -> bool:
    assert field.message_type is not None
    if field.message_type.GetOptions().map_entry:
        # Labels, of stations.
        return False
    changed = False
    for one in value if field.is_repeated else [value]:
        if isinstance(one, Struct | Value | ListValue):
            changed |= _replace_in_struct(one, person, (field.name,))
        else:
            changed |= replace_in_message(one, person)
    return changed


def _replace_in_struct(value: Struct | Value | ListValue, person: Person, keys: tuple[str, ...]) -> bool:
    if isinstance(value, Struct):
        return sum(_replace_in_struct(one, person, (*keys, key)) for key, one in value.fields.items()) > 0
    if isinstance(value, ListValue):
        return sum(_replace_in_struct(one, person, keys) for one in value.values) > 0
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _replace_in_struct(value.struct_value, person, keys)
    if kind == "list_value":
        return _replace_in_struct(value.list_value, person, keys)
    before = value.string_value
    if kind == "string_value":
        value.string_value = _of_json(keys, before, person)
    return value.string_value != before


def _replaced(field: FieldDescriptor, value: str, person: Person) -> str:
    if is_id_field(field):
        return str(person.replace_id(value))
    if field.name == _SIGNED:
        return _in_base64(value, person)
    assert field.containing_type is not None
    is_of_others = field.name == "id" or field.name.endswith(("_id", "_ids"))
    if is_of_others or (field.containing_type.full_name.startswith(_OURS) and _AMOUNT.fullmatch(value)):
        return value
    return str(person.replace(value))


def _in_base64(value: str, person: Person) -> str:
    try:
        content = base64.b64decode(value, validate=True)
    except binascii.Error:
        return str(person.replace(value))
    replaced = person.replace(content)
    return value if replaced == content else base64.b64encode(replaced).decode()
